//! Names in the Unix domain as a part of an endpoint, in which a question mark begins the options: `%3F` stands for it there, and
//! `%25` for a percent sign. Every other percent sign is itself.

/// The name that `text` stands for.
pub(super) fn decoded(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        name.push_str(before);
        (name, rest) = match digits(behind) {
            Some((character, behind)) => (name + character, behind),
            None => (name + "%", behind),
        };
    }
    name + rest
}

/// The text that stands for `name`: the name itself, as far as it can be.
pub(super) fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for (at, character) in name.char_indices() {
        match character {
            '?' => text.push_str("%3F"),
            '%' if name.get(at + 1..).and_then(digits).is_some() => text.push_str("%25"),
            _ => text.push(character),
        }
    }
    text
}

/// What the two digits behind a percent sign stand for, and what is behind them.
fn digits(text: &str) -> Option<(&'static str, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    match digits {
        "3F" | "3f" => Some(("?", rest)),
        "25" => Some(("%", rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_question_mark_and_a_percent_sign_have_a_form() {
        for (text, name) in [
            ("/a%3Fb", "/a?b"),
            ("/a%3fb", "/a?b"),
            ("/100%25", "/100%"),
            ("/100%", "/100%"),
            ("/%253F", "/%3F"),
            ("/%2F%41", "/%2F%41"),
            ("/%%25", "/%%"),
            ("/%2", "/%2"),
            ("/%\u{e4}3F", "/%\u{e4}3F"),
        ] {
            assert_eq!(decoded(text), name);
        }
    }

    proptest! {
        #[test]
        fn each_name_has_a_text_that_stands_for_it(name in "[%?253Ffa\u{e4}]{0,12}") {
            let text = encoded(&name);
            prop_assert_eq!(decoded(&text), name);
            prop_assert!(!text.contains('?'));
        }
    }
}
