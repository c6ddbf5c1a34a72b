//! Where an answer ends.

use std::str::FromStr;

use welcomed::command_line;

use crate::plan::exchange::escapes::unescaped;

/// The most bytes of a delimiter.
const DELIMITER_MAX_BYTES: usize = 1024;

/// The longest answer of a fixed length.
const BYTES_MAX: u32 = u32::MAX;

/// Where an answer ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Until {
    /// With the end of input: the server closes.
    End,
    /// With so many bytes, at least 1.
    Bytes(u64),
    /// With this delimiter, which is no part of the answer.
    Text(Vec<u8>),
}

impl FromStr for Until {
    type Err = String;

    /// As people write it: `end`, `bytes:8`, `text:\r\n`.
    fn from_str(text: &str) -> Result<Until, String> {
        match text.split_once(':') {
            None if text == "end" => Ok(Until::End),
            Some(("bytes", count)) => {
                let bytes = command_line::count(count, 1..=BYTES_MAX);
                bytes.map(|bytes| Until::Bytes(bytes.into())).map_err(|why| format!("bytes: {why}"))
            }
            Some(("text", delimiter)) => {
                let delimiter = unescaped(delimiter)?;
                match delimiter.len() {
                    0 => Err("text: a delimiter has at least one byte".into()),
                    1..=DELIMITER_MAX_BYTES => Ok(Until::Text(delimiter)),
                    _ => Err(format!("text: a delimiter has at most {DELIMITER_MAX_BYTES} bytes")),
                }
            }
            _ => Err(r"accepted are end, bytes:8 and text:\r\n".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_end_of_an_answer_is_written_in_one_way() {
        use super::Until;
        assert_eq!("end".parse(), Ok(Until::End));
        assert_eq!("bytes:8".parse(), Ok(Until::Bytes(8)));
        assert_eq!(r"text:\r\n\r\n".parse(), Ok(Until::Text(b"\r\n\r\n".to_vec())));
        assert_eq!("text:a:b".parse(), Ok(Until::Text(b"a:b".to_vec())));
        let long = format!("text:{}", "x".repeat(1025));
        for text in [
            "",
            "End",
            "end:",
            "bytes",
            "bytes:",
            "bytes:0",
            "bytes:-1",
            "bytes:+1",
            "bytes:1e3",
            "text",
            "text:",
            r"text:\q",
            "8",
            &long,
        ] {
            assert!(text.parse::<Until>().is_err(), "{text}");
        }
    }
}
