//! How long a request may be.

/// The most bytes of a request's head: its request line and its fields, with the empty line at the end. A request line of 8,000
/// bytes has to fit (RFC 9112, 3).
pub const HEAD_MAX_BYTES: usize = 8 * 1024;

/// The most fields of a request.
pub const FIELDS_MAX: usize = 64;
