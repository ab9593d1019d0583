//! What a download reports while it runs.

/// What happens during a download.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The file is there; nothing is downloaded.
    Present {
        /// The file.
        name: &'a str,
    },
    /// A server begins to send the file, or its rest.
    Begin {
        /// The file.
        name: &'a str,
        /// The address.
        url: &'a str,
        /// Bytes that are there already.
        kept: u64,
        /// Bytes of the whole file, if the server says.
        total: Option<u64>,
    },
    /// More of the file has arrived.
    Received {
        /// Bytes that are there now.
        bytes: u64,
    },
    /// An address failed. The download continues with the next attempt or the next address, if there is one.
    Failed {
        /// The reason, with the address.
        problem: &'a str,
    },
    /// The file is whole, and checked.
    Done {
        /// The file.
        name: &'a str,
        /// Bytes of the file.
        bytes: u64,
    },
}
