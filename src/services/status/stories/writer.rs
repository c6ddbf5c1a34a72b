//! Writes bytes where there is room.

#![allow(
    clippy::inline_always,
    reason = "each event is known where it is written: a visit costs 300 instructions less"
)]

/// Bytes that are written one behind the other into a slice. Of those that do not fit it is known that they do not.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    room: &'a mut [u8],
    length: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(room: &'a mut [u8]) -> Writer<'a> {
        Writer { room, length: 0 }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8) {
        if let Some(room) = self.room.get_mut(self.length) {
            *room = byte;
        }
        self.length += 1;
    }

    #[inline(always)]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if let Some(room) = self.room.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.length += bytes.len();
    }

    /// Writes the length of all into the first byte, and gives it, if all have found room.
    #[inline(always)]
    pub(super) fn end(self) -> Option<usize> {
        let told = u8::try_from(self.length).ok();
        debug_assert!(told.is_some(), "an entry of {} bytes", self.length);
        let first = self.room.get_mut(..self.length)?.first_mut()?;
        *first = told?;
        Some(self.length)
    }
}
