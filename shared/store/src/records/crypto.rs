//! Content at rest: compressed with zstd, then encrypted with AES-256-GCM under the data key of its
//! mailbox. The data key is kept wrapped by the master key; destroying it erases the content.

use core::fmt;
use std::io::Read as _;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::table::StoreError;

/// Fills a buffer with random bytes that nobody can guess.
pub type FillRandom = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// First byte of everything that is encrypted.
const HEADER: u8 = 1;
/// Most bytes of one content before compression: an event with its body and overrides, or a sync
/// state. A frame that unpacks to more is refused.
pub const CONTENT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// zstd's own default: the best ratio before it gets slow.
const COMPRESSION_LEVEL: i32 = 3;
const KEY_BYTES: usize = 32;

const SEALING_FAILED: StoreError = StoreError::Corrupt("content cannot be encrypted");
const OPENING_FAILED: StoreError = StoreError::Corrupt("content cannot be decrypted");
const NO_MASTER_KEY: StoreError =
    StoreError::Corrupt("a function without the master key was asked for contents");
const CONTENT_TOO_LARGE: StoreError = StoreError::TooLarge("a content over 32 MB");

/// The master key that wraps the data keys of mailboxes. `Debug` shows nothing of it.
pub struct Keyring {
    /// None where contents are neither written nor read.
    master: Option<LessSafeKey>,
    random: FillRandom,
}

/// The data key of one mailbox. `Debug` shows nothing of it.
#[derive(Clone)]
pub(crate) struct DataKey {
    key: Arc<LessSafeKey>,
    random: FillRandom,
}

impl Keyring {
    /// A keyring from the 32 bytes of the master key.
    ///
    /// # Errors
    /// When the cipher refuses the key, which it does only for another length.
    pub fn new(master: &[u8; KEY_BYTES], random: FillRandom) -> Result<Self, StoreError> {
        Ok(Self { master: Some(cipher(master)?), random })
    }

    /// A keyring for records whose contents are neither written nor read: whatever needs the master
    /// key fails.
    pub fn without_master_key(random: FillRandom) -> Self {
        Self { master: None, random }
    }

    fn master(&self) -> Result<&LessSafeKey, StoreError> {
        self.master.as_ref().ok_or(NO_MASTER_KEY)
    }

    /// Makes a data key: the key, and its wrapped form to be stored. `context` ties it to its row.
    pub(crate) fn make_data_key(&self, context: &[u8]) -> Result<(DataKey, Vec<u8>), StoreError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        (self.random)(bytes.as_mut_slice());
        let wrapped = seal(self.master()?, &self.random, bytes.to_vec(), context)?;
        Ok((self.data_key(&bytes)?, wrapped))
    }

    /// Unwraps a stored data key.
    pub(crate) fn open_data_key(
        &self,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<DataKey, StoreError> {
        let bytes = Zeroizing::new(open(self.master()?, wrapped, context)?);
        let bytes: &[u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| OPENING_FAILED)?;
        self.data_key(bytes)
    }

    /// Fills a buffer with random bytes.
    pub(crate) fn fill(&self, buffer: &mut [u8]) {
        (self.random)(buffer);
    }

    fn data_key(&self, bytes: &[u8; KEY_BYTES]) -> Result<DataKey, StoreError> {
        Ok(DataKey { key: Arc::new(cipher(bytes)?), random: Arc::clone(&self.random) })
    }
}

impl DataKey {
    /// Compresses and encrypts. `context` has to be named again to open.
    pub(crate) fn seal(&self, content: &[u8], context: &[u8]) -> Result<Vec<u8>, StoreError> {
        if content.len() > CONTENT_BYTES_MAX {
            return Err(CONTENT_TOO_LARGE);
        }
        let packed = zstd::bulk::compress(content, COMPRESSION_LEVEL)
            .map_err(|_| StoreError::Corrupt("content cannot be compressed"))?;
        seal(&self.key, &self.random, packed, context)
    }

    /// Decrypts and unpacks.
    pub(crate) fn open(&self, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>, StoreError> {
        let packed = open(&self.key, sealed, context)?;
        let unpack_failed = |_| StoreError::Corrupt("content cannot be unpacked");
        let decoder = zstd::stream::read::Decoder::new(packed.as_slice()).map_err(unpack_failed)?;
        let limit = u64::try_from(CONTENT_BYTES_MAX).unwrap_or(u64::MAX);
        let mut content = Vec::new();
        decoder.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(unpack_failed)?;
        if content.len() > CONTENT_BYTES_MAX {
            return Err(CONTENT_TOO_LARGE);
        }
        Ok(content)
    }
}

fn cipher(bytes: &[u8; KEY_BYTES]) -> Result<LessSafeKey, StoreError> {
    UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| SEALING_FAILED)
}

/// Header, nonce, cipher text, tag. Nonces are random: a mailbox is far from the 2^32 contents up to
/// which that is safe (NIST SP 800-38D, 8.3).
fn seal(
    key: &LessSafeKey,
    random: &FillRandom,
    mut content: Vec<u8>,
    context: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let mut nonce = [0; NONCE_LEN];
    random(&mut nonce);
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(context),
        &mut content,
    )
    .map_err(|_| SEALING_FAILED)?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + content.len());
    sealed.push(HEADER);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&content);
    Ok(sealed)
}

fn open(key: &LessSafeKey, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>, StoreError> {
    let rest = match sealed.split_first() {
        Some((&HEADER, rest)) => rest,
        Some(_) => return Err(StoreError::Corrupt("content of a form that is not known")),
        None => return Err(OPENING_FAILED),
    };
    let (nonce, cipher_text) = rest.split_at_checked(NONCE_LEN).ok_or(OPENING_FAILED)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OPENING_FAILED)?;
    let mut content = cipher_text.to_vec();
    let length = key
        .open_in_place(nonce, Aad::from(context), &mut content)
        .map_err(|_| OPENING_FAILED)?
        .len();
    content.truncate(length);
    Ok(content)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring")
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

#[cfg(test)]
mod tests;
