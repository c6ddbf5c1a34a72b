//! A ring of bytes of a fixed size, in which entries stand one behind the other. The oldest go first.
//!
//! It is made of blocks, and when the last one is full the oldest is emptied: that costs nothing, however many entries go.
//!
//! An entry is its length, its tag, its conversation and its moment, and what the tag says of it. Conversation and moment
//! are told by their difference from those of the entry before, which makes them a byte each as a rule.

#![allow(
    clippy::inline_always,
    reason = "each event is known where it is written: a visit costs 300 instructions less"
)]

use super::varint::{self, put, unzigzag, zigzag};
use super::writer::Writer;

/// The most bytes that the tag says of an entry.
pub(super) const CONTENT_MAX_BYTES: usize = u8::MAX as usize - 2 - 2 * varint::MAX_BYTES;

/// How many blocks there are, and how many bytes each has at least if there are several.
const BLOCKS_MAX: usize = 64;
const BLOCK_MIN_BYTES: usize = 1024;

/// The entries.
#[derive(Debug)]
pub(super) struct Ring {
    bytes: Box<[u8]>,
    /// The oldest is the one behind the newest.
    blocks: Box<[Block]>,
    block_bytes: usize,
    /// The block that is written to.
    newest: usize,
    /// Whose the last entry was, and when.
    last: Head,
}

/// One block.
#[derive(Clone, Copy, Default, Debug)]
struct Block {
    /// Its first entry tells its difference from this.
    before: Head,
    used: usize,
}

/// What every entry says.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Head {
    /// The number of the conversation.
    pub(super) number: u64,
    /// When, in microseconds.
    pub(super) micros: u64,
}

impl Head {
    #[inline(always)]
    fn put_after(self, before: Head, to: &mut Writer<'_>) {
        let number = zigzag(self.number.wrapping_sub(before.number).cast_signed());
        let micros = zigzag(self.micros.wrapping_sub(before.micros).cast_signed());
        match (u8::try_from(number), u8::try_from(micros)) {
            (Ok(number @ 0..0x80), Ok(micros @ 0..0x80)) => to.extend(&[number, micros]),
            _ => put_both(number, micros, to),
        }
    }

    #[inline]
    fn take_after(before: Head, bytes: &mut &[u8]) -> Option<Head> {
        let number = before.number.wrapping_add_signed(unzigzag(varint::take(bytes)?));
        let micros = before.micros.wrapping_add_signed(unzigzag(varint::take(bytes)?));
        Some(Head { number, micros })
    }
}

#[inline(never)]
fn put_both(number: u64, micros: u64, to: &mut Writer<'_>) {
    put(to, number);
    put(to, micros);
}

/// An entry, as it is read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry<'a> {
    pub(super) head: Head,
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Where it stands, for [`Ring::at`].
    pub(super) place: Place,
}

/// Where an entry stands, until the ring is written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    start: usize,
    before: Head,
}

impl Ring {
    /// A ring of so many bytes; of none it keeps nothing. It has its memory from the beginning: bytes other than 0 are written into
    /// all of it, so that the process does not grow with its clients.
    pub(super) fn new(bytes: usize) -> Ring {
        let blocks = (bytes / BLOCK_MIN_BYTES).clamp(1, BLOCKS_MAX);
        Ring {
            bytes: vec![u8::MAX; bytes].into(),
            blocks: vec![Block::default(); blocks].into(),
            block_bytes: bytes / blocks,
            newest: 0,
            last: Head::default(),
        }
    }

    /// How many bytes it has.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// How many of them are in use.
    pub(super) fn used(&self) -> usize {
        self.blocks.iter().map(|block| block.used).sum()
    }

