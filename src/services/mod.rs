//! What the loop serves. Each service keeps the contract in [`reactor::service`](crate::reactor::service), and none
//! has input or output of its own.
//!
//! * [`welcome`]: a name in, a welcome out.

pub mod welcome;
