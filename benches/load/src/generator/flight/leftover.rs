//! What comes to a datagram's socket beside the answer that has ended its visit.

use super::Flight;
use crate::plan::target::{Along, Target};

/// The most datagrams that one socket is emptied of.
const LEFTOVER_MAX: usize = 1000;

/// What had come to a visit's socket beside the answer that ended it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Leftover {
    /// Answers to a visit that was given up.
    pub(crate) late: u64,
    /// Answers to a visit that was answered.
    pub(crate) duplicates: u64,
    /// Datagrams that are not from the server.
    pub(crate) foreign: u64,
}

impl Flight {
    /// Empties the socket of a datagram's visit that is over.
    pub(crate) fn leftover(&self, target: &Target, along: &mut Along) -> Leftover {
        let mut left = Leftover { foreign: self.foreign, ..Leftover::default() };
        for _ in 0..LEFTOVER_MAX {
            match target.receive(&self.socket, &mut [0; 1], along) {
                Err(_) => break,
                Ok(received) if !received.is_of_server => left.foreign += 1,
                Ok(_) if self.records > 0 || left.late > 0 => left.duplicates += 1,
                Ok(_) => left.late += 1,
            }
        }
        left
    }
}