    /// Writes an entry, of which `content` says at most [`CONTENT_MAX_BYTES`]. The oldest block makes room for it. One that is
    /// larger than a block is left out.
    #[inline(always)]
    pub(super) fn push(&mut self, head: Head, tag: u8, content: impl Fn(&mut Writer<'_>)) {
        if self.bytes.is_empty() || self.write(head, tag, &content) {
            return;
        }
        self.next_block(head);
        self.write(head, tag, &content);
    }

    /// Writes an entry where there is room in the newest block. Gives whether there was.
    #[inline(always)]
    fn write(&mut self, head: Head, tag: u8, content: impl Fn(&mut Writer<'_>)) -> bool {
        let Some(block) = self.blocks.get_mut(self.newest) else { return false };
        let start = self.newest * self.block_bytes;
        let room = self.bytes.get_mut(start + block.used..start + self.block_bytes);
        let mut writer = Writer::new(room.unwrap_or_default());
        writer.extend(&[0, tag]);
        head.put_after(self.last, &mut writer);
        content(&mut writer);
        let Some(length) = writer.end() else { return false };
        block.used += length;
        self.last = head;
        true
    }

    /// The oldest entries go.
    #[cold]
    fn next_block(&mut self, head: Head) {
        self.newest = (self.newest + 1) % self.blocks.len().max(1);
        self.last = head;
        if let Some(block) = self.blocks.get_mut(self.newest) {
            *block = Block { before: head, used: 0 };
        }
    }

    /// The entry at a place, and its length.
    #[inline]
    fn entry(&self, place: Place) -> Option<(Entry<'_>, usize)> {
        let length = usize::from(*self.bytes.get(place.start)?);
        let [_, tag, rest @ ..] = self.bytes.get(place.start..place.start + length)? else { return None };
        let mut content = rest;
        let head = Head::take_after(place.before, &mut content)?;
        Some((Entry { head, tag: *tag, content, place }, length))
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Shows every entry of the blocks from this on, the oldest first. The first block is the oldest.
    pub(super) fn for_each(&self, blocks: std::ops::Range<usize>, mut see: impl FnMut(Entry<'_>)) {
        for age in blocks {
            let number = (self.newest + 1 + age) % self.blocks.len().max(1);
            let Some(Block { before, used }) = self.blocks.get(number) else { return };
            let (first, mut before) = (number * self.block_bytes, *before);
            let mut start = first;
            while start < first + used {
                let Some((entry, length)) = self.entry(Place { start, before }) else { return };
                see(entry);
                before = entry.head;
                start += length;
            }
        }
    }

    /// Shows the entry of a place.
    pub(super) fn at<T>(&self, place: Place, see: impl FnOnce(Entry<'_>) -> T) -> Option<T> {
        self.entry(place).map(|(entry, _)| see(entry))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Number, moment, tag, content.
    type Plain = (u64, u64, u8, Vec<u8>);

    fn read(ring: &Ring) -> Vec<Plain> {
        let mut read = Vec::new();
        ring.for_each(0..ring.blocks(), |entry| {
            let Entry { head: Head { number, micros }, tag, content, place } = entry;
            assert_eq!(ring.at(place, |entry| entry.tag), Some(tag));
            read.push((number, micros, tag, content.to_vec()));
        });
        read
    }

    fn push(ring: &mut Ring, (number, micros, tag, content): &Plain) {
        ring.push(Head { number: *number, micros: *micros }, *tag, |to| to.extend(content));
    }

    /// What is read back is what was written last, without a gap, and of an entry that does not fit nothing.
    #[track_caller]
    fn holds_the_newest(ring: &Ring, written: &[Plain]) {
        let kept = read(ring);
        let fit: Vec<&Plain> = written.iter().filter(|entry| longest(entry) <= ring.block_bytes).collect();
        let newest = fit.len().saturating_sub(kept.len());
        assert_eq!(kept.iter().collect::<Vec<_>>(), fit[newest..]);
        assert!(ring.used() <= ring.capacity());
        if newest > 0 {
            // One block has been emptied, and each of the others has no room for one entry more.
            let least = (ring.blocks() - 1) * ring.block_bytes.saturating_sub(255);
            assert!(ring.used() >= least, "{} bytes of {} are in use", ring.used(), ring.capacity());
        }
    }

    /// The length of an entry, if it is nothing like the one before.
    fn longest((.., content): &Plain) -> usize {
        2 + 2 * varint::MAX_BYTES + content.len()
    }

    fn entry() -> impl Strategy<Value = Plain> {
        let content = prop_oneof![
            9 => prop::collection::vec(any::<u8>(), 0..20),
            1 => prop::collection::vec(any::<u8>(), CONTENT_MAX_BYTES)
        ];
        let number = prop_oneof![0..200_u64, any::<u64>()];
        (number, prop_oneof![0..1000_u64, any::<u64>()], any::<u8>(), content)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        #[test]
        fn the_newest_entries_are_read_back(
            capacity in 255..5000_usize,
            entries in prop::collection::vec(entry(), 0..500),
        ) {
            let mut ring = Ring::new(capacity);
            for (place, entry) in entries.iter().enumerate() {
                push(&mut ring, entry);
                if place % 50 == 0 {
                    holds_the_newest(&ring, &entries[..=place]);
                }
            }
            holds_the_newest(&ring, &entries);
        }

        #[test]
        fn a_ring_of_a_few_bytes_keeps_what_fits(
            capacity in 0..255_usize,
            entries in prop::collection::vec(entry(), 0..100),
        ) {
            let mut ring = Ring::new(capacity);
            for (place, entry) in entries.iter().enumerate() {
                push(&mut ring, entry);
                let kept = read(&ring);
                prop_assert!(ring.used() <= capacity);
                // A short entry is there, or had no room beside a long difference; and nothing but what was written is.
                let fits = longest(entry) <= capacity;
                prop_assert!(!fits || kept.last() == Some(entry));
                prop_assert!(kept.iter().all(|entry| entries[..=place].contains(entry)));
            }
        }
    }

    #[test]
    fn of_100_000_entries_the_newest_are_read_back() {
        let mut ring = Ring::new(100_007);
        let entry = |number: u64| {
            let content = vec![7; usize::try_from(number % 23).unwrap()];
            (number / 3, number * number, u8::try_from(number % 251).unwrap(), content)
        };
        let written: Vec<Plain> = (0..100_000).map(entry).collect();
        for entry in &written {
            push(&mut ring, entry);
        }
        holds_the_newest(&ring, &written);
        assert!(read(&ring).len() > 5000);
    }

    #[test]
    fn without_bytes_nothing_is_kept() {
        let mut ring = Ring::new(0);
        push(&mut ring, &(1, 2, 3, vec![4]));
        assert_eq!((read(&ring), ring.used(), ring.capacity()), (vec![], 0, 0));
    }

    #[test]
    fn an_entry_that_just_fits_is_kept() {
        // Two bytes, the differences from nothing, and the content.
        for (capacity, is_kept) in [(9, true), (8, false)] {
            let mut ring = Ring::new(capacity);
            push(&mut ring, &(1, 2, 3, b"fives".to_vec()));
            assert_eq!(read(&ring).len(), usize::from(is_kept), "of {capacity} bytes");
        }
    }
}
