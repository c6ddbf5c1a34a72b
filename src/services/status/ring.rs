//! A ring of bytes of a fixed size, in which entries stand one behind the other. The oldest go first.
//!
//! An entry is its length, its tag, its conversation and its moment, and what the tag says of it. Conversation and moment
//! are told by their difference from those of the entry before, which makes them a byte each as a rule.

use super::varint::{self, put, unzigzag, zigzag};

/// The most bytes that the tag says of an entry.
pub(super) const CONTENT_MAX_BYTES: usize = u8::MAX as usize - 2 - 2 * varint::MAX_BYTES;

/// The entries.
#[derive(Debug)]
pub(super) struct Ring {
    bytes: Box<[u8]>,
    /// Where the oldest entry begins, and how many bytes all of them have.
    oldest: usize,
    used: usize,
    /// Whose the entry before the oldest was, and when.
    before: Head,
    /// The same of the newest.
    newest: Head,
    /// The entry that is being written, or one whose bytes go round the end.
    scratch: Vec<u8>,
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
    #[inline]
    fn put_after(self, before: Head, bytes: &mut Vec<u8>) {
        put(bytes, zigzag(self.number.wrapping_sub(before.number).cast_signed()));
        put(bytes, zigzag(self.micros.wrapping_sub(before.micros).cast_signed()));
    }

    #[inline]
    fn take_after(before: Head, bytes: &mut &[u8]) -> Option<Head> {
        let number = before.number.wrapping_add_signed(unzigzag(varint::take(bytes)?));
        let micros = before.micros.wrapping_add_signed(unzigzag(varint::take(bytes)?));
        Some(Head { number, micros })
    }
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
    /// A ring of so many bytes; of none it keeps nothing.
    pub(super) fn new(bytes: usize) -> Ring {
        Ring {
            bytes: vec![0; bytes].into(),
            oldest: 0,
            used: 0,
            before: Head::default(),
            newest: Head::default(),
            scratch: Vec::with_capacity(u8::MAX.into()),
        }
    }

    /// How many bytes it has.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// How many of them are in use.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Writes an entry, of which `content` says at most [`CONTENT_MAX_BYTES`]. The oldest make room for it. One that is larger
    /// than the ring leaves it empty.
    #[inline]
    pub(super) fn push(&mut self, head: Head, tag: u8, content: impl FnOnce(&mut Vec<u8>)) {
        if self.bytes.is_empty() {
            return;
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(&[0, tag]);
        head.put_after(self.newest, &mut self.scratch);
        content(&mut self.scratch);
        self.write(head);
    }

    fn write(&mut self, head: Head) {
        let length = self.scratch.len();
        let told = u8::try_from(length);
        debug_assert!(told.is_ok(), "an entry of {length} bytes");
        let (Ok(told), Some(first)) = (told, self.scratch.first_mut()) else { return };
        *first = told;
        while self.used > 0 && self.bytes.len() - self.used < length {
            self.drop_oldest();
        }
        self.newest = head;
        if length > self.bytes.len() {
            self.before = head;
            return;
        }
        let start = self.wrapped(self.oldest + self.used);
        if let Some(room) = self.bytes.get_mut(start..start + length) {
            room.copy_from_slice(&self.scratch);
        } else {
            let (end, begin) = self.scratch.split_at((self.bytes.len() - start).min(length));
            self.bytes.iter_mut().skip(start).zip(end).for_each(|(room, byte)| *room = *byte);
            self.bytes.iter_mut().zip(begin).for_each(|(room, byte)| *room = *byte);
        }
        self.used += length;
    }

    /// The oldest goes. What it says of conversation and moment is what the next one's differences are to.
    fn drop_oldest(&mut self) {
        let mut split = [0; u8::MAX as usize];
        let entry = self.entry(Place { start: self.oldest, before: self.before }, &mut split);
        let Some((Entry { head, .. }, length)) = entry else {
            debug_assert!(false, "an entry cannot be read back");
            (self.oldest, self.used) = (0, 0);
            return;
        };
        self.before = head;
        self.oldest = self.wrapped(self.oldest + length);
        self.used = self.used.saturating_sub(length);
    }

    #[inline]
    fn wrapped(&self, place: usize) -> usize {
        if place >= self.bytes.len() { place - self.bytes.len() } else { place }
    }

    /// The entry at a place, and its length.
    #[inline]
    fn entry<'a>(
        &'a self,
        place: Place,
        split: &'a mut [u8; u8::MAX as usize],
    ) -> Option<(Entry<'a>, usize)> {
        let length = usize::from(*self.bytes.get(place.start)?);
        let bytes = if let Some(bytes) = self.bytes.get(place.start..place.start + length) {
            bytes
        } else {
            let bytes = self.bytes.iter().skip(place.start).chain(&self.bytes);
            split.iter_mut().zip(bytes).take(length).for_each(|(to, from)| *to = *from);
            split.get(..length)?
        };
        let [_, tag, rest @ ..] = bytes else { return None };
        let mut content = rest;
        let head = Head::take_after(place.before, &mut content)?;
        Some((Entry { head, tag: *tag, content, place }, length))
    }

