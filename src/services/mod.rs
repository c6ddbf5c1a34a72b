//! What the loop serves. Each service keeps the contract in [`reactor::service`](crate::reactor::service), and none
//! has input or output of its own.
//!
//! * [`welcome`]: a name in, a welcome out.
//! * `status`, behind the feature `status`: what the others do, over HTTP.

#[cfg(feature = "status")]
pub mod status;
pub mod welcome;
