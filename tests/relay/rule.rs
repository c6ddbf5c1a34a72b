//! What becomes of a packet.

use std::time::Duration;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

pub(crate) use super::packet::{Packet, Side};

/// What a rule says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives after the delay of the network.
    Passes,
    /// It takes longer by so much, and those behind it may overtake it.
    Late(Duration),
    /// It arrives twice, one behind the other.
    Twice,
    /// It does not arrive.
    Lost,
}

/// A rule by which every packet arrives, in order.
pub(crate) fn all_pass(_: &Packet) -> Fate {
    Fate::Passes
}

/// Whether the packet is one of `percent` in a hundred. That depends on `seed` and on what [`Packet`] says, and on nothing
/// else.
pub(crate) fn chance(seed: u64, percent: u64, packet: &Packet) -> bool {
    let Packet { from, flow, nth } = *packet;
    // A number that no other packet of the test has.
    let place = (flow as u64) << 32 | (nth as u64) << 1 | u64::from(from == Side::Server);
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed.rotate_left(48) ^ place);
    dice.next_u64() % 100 < percent
}
