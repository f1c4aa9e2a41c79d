//! The bodies of stored responses: as they came, or compressed.
//!
//! A compressed body consists of blocks, each compressed by itself (LZ4). A client gets one block
//! after the other, so that a poll of a response's body does no more work than one block takes,
//! some tens of microseconds, and has no more memory. A range costs its own blocks. Compressing is
//! slower, and is done for all of a body at once: up to [`INLINE`] bytes where the body ends, more
//! in a thread of the runtime that is for such work.

use crate::semantics::make_of_parts;
use bytes::Bytes;
use http::HeaderValue;
use std::ops::Range;

#[cfg(feature = "compression")]
pub(crate) use packed::Packed;

/// The longest body that is compressed where it ends, in less than a millisecond.
#[cfg(feature = "compression")]
const INLINE: usize = 256 << 10;

/// A stored body.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Plain(Bytes),
    #[cfg(feature = "compression")]
    Packed(std::sync::Arc<Packed>),
}

impl Content {
    /// Hands on the body as it is to be stored: compressed, if it has more than `above` bytes and
    /// becomes smaller by an eighth at least.
    ///
    /// A large one is handed on later, by another thread, unless there is no runtime. If that
    /// thread never comes to it, since the runtime ends, `then` is dropped.
    #[cfg(feature = "compression")]
    pub(crate) fn make(body: Bytes, above: Option<u64>, then: impl FnOnce(Self) + Send + 'static) {
        if above.is_none_or(|above| body.len() as u64 <= above) {
            return then(Self::Plain(body));
        }
        let is_large = body.len() > INLINE;
        let pack = move || then(Self::packed(body));
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if is_large => drop(runtime.spawn_blocking(pack)),
            _ => pack(),
        }
    }

    /// Hands on the body as it is.
    #[cfg(not(feature = "compression"))]
    pub(crate) fn make(body: Bytes, _: Option<u64>, then: impl FnOnce(Self) + Send + 'static) {
        then(Self::Plain(body));
    }

    #[cfg(feature = "compression")]
    fn packed(body: Bytes) -> Self {
        let packed = Packed::new(&body);
        if packed.weight() <= body.len() - body.len() / 8 {
            Self::Packed(packed.into())
        } else {
            Self::Plain(body)
        }
    }

    /// How long the body is that clients get.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Plain(body) => body.len(),
            #[cfg(feature = "compression")]
            Self::Packed(packed) => packed.len(),
        }
    }

    /// How many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Plain(body) => body.len(),
            #[cfg(feature = "compression")]
            Self::Packed(packed) => packed.weight(),
        }
    }

    /// The entity tag that the cache makes of the body.
    pub(crate) fn etag(&self) -> HeaderValue {
        let mut unread = self.all();
        make_of_parts(std::iter::from_fn(|| unread.next()))
    }

    /// All of the body, to be sent.
    pub(crate) fn all(&self) -> Unread {
        match self {
            Self::Plain(body) => Unread::Plain(body.clone()),
            #[cfg(feature = "compression")]
            Self::Packed(_) => self.part(0..self.len()),
        }
    }

    /// A part of the body, to be sent.
    ///
    /// # Panics
    ///
    /// If it reaches beyond the end.
    pub(crate) fn part(&self, part: Range<usize>) -> Unread {
        match self {
            Self::Plain(body) => Unread::Plain(body.slice(part)),
            #[cfg(feature = "compression")]
            Self::Packed(packed) => {
                assert!(part.end <= packed.len(), "{part:?} of {}", packed.len());
                Unread::Packed { packed: std::sync::Arc::clone(packed), left: part }
            }
        }
    }
}

/// What is still to be sent of a stored body.
#[derive(Clone, Debug)]
pub(crate) enum Unread {
    Plain(Bytes),
    #[cfg(feature = "compression")]
    Packed {
        packed: std::sync::Arc<Packed>,
        left: Range<usize>,
    },
}

impl Unread {
    pub(crate) fn nothing() -> Self {
        Self::Plain(Bytes::new())
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Plain(data) => data.len(),
            #[cfg(feature = "compression")]
            Self::Packed { left, .. } => left.len(),
        }
    }

    /// Takes what comes next, if there is more.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let data = match self {
            Self::Plain(data) => std::mem::take(data),
            #[cfg(feature = "compression")]
            Self::Packed { packed, left } => {
                let data = packed.read(left.clone());
                left.start += data.len();
                data
            }
        };
        (!data.is_empty()).then_some(data)
    }
}

#[cfg(feature = "compression")]
mod packed {
    use bytes::Bytes;
    use lz4_flex::block::{compress, decompress};
    use std::ops::Range;

    /// How much of a body is compressed together: LZ4 looks no farther back.
    const BLOCK: usize = 64 << 10;

    /// A compressed body.
    #[derive(Debug)]
    pub(crate) struct Packed {
        blocks: Box<[Box<[u8]>]>,
        length: usize,
    }

    impl Packed {
        pub(super) fn new(body: &[u8]) -> Self {
            let blocks = body.chunks(BLOCK).map(|block| compress(block).into()).collect();
            Self { blocks, length: body.len() }
        }

        pub(super) fn len(&self) -> usize {
            self.length
        }

        pub(super) fn weight(&self) -> usize {
            let blocks = self.blocks.iter().map(|block| block.len() + size_of_val(block));
            size_of::<Self>() + blocks.sum::<usize>()
        }

        /// Returns the beginning of a part, up to the end of a block.
        pub(super) fn read(&self, part: Range<usize>) -> Bytes {
            if part.is_empty() {
                return Bytes::new();
            }
            let number = part.start / BLOCK;
            let start = number * BLOCK;
            let length = BLOCK.min(self.length - start);
            let block = decompress(&self.blocks[number], length);
            let block = Bytes::from(block.expect("it is what was compressed here"));
            block.slice(part.start - start..length.min(part.end - start))
        }
    }
}
