//! The bytes of an answer on their way.

use std::ops::Deref;
use std::rc::Rc;

/// A body of at most so many bytes leaves together with its head: one call, and a copy that costs less than another call.
const SMALL_BYTES: usize = 4 * 1024;

/// The content of an answer. A copy shares its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Bytes of the program.
    Static(&'static [u8]),
    /// Bytes that are shared.
    Shared(Rc<[u8]>),
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Body::Static(bytes) => bytes,
            Body::Shared(bytes) => bytes,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Body::Static(&[])
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Body::Static(text.as_bytes())
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Body::Static(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Body::Shared(text.into_bytes().into())
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Body::Shared(bytes.into())
    }
}

impl From<Rc<[u8]>> for Body {
    fn from(bytes: Rc<[u8]>) -> Self {
        Body::Shared(bytes)
    }
}

/// The bytes of an answer: a head, and what leaves behind it.
#[derive(Default, Debug)]
pub(super) struct Output {
    head: Vec<u8>,
    body: Body,
}

impl Output {
    /// A head, and a body behind it.
    pub(super) fn new(mut head: Vec<u8>, body: Body) -> Output {
        if body.len() > SMALL_BYTES {
            return Output { head, body };
        }
        head.extend_from_slice(&body);
        Output { head, body: Body::default() }
    }

    /// These bytes alone.
    pub(super) fn of(bytes: Rc<[u8]>) -> Output {
        Output { head: Vec::new(), body: Body::Shared(bytes) }
    }

    /// The same with these bytes behind it. It has no other body.
    pub(super) fn followed_by(self, bytes: Rc<[u8]>) -> Output {
        debug_assert!(self.body.is_empty());
        Output { body: Body::Shared(bytes), ..self }
    }

    /// The bytes that leave next, and whether they are the last.
    pub(super) fn next(&self) -> (&[u8], bool) {
        if self.head.is_empty() { (&self.body, true) } else { (&self.head, self.body.is_empty()) }
    }

    /// The next bytes have left. Gives whether they were the last.
    pub(super) fn has_left(&mut self) -> bool {
        let (_, was_last) = self.next();
        self.head = Vec::new();
        if was_last {
            self.body = Body::default();
        }
        was_last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_is_not_copied() {
        for (bytes, pieces) in [(SMALL_BYTES, 1), (SMALL_BYTES + 1, 2)] {
            let body: Rc<[u8]> = vec![b'x'; bytes].into();
            let mut output = Output::new(b"head".to_vec(), Rc::clone(&body).into());
            assert_eq!(Rc::strong_count(&body), pieces);
            assert_eq!(output.has_left(), pieces == 1);
            assert_eq!(output.next().0.len(), if pieces == 1 { 0 } else { bytes });
            assert!(output.has_left() && output.next() == (&[], true));
            assert_eq!(Rc::strong_count(&body), 1, "it is not held when it has left");
        }
    }
}