    /// Shows every entry, the oldest first.
    pub(super) fn for_each(&self, mut see: impl FnMut(Entry<'_>)) {
        let (mut start, mut before, mut left) = (self.oldest, self.before, self.used);
        while left > 0 {
            let mut split = [0; u8::MAX as usize];
            let Some((entry, length)) = self.entry(Place { start, before }, &mut split) else { return };
            see(entry);
            before = entry.head;
            start = self.wrapped(start + length);
            left = left.saturating_sub(length);
        }
    }

    /// Shows the entry of a place.
    pub(super) fn at<T>(&self, place: Place, see: impl FnOnce(Entry<'_>) -> T) -> Option<T> {
        let mut split = [0; u8::MAX as usize];
        self.entry(place, &mut split).map(|(entry, _)| see(entry))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// Number, moment, tag, content.
    type Plain = (u64, u64, u8, Vec<u8>);

    fn read(ring: &Ring) -> Vec<Plain> {
        let mut read = Vec::new();
        ring.for_each(|entry| {
            let Entry { head: Head { number, micros }, tag, content, place } = entry;
            assert_eq!(ring.at(place, |entry| entry.tag), Some(tag));
            read.push((number, micros, tag, content.to_vec()));
        });
        read
    }

    /// The ring, written without any cleverness: it asks the ring for nothing but how long an entry is.
    struct Model {
        capacity: usize,
        entries: VecDeque<(Plain, usize)>,
        used: usize,
        newest: Head,
    }

    impl Model {
        fn of(capacity: usize) -> Model {
            Model { capacity, entries: VecDeque::new(), used: 0, newest: Head::default() }
        }

        fn push(&mut self, entry: &Plain) {
            let head = Head { number: entry.0, micros: entry.1 };
            let mut bytes = vec![0, entry.2];
            head.put_after(self.newest, &mut bytes);
            self.newest = head;
            let length = bytes.len() + entry.3.len();
            self.entries.push_back((entry.clone(), length));
            self.used += length;
            while self.used > self.capacity {
                self.used -= self.entries.pop_front().unwrap().1;
            }
        }
    }

    fn push(ring: &mut Ring, (number, micros, tag, content): &Plain) {
        ring.push(Head { number: *number, micros: *micros }, *tag, |bytes| bytes.extend(content));
    }

    fn entry() -> impl Strategy<Value = Plain> {
        let number = prop_oneof![0..200_u64, any::<u64>()];
        let content = prop_oneof![
            9 => prop::collection::vec(any::<u8>(), 0..20),
            1 => prop::collection::vec(any::<u8>(), CONTENT_MAX_BYTES)
        ];
        (number, prop_oneof![0..1000_u64, any::<u64>()], any::<u8>(), content)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

        #[test]
        fn the_newest_that_fit_are_read_back(
            capacity in 0..600_usize,
            entries in prop::collection::vec(entry(), 0..500),
        ) {
            let mut ring = Ring::new(capacity);
            let mut model = Model::of(capacity);
            for entry in &entries {
                push(&mut ring, entry);
                model.push(entry);
                prop_assert!(ring.used() <= capacity);
            }
            let kept: Vec<Plain> = model.entries.into_iter().map(|(entry, _)| entry).collect();
            prop_assert_eq!(read(&ring), kept);
        }
    }

    #[test]
    fn of_100_000_entries_the_newest_are_read_back() {
        let mut ring = Ring::new(10_007);
        let mut model = Model::of(10_007);
        for number in 0..100_000_u64 {
            let content = vec![7; usize::try_from(number % 23).unwrap()];
            let entry = (number / 3, number * number, u8::try_from(number % 251).unwrap(), content);
            push(&mut ring, &entry);
            model.push(&entry);
        }
        let kept: Vec<Plain> = model.entries.into_iter().map(|(entry, _)| entry).collect();
        assert!(kept.len() > 500);
        assert_eq!(read(&ring), kept);
    }

    #[test]
    fn an_entry_goes_round_the_end_wherever_it_is_cut() {
        // Entries of 9 bytes in rings of up to twice that.
        for capacity in 0..19 {
            let mut ring = Ring::new(capacity);
            for number in 1..50 {
                push(&mut ring, &(number, number * 2, 3, b"fives".to_vec()));
                let kept = u64::try_from(capacity / 9).unwrap().min(number);
                let numbers: Vec<u64> = read(&ring).into_iter().map(|(number, ..)| number).collect();
                assert_eq!(numbers, (number + 1 - kept..=number).collect::<Vec<_>>(), "of {capacity} bytes");
                assert!(read(&ring).iter().all(|(number, micros, tag, content)| {
                    (*micros, *tag, &content[..]) == (number * 2, 3, b"fives")
                }));
            }
        }
    }
}
