//! A name that is shown can forge nothing, hides nothing, and is not much longer than the name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use welcomed::text::Escaped;

/// The longest that one byte of a name gets: `\u{1b}`.
const GROWTH_MAX: usize = 6;

/// Format characters, separators and private use: the categories Cf, Zs, Zl, Zp and Co of Unicode 16 but
/// the space. Controls (Cc) are known to the standard library.
const UNSEEN: &[(u32, u32)] = &[
    (0xa0, 0xa0),
    (0xad, 0xad),
    (0x600, 0x605),
    (0x61c, 0x61c),
    (0x6dd, 0x6dd),
    (0x70f, 0x70f),
    (0x890, 0x891),
    (0x8e2, 0x8e2),
    (0x1680, 0x1680),
    (0x180e, 0x180e),
    (0x2000, 0x200f),
    (0x2028, 0x202f),
    (0x205f, 0x2064),
    (0x2066, 0x206f),
    (0x3000, 0x3000),
    (0xe000, 0xf8ff),
    (0xfeff, 0xfeff),
    (0xfff9, 0xfffb),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0001, 0xe0001),
    (0xe0020, 0xe007f),
    (0xf0000, 0x0010_ffff),
];

fn is_seen(c: char) -> bool {
    !c.is_control() && !UNSEEN.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)))
}

/// What the escapes of `shown` stand for. Two names that are shown alike are alike.
fn meant(shown: &str) -> Option<String> {
    let (mut meant, mut rest) = (String::new(), shown);
    while let Some((before, escape)) = rest.split_once('\\') {
        meant.push_str(before);
        let kind = escape.chars().next()?;
        rest = escape.strip_prefix(kind)?;
        meant.push(match kind {
            '0' => '\0',
            't' => '\t',
            'r' => '\r',
            'n' => '\n',
            '\\' => '\\',
            'u' => {
                let (digits, after) = rest.strip_prefix('{')?.split_once('}')?;
                rest = after;
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
            }
            _ => return None,
        });
    }
    Some(meant + rest)
}

fuzz_target!(|name: &[u8]| {
    let shown = Escaped(name).to_string();
    assert!(shown.chars().all(is_seen), "{shown:?}");
    assert!(shown.len() <= GROWTH_MAX * name.len(), "{} bytes became {}", name.len(), shown.len());
    assert_eq!(meant(&shown).as_deref(), Some(&*String::from_utf8_lossy(name)), "{shown:?}");
});
