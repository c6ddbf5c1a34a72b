//! How long things may be.

/// The most bytes a name has; the last of them ends it.
pub const NAME_MAX_BYTES: usize = 1024;

/// The longest welcome there can be, its names counted at their longest: 64 KiB.
pub const WELCOME_MAX_BYTES: usize = 64 * 1024;

/// The longest text around the name, of a welcome to datagrams. With a name of 1,024 bytes it goes into one packet
/// of an Ethernet (1,500 bytes), and a sender that forges its address gains little.
pub const DATAGRAM_TEXT_MAX_BYTES: usize = 40;

/// The longest piece of a welcome's text over datagrams, beside `{name}`, has so many bytes at least: it has to be known again.
pub const DATAGRAM_TEXT_MIN_BYTES: usize = 4;
