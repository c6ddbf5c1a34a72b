//! One answer as it comes: where it ends, and whether it is the right one.

use crate::plan::exchange::comparison::{Comparison, Difference};
use crate::plan::exchange::response::Response;
use crate::plan::exchange::status::Statuses;
use crate::plan::exchange::until::Until;

/// How much of an answer is kept, to be shown if it is wrong.
pub(crate) const SAMPLE_MAX_BYTES: usize = 512;

/// What an answer was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The right one.
    Right,
    /// It ended too early.
    Short,
    /// It is another one.
    Wrong,
    /// More came.
    Extra,
    /// Its status is not the right one.
    Status(u16),
}

/// Where an answer ends, and how far it has come.
#[derive(Debug)]
pub(super) enum Framing {
    /// With the end of input.
    End,
    /// With so many bytes more.
    Bytes(u64),
    /// With a delimiter. What may be its beginning is held.
    Text { delimiter: Vec<u8>, held: Vec<u8> },
    /// As a response of HTTP/1.1 does, and if the server was asked to close, when it has done so. These statuses are right.
    Http { response: Response, statuses: Vec<Statuses>, closes: bool },
}

impl Framing {
    pub(super) fn http(statuses: Vec<Statuses>, closes: bool) -> Framing {
        Framing::Http { response: Response::new(), statuses, closes }
    }

    pub(super) fn until(until: &Until) -> Framing {
        match until {
            Until::End => Framing::End,
            Until::Bytes(bytes) => Framing::Bytes(*bytes),
            Until::Text(delimiter) => Framing::Text { delimiter: delimiter.clone(), held: Vec::new() },
        }
    }
}

/// One answer as it comes.
#[derive(Debug)]
pub(crate) struct Answer {
    framing: Framing,
    comparison: Comparison,
    /// The first bytes that came.
    sample: Vec<u8>,
    /// How many bytes came.
    came: u64,
    /// Whether its end has come.
    is_whole: bool,
    /// Whether bytes came behind its end.
    has_more: bool,
    /// Whether the end of input has come.
    has_ended: bool,
}

impl Answer {
    /// An answer that ends as `framing` says, of which nothing has come. Without `expected` any is right.
    pub(super) fn new(framing: Framing, expected: Option<Vec<u8>>) -> Answer {
        let comparison = Comparison::with(expected);
        let (sample, came) = (Vec::new(), 0);
        Answer { framing, comparison, sample, came, is_whole: false, has_more: false, has_ended: false }
    }

