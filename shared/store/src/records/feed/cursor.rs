//! The opaque cursor of the feed: the vector of heads.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::FeedError;

/// First byte of an encoded cursor.
const VERSION: u8 = 1;
/// One number for each of the [`SHARDS`](super::keys::SHARDS).
const COUNT: usize = 16;
const NUMBER_BYTES: usize = 8;

/// How far a reader has come in each shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedCursor([u64; COUNT]);

impl FeedCursor {
    /// How far it is in a shard; 0 for a shard that there is not.
    pub fn get(&self, shard: u8) -> u64 {
        self.0.get(usize::from(shard)).copied().unwrap_or(0)
    }

    pub(crate) fn set(&mut self, shard: u8, number: u64) {
        if let Some(place) = self.0.get_mut(usize::from(shard)) {
            *place = number;
        }
    }

    /// Its text for the border: URL-safe, without padding.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(1 + COUNT * NUMBER_BYTES);
        bytes.push(VERSION);
        for number in self.0 {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a text that [`FeedCursor::encode`] made.
    ///
    /// # Errors
    /// [`FeedError::InvalidCursor`].
    pub fn decode(text: &str) -> Result<Self, FeedError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| FeedError::InvalidCursor)?;
        let Some((&VERSION, rest)) = bytes.split_first() else {
            return Err(FeedError::InvalidCursor);
        };
        let (numbers, odd) = rest.as_chunks::<NUMBER_BYTES>();
        if numbers.len() != COUNT || !odd.is_empty() {
            return Err(FeedError::InvalidCursor);
        }
        let mut cursor = Self::default();
        for (place, number) in cursor.0.iter_mut().zip(numbers) {
            *place = u64::from_be_bytes(*number);
        }
        Ok(cursor)
    }
}
