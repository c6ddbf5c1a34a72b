//! What has come, beside what should have come. It is compared as it comes, and nothing of it is kept.

/// How what has come differs from what should have come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Difference {
    /// Not at all.
    None,
    /// It is the beginning of it.
    Short,
    /// It begins with it, and more came.
    Extra,
    /// It is another one.
    Other,
}

/// What has come so far, compared.
#[derive(Clone, Debug)]
pub(super) struct Comparison {
    /// What should come; `None` if anything may.
    expected: Option<Vec<u8>>,
    came: usize,
    is_same: bool,
}

impl Comparison {
    pub(super) fn with(expected: Option<Vec<u8>>) -> Comparison {
        Comparison { expected, came: 0, is_same: true }
    }

    /// Whether anything is right.
    pub(super) fn takes_any(&self) -> bool {
        self.expected.is_none()
    }

    /// These bytes have come.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        let expected = self.expected.as_deref().and_then(|expected| expected.get(self.came..));
        let pairs = expected.unwrap_or_default().iter().zip(bytes);
        self.is_same = self.is_same && pairs.into_iter().all(|(expected, byte)| expected == byte);
        self.came = self.came.saturating_add(bytes.len());
    }

    /// The difference, if nothing more comes.
    pub(super) fn difference(&self) -> Difference {
        let Some(expected) = &self.expected else { return Difference::None };
        match self.came.cmp(&expected.len()) {
            _ if !self.is_same => Difference::Other,
            std::cmp::Ordering::Less => Difference::Short,
            std::cmp::Ordering::Equal => Difference::None,
            std::cmp::Ordering::Greater => Difference::Extra,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_compared_however_they_are_cut() {
        use super::{Comparison, Difference};
        for (came, difference) in [
            ("welcome", Difference::None),
            ("", Difference::Short),
            ("welc", Difference::Short),
            ("welcome!", Difference::Extra),
            ("welcame", Difference::Other),
            ("welcame!!", Difference::Other),
            ("x", Difference::Other),
        ] {
            for cut in 1..=came.len().max(1) {
                let mut comparison = Comparison::with(Some(b"welcome".to_vec()));
                came.as_bytes().chunks(cut).for_each(|bytes| comparison.note(bytes));
                assert_eq!(comparison.difference(), difference, "{came} by {cut}");
                let mut any = Comparison::with(None);
                any.note(came.as_bytes());
                assert_eq!(any.difference(), Difference::None);
            }
        }
    }
}
