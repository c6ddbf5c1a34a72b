//! Why a request is not answered as it asks. The connection ends with each of these.

/// A status and a reason. The statuses are those of RFC 9110, 15.5 and 15.6, and of RFC 6585, 5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// What is wrong, for a person: the end of a sentence that begins with the status.
    pub why: &'static str,
}

impl Refusal {
    pub(super) const NOT_ALLOWED: Refusal = Refusal { status: 405, why: "only GET and HEAD are" };
    pub(super) const LATE: Refusal = Refusal { status: 408, why: "the request has not ended in time" };
    pub(super) const CONTENT: Refusal = Refusal { status: 413, why: "a request may have no content" };
    pub(super) const LONG_LINE: Refusal =
        Refusal { status: 414, why: "the request line has to end within 8 KiB" };
    pub(super) const EXPECTATION: Refusal = Refusal { status: 417, why: "only 100-continue may be expected" };
    pub(super) const NOT_OURS: Refusal = Refusal {
        status: 421,
        why: "the host is no address, not localhost, and no name that this server was given (welcomed --status-host NAME)",
    };
    pub(super) const MANY_FIELDS: Refusal =
        Refusal { status: 431, why: "a request may have 64 fields, within 8 KiB" };
    pub(super) const NOT_KNOWN: Refusal =
        Refusal { status: 501, why: "the method or the transfer coding is not known" };
    pub(super) const VERSION: Refusal = Refusal { status: 505, why: "only HTTP/1.0 and HTTP/1.1 are" };

    /// A request that is malformed, and `why`.
    pub(super) const fn malformed(why: &'static str) -> Refusal {
        Refusal { status: 400, why }
    }
}
