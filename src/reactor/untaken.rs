//! Input that came and was not taken.

/// How often in a row the same bytes are offered to a session that takes and writes nothing, and only moves.
const IN_VAIN_MAX: u8 = 100;

/// The bytes of one connection that its session has not taken, oldest first, and whether they can be offered again
/// without anything read. Most connections have none: then it is a null pointer.
#[derive(Default, Debug)]
pub(crate) struct Untaken(Option<Box<Held>>);

#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    offer: bool,
    /// How often they were offered in vain, with nothing written in between.
    in_vain: u8,
}

impl Untaken {
    /// How many bytes there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.bytes.len())
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether to offer them before anything is read: the session took some of them, or has moved since.
    #[inline]
    pub(crate) fn can_be_offered(&self) -> bool {
        self.0.as_ref().is_some_and(|held| held.offer && !held.bytes.is_empty())
    }

    /// The session has moved: what it did not take then it may take now.
    #[inline]
    pub(crate) fn session_moved(&mut self) {
        if let Some(held) = &mut self.0 {
            held.offer = true;
        }
    }

    /// All of them, with what has just been `read` behind them. They are to be given back by
    /// [`keep`](Untaken::keep).
    pub(crate) fn take_with(&mut self, read: &[u8]) -> Vec<u8> {
        let Some(held) = &mut self.0 else { return read.to_vec() };
        held.offer = false;
        held.in_vain = if read.is_empty() { held.in_vain.saturating_add(1) } else { 0 };
        let mut bytes = std::mem::take(&mut held.bytes);
        bytes.extend_from_slice(read);
        bytes
    }

    /// Keeps what is left of `bytes` once the first `taken` are gone, for a session that took them or `moved`. Gives
    /// false if they were offered again and again, and the session only moved.
    #[must_use]
    pub(crate) fn keep(&mut self, mut bytes: Vec<u8>, taken: usize, moved: bool) -> bool {
        bytes.drain(..taken.min(bytes.len()));
        let in_vain = if taken > 0 || !moved { 0 } else { self.0.take().map_or(0, |held| held.in_vain) };
        let offer = taken > 0 || moved;
        self.0 = (!bytes.is_empty()).then(|| Box::new(Held { bytes, offer, in_vain }));
        in_vain < IN_VAIN_MAX
    }

    /// An output has left: the session does something.
    #[inline]
    pub(crate) fn output_left(&mut self) {
        if let Some(held) = &mut self.0 {
            held.in_vain = 0;
        }
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_comes_first_next_time() {
        let mut untaken = Untaken::default();
        let _ = untaken.keep(b"abcd".to_vec(), 1, false);
        assert_eq!(untaken.len(), 3);
        assert_eq!(untaken.take_with(b"ef"), b"bcdef");
        assert!(untaken.is_empty());
    }

    #[test]
    fn it_is_offered_again_only_after_the_session_took_or_moved() {
        for (taken, moved, offered) in
            [(0, false, false), (1, false, true), (0, true, true), (4, true, false)]
        {
            let mut untaken = Untaken::default();
            let _ = untaken.keep(b"abcd".to_vec(), taken, moved);
            assert_eq!(untaken.can_be_offered(), offered, "{taken} {moved}");
        }
        let mut untaken = Untaken::default();
        let _ = untaken.keep(b"abcd".to_vec(), 0, false);
        untaken.session_moved();
        assert!(untaken.can_be_offered());
    }

    #[test]
    fn bytes_that_only_move_the_session_are_not_offered_for_ever() {
        let mut untaken = Untaken::default();
        assert!(untaken.keep(b"abcd".to_vec(), 0, true));
        let in_vain = |untaken: &mut Untaken| {
            let bytes = untaken.take_with(&[]);
            untaken.keep(bytes, 0, true)
        };
        assert!((1..IN_VAIN_MAX).all(|_| in_vain(&mut untaken)));
        untaken.output_left();
        assert!((1..IN_VAIN_MAX).all(|_| in_vain(&mut untaken)));
        assert!(!in_vain(&mut untaken));
    }

    #[test]
    fn bytes_that_are_taken_one_by_one_are_offered_to_the_last() {
        let mut untaken = Untaken::default();
        let mut rest = vec![b'x'; 3 * usize::from(IN_VAIN_MAX)];
        while !rest.is_empty() {
            assert!(untaken.keep(rest, 1, true));
            rest = untaken.take_with(&[]);
        }
    }

    #[test]
    fn a_session_that_waits_at_its_bytes_does_not_spin() {
        let mut untaken = Untaken::default();
        let _ = untaken.keep(b"half a line".to_vec(), 0, true);
        for _ in 0..3 * u32::from(IN_VAIN_MAX) {
            untaken.session_moved(); // by a timer
            let bytes = untaken.take_with(&[]);
            assert!(untaken.keep(bytes, 0, false));
        }
    }

    #[test]
    fn what_is_forgotten_is_offered_no_more() {
        let mut untaken = Untaken::default();
        let _ = untaken.keep(b"abcd".to_vec(), 0, true);
        assert!(!untaken.is_empty() && untaken.can_be_offered());
        untaken.clear();
        assert!(untaken.is_empty() && !untaken.can_be_offered());
    }

    #[test]
    fn nothing_is_offered_where_nothing_is_left() {
        let mut untaken = Untaken::default();
        untaken.session_moved();
        assert!(!untaken.can_be_offered() && untaken.is_empty());
    }
}
