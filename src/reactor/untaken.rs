//! Input that came and was not taken.

/// The bytes of one connection that its session has not taken, oldest first, and whether they can be offered again
/// without anything read.
#[derive(Default, Debug)]
pub(crate) struct Untaken {
    #[expect(clippy::box_collection, reason = "most connections have none, and each has room for it")]
    bytes: Option<Box<Vec<u8>>>,
    offer: bool,
}

impl Untaken {
    /// How many bytes there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_none()
    }

    /// Whether to offer them before anything is read: the session took some of them, or has moved since.
    #[inline]
    pub(crate) fn can_be_offered(&self) -> bool {
        self.offer
    }

    /// The session has moved: what it did not take then it may take now.
    #[inline]
    pub(crate) fn session_moved(&mut self) {
        self.offer = self.bytes.is_some();
    }

    /// All of them, with what has just been `read` behind them. They are to be given back by
    /// [`keep`](Untaken::keep).
    pub(crate) fn take_with(&mut self, read: &[u8]) -> Vec<u8> {
        self.offer = false;
        let mut bytes = *self.bytes.take().unwrap_or_default();
        bytes.extend_from_slice(read);
        bytes
    }

    /// Keeps what is left of `bytes` once the first `taken` are gone, for a session that took them or `moved`.
    pub(crate) fn keep(&mut self, mut bytes: Vec<u8>, taken: usize, moved: bool) {
        bytes.drain(..taken.min(bytes.len()));
        self.offer = !bytes.is_empty() && (taken > 0 || moved);
        self.bytes = (!bytes.is_empty()).then(|| Box::new(bytes));
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        *self = Untaken::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_comes_first_next_time() {
        let mut untaken = Untaken::default();
        untaken.keep(b"abcd".to_vec(), 1, false);
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
            untaken.keep(b"abcd".to_vec(), taken, moved);
            assert_eq!(untaken.can_be_offered(), offered, "{taken} {moved}");
        }
        let mut untaken = Untaken::default();
        untaken.keep(b"abcd".to_vec(), 0, false);
        untaken.session_moved();
        assert!(untaken.can_be_offered());
    }

    #[test]
    fn nothing_is_offered_where_nothing_is_left() {
        let mut untaken = Untaken::default();
        untaken.session_moved();
        assert!(!untaken.can_be_offered() && untaken.is_empty());
    }
}