    /// Bytes have come.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        let room = SAMPLE_MAX_BYTES - self.sample.len().min(SAMPLE_MAX_BYTES);
        self.sample.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.came += bytes.len() as u64;
        let behind = if self.is_whole { bytes.len() } else { self.take(bytes) };
        self.has_more |= behind > 0;
    }

    /// Takes the bytes up to the answer's end. Gives how many stand behind it.
    fn take(&mut self, bytes: &[u8]) -> usize {
        match &mut self.framing {
            Framing::End => {
                self.comparison.note(bytes);
                0
            }
            Framing::Bytes(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                self.comparison.note(bytes.get(..length).unwrap_or_default());
                *left -= length as u64;
                self.is_whole = *left == 0;
                bytes.len() - length
            }
            Framing::Text { delimiter, held } => {
                held.extend_from_slice(bytes);
                let found = held.windows(delimiter.len()).position(|window| window == delimiter);
                self.is_whole = found.is_some();
                // The beginning of a delimiter can stand at the end.
                let length = found.unwrap_or((held.len() + 1).saturating_sub(delimiter.len()));
                self.comparison.note(held.get(..length).unwrap_or_default());
                held.drain(..length);
                if self.is_whole { held.len() - delimiter.len() } else { 0 }
            }
            Framing::Http { response, .. } => {
                let behind = response.take(bytes, &mut self.comparison);
                self.is_whole = response.is_whole();
                behind
            }
        }
    }

    /// The end of input has come.
    pub(crate) fn end_of_input(&mut self) {
        self.has_ended = true;
        match &mut self.framing {
            Framing::End => self.is_whole = true,
            Framing::Text { held, .. } if !self.is_whole => self.comparison.note(held),
            Framing::Bytes(_) | Framing::Text { .. } => {}
            Framing::Http { response, .. } => {
                response.end_of_input();
                self.is_whole = response.is_whole();
            }
        }
    }

    /// Bytes had come before its request was sent. They are more than the answer before.
    pub(crate) fn spoil(&mut self, bytes: &[u8]) {
        self.sample.extend_from_slice(bytes);
        self.came += bytes.len() as u64;
        (self.is_whole, self.has_more) = (true, true);
    }

    /// Whether nothing more is to be read: its end has come, or nothing that comes can change what it is.
    pub(crate) fn is_over(&self) -> bool {
        match &self.framing {
            Framing::Http { response, .. } if response.is_malformed() => true,
            Framing::Http { closes: true, .. } => self.is_whole && (self.has_ended || self.has_more),
            Framing::End | Framing::Bytes(_) | Framing::Text { .. } | Framing::Http { .. } => self.is_whole,
        }
    }

    /// Whether the server is to close behind it.
    pub(crate) fn is_to_close(&self) -> bool {
        matches!(self.framing, Framing::Http { closes: true, .. })
    }

    /// Whether it is whole, and the connection is kept for the next request.
    pub(crate) fn is_kept(&self) -> bool {
        let keeps = match &self.framing {
            Framing::End => false,
            Framing::Bytes(_) | Framing::Text { .. } => true,
            Framing::Http { response, .. } => response.keeps(),
        };
        keeps && self.is_whole && !self.has_more && !self.has_ended
    }

    /// Whether its end has come.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// How many bytes came.
    pub(crate) fn came(&self) -> u64 {
        self.came
    }

    /// The first bytes that came, at most [`SAMPLE_MAX_BYTES`].
    pub(crate) fn sample(&self) -> &[u8] {
        &self.sample
    }

    /// What it was, if nothing more comes.
    pub(crate) fn verdict(&self) -> Verdict {
        if let Framing::Http { response, statuses, .. } = &self.framing {
            if response.is_malformed() {
                return Verdict::Wrong;
            }
            let status = response.status;
            if self.is_whole && !self.has_more && !statuses.iter().any(|right| right.contain(status)) {
                return Verdict::Status(status);
            }
        }
        match self.comparison.difference() {
            _ if self.is_whole && self.has_more => Verdict::Extra,
            // A server that just closes has not answered.
            Difference::None if self.came == 0 && self.comparison.takes_any() => Verdict::Short,
            Difference::Other => Verdict::Wrong,
            _ if !self.is_whole => Verdict::Short,
            Difference::Extra => Verdict::Extra,
            Difference::Short => Verdict::Short,
            Difference::None => Verdict::Right,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer that comes in pieces of so many bytes, and then the end of input.
    fn cut(until: &str, expected: Option<&str>, came: &[u8], cut: usize) -> Answer {
        let expected = expected.map(|expected| expected.as_bytes().to_vec());
        let mut answer = Answer::new(Framing::until(&until.parse().unwrap()), expected);
        came.chunks(cut).for_each(|bytes| answer.receive(bytes));
        answer
    }

    #[test]
    fn an_answer_ends_where_it_is_said_to_however_it_is_cut() {
        for (until, came, is_whole, verdict) in [
            ("end", &b"welcome"[..], false, Verdict::Right),
            ("bytes:7", b"welcome", true, Verdict::Right),
            ("bytes:7", b"welcom", false, Verdict::Short),
            ("bytes:7", b"welcome!", true, Verdict::Extra),
            ("bytes:6", b"welcom", true, Verdict::Short),
            ("bytes:8", b"welcome!", true, Verdict::Extra),
            ("bytes:7", b"welcame", true, Verdict::Wrong),
            (r"text:\r\n", b"welcome\r\n", true, Verdict::Right),
            (r"text:\r\n", b"welcome\r", false, Verdict::Short),
            (r"text:\r\n", b"welcome\r\n\n", true, Verdict::Extra),
            (r"text:\r\n", b"\r\n", true, Verdict::Short),
            (r"text:\r\n", b"welcome\r\r\n", true, Verdict::Extra),
            (r"text:aab", b"welcomeaab", true, Verdict::Right),
        ] {
            for size in 1..=came.len() {
                let mut answer = cut(until, Some("welcome"), came, size);
                assert_eq!(answer.is_whole(), is_whole, "{until} by {size}");
                answer.end_of_input();
                assert_eq!(answer.verdict(), verdict, "{until}, {came:?} by {size}");
                assert_eq!((answer.came(), answer.sample()), (came.len() as u64, came));
            }
        }
    }

    #[test]
    fn without_an_expectation_any_answer_that_ends_is_right() {
        for (until, came, verdict) in [
            ("end", &b""[..], Verdict::Short),
            ("end", b"x", Verdict::Right),
            ("bytes:2", b"ab", Verdict::Right),
            ("bytes:2", b"a", Verdict::Short),
            ("bytes:2", b"abc", Verdict::Extra),
            ("text:.", b"a.", Verdict::Right),
            ("text:.", b"a", Verdict::Short),
        ] {
            let mut answer = cut(until, None, came, 3);
            answer.end_of_input();
            assert_eq!(answer.verdict(), verdict, "{until}, {came:?}");
        }
    }

    #[test]
    fn of_a_long_answer_a_bounded_part_is_kept() {
        let long = vec![b'x'; 100_000];
        let answer = cut("text:.", None, &long, 700);
        assert_eq!((answer.came(), answer.sample().len()), (100_000, SAMPLE_MAX_BYTES));
        let Framing::Text { held, .. } = &answer.framing else { unreachable!("it is") };
        assert!(held.is_empty(), "{} bytes", held.len());
    }
}
