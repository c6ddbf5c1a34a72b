//! Text with places that are filled in.

/// A text in which the words between these marks are filled in. What they are filled with is not looked at again.
pub(super) fn filled(text: &str, (begin, end): (&str, &str), value: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(begin);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(end).unwrap_or((part, ""));
        filled.push_str(&value(name));
        filled.push_str(rest);
    }
    filled
}
