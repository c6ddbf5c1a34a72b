//! Numbers of as many bytes as they need, seven bits in each (LEB128).

#![allow(
    clippy::inline_always,
    reason = "each event is known where it is written: a visit costs 300 instructions less"
)]

use super::writer::Writer;

/// The most bytes of one.
pub(super) const MAX_BYTES: usize = 10;

/// Appends a number.
#[inline(always)]
pub(super) fn put(to: &mut Writer<'_>, mut number: u64) {
    while number >= 0x80 {
        to.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    to.push(low_byte(number));
}

/// Takes a number from the beginning of the bytes.
#[inline]
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..).step_by(7).take(MAX_BYTES) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// A difference, so that a small one is a small number, whether it is below zero or above.
#[inline(always)]
pub(super) fn zigzag(difference: i64) -> u64 {
    ((difference << 1) ^ (difference >> 63)).cast_unsigned()
}

/// The difference of which that was made.
#[inline]
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[inline]
fn low_byte(number: u64) -> u8 {
    (number & 0x7f) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_afterwards() {
        for number in [0, 1, 127, 128, 300, 1 << 14, 1 << 40, u64::MAX - 1, u64::MAX] {
            let mut bytes = [0; 1 + MAX_BYTES];
            let mut writer = Writer::new(&mut bytes);
            writer.push(0);
            put(&mut writer, number);
            let length = writer.end().unwrap();
            let mut rest = &bytes[1..length];
            assert_eq!(take(&mut &bytes[1..length - 1]), None, "a part of {number}");
            assert_eq!((take(&mut rest), rest), (Some(number), &[][..]));
        }
        for difference in [0, 1, -1, 63, -64, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(difference)), difference);
        }
        assert!(zigzag(-64) < 128 && zigzag(63) < 128);
    }
}
