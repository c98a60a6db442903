//! The master key: 32 bytes that wrap the data keys of all mailboxes.

use secrecy::{ExposeSecret as _, SecretString};
use tidemark_world::Entropy;
use zeroize::Zeroizing;

/// Bytes of the key (AES-256).
const KEY_BYTES: usize = 32;

/// The secret is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the master key must be 64 hexadecimal digits")]
pub struct MasterKeyError;

/// Reads a master key: 64 hexadecimal digits, which is also what a template can have Secrets
/// Manager generate.
///
/// # Errors
/// [`MasterKeyError`].
pub fn read_master_key(text: &SecretString) -> Result<Zeroizing<[u8; KEY_BYTES]>, MasterKeyError> {
    let digits = text.expose_secret().trim().as_bytes();
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if digits.len() != 2 * KEY_BYTES {
        return Err(MasterKeyError);
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let mut value = 0;
        for digit in pair {
            value = value << 4 | digit_value(*digit).ok_or(MasterKeyError)?;
        }
        *byte = value;
    }
    Ok(key)
}

/// A new master key, in the form that [`read_master_key`] reads.
pub fn draw_master_key(entropy: &dyn Entropy) -> SecretString {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    entropy.fill(bytes.as_mut_slice());
    let mut text = String::with_capacity(2 * KEY_BYTES);
    for byte in bytes.iter() {
        text.extend([byte >> 4, byte & 15].map(|value| char::from(hex_digit(value))));
    }
    SecretString::from(text)
}

const fn digit_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            for (byte, value) in buffer.iter_mut().zip(0xd0u8..) {
                *byte = value;
            }
        }
    }

    #[test]
    fn a_drawn_key_is_read_back_and_other_texts_are_refused() {
        let text = draw_master_key(&Counting);
        assert!(text.expose_secret().starts_with("d0d1d2"));
        let key = read_master_key(&text).unwrap();
        assert_eq!(key[..3], [0xd0, 0xd1, 0xd2]);
        let upper = SecretString::from(text.expose_secret().to_uppercase() + "\n");
        assert_eq!(read_master_key(&upper).unwrap(), key);
        for bad in ["", "d0", &"g".repeat(64), &"0".repeat(66)] {
            assert_eq!(read_master_key(&SecretString::from(bad)), Err(MasterKeyError));
        }
    }
}
