//! Opening what Microsoft encrypts for us in notifications with content
//! (page "change-notifications-with-resource-data", section on decrypting).

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Largest content that is opened, encrypted and in Base64, in bytes: a notification carries chosen
/// properties of one item, never its body.
const DATA_BYTES_MAX: usize = 1024 * 1024;
/// Largest wrapped key, in Base64: that of a key of 4096 bits.
const KEY_TEXT_BYTES_MAX: usize = 1024;
const KEY_BYTES: usize = 32;
const IV_BYTES: usize = 16;

/// `encryptedContent` of a notification, its parts in Base64 as they came.
#[derive(Clone, Copy)]
pub struct EncryptedContent<'a> {
    /// `data`.
    pub data: &'a str,
    /// `dataKey`.
    pub data_key: &'a str,
    /// `dataSignature`.
    pub data_signature: &'a str,
    /// `encryptionCertificateId`: which of our certificates the key was wrapped for.
    pub certificate_id: &'a str,
}

/// A content that cannot be opened. There is one reason only, so that nobody learns at which step it
/// failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the content of a notification cannot be opened")]
pub struct Unopenable;

/// Opens a content with the private key of the certificate that it names.
pub(crate) fn open(
    content: &EncryptedContent<'_>,
    private_key: &OaepPrivateDecryptingKey,
) -> Result<Zeroizing<Vec<u8>>, Unopenable> {
    if content.data.len() > DATA_BYTES_MAX || content.data_key.len() > KEY_TEXT_BYTES_MAX {
        return Err(Unopenable);
    }
    let wrapped = STANDARD.decode(content.data_key).map_err(|_| Unopenable)?;
    let mut room = Zeroizing::new(vec![0; private_key.min_output_size()]);
    // SHA-1 is what Microsoft wraps with; as OAEP's hash it needs no resistance to collisions.
    let key = private_key
        .decrypt(&OAEP_SHA1_MGF1SHA1, &wrapped, &mut room, None)
        .map_err(|_| Unopenable)?;
    let key: &[u8; KEY_BYTES] = (&*key).try_into().map_err(|_| Unopenable)?;
    open_with(content.data, content.data_signature, key)
}

/// The signature is checked first, in constant time, and only then is anything decrypted: otherwise
/// the padding would be an oracle.
fn open_with(
    data: &str,
    signature: &str,
    key: &[u8; KEY_BYTES],
) -> Result<Zeroizing<Vec<u8>>, Unopenable> {
    let mut data = Zeroizing::new(STANDARD.decode(data).map_err(|_| Unopenable)?);
    let signature = STANDARD.decode(signature).map_err(|_| Unopenable)?;
    let signing = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::verify(&signing, &data, &signature).map_err(|_| Unopenable)?;
    let (iv, _) = key.split_first_chunk::<IV_BYTES>().ok_or(Unopenable)?;
    let cipher = UnboundCipherKey::new(&AES_256, key).map_err(|_| Unopenable)?;
    let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).map_err(|_| Unopenable)?;
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let plain = cipher.decrypt(data.as_mut_slice(), context).map_err(|_| Unopenable)?;
    Ok(Zeroizing::new(plain.to_vec()))
}

#[cfg(test)]
mod tests;
