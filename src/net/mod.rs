//! Sockets and their addresses: as people write them, as the kernel takes them, and what each kind can do.
//!
//! * [`endpoint`]: addresses as people write them, such as `tcp://127.0.0.1:9999`.
//! * [`kind`]: the table of the kinds of sockets.
//! * [`address`]: addresses as the kernel takes and gives them.
//! * [`ipv4`]: the header that a raw socket receives.

pub mod address;
pub(crate) mod blocking;
mod cause;
mod destination;
pub mod endpoint;
#[cfg(feature = "simulation")]
mod error_code;
mod host;
pub mod ipv4;
pub mod kind;
#[cfg(feature = "status")]
mod packed;
mod percent;
pub(crate) mod socket;
mod source;
pub(crate) mod zone;

pub use address::{Address, Name, Peer, Process, UNIX_NAME_MAX_BYTES, UnixName};
pub use cause::Cause;
pub use destination::Destination;
pub use endpoint::{BadEndpoint, Endpoint};
#[cfg(feature = "simulation")]
pub use error_code::ErrorCode;
#[cfg(feature = "status")]
pub(crate) use host::HOST_MAX_BYTES;
pub use host::is_address_literal;
pub use kind::{Kind, Names};
#[cfg(feature = "status")]
pub(crate) use packed::PACKED_MAX_BYTES;
pub use source::Source;
