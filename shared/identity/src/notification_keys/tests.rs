use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey};

use super::*;
use crate::testing::noon;

/// A content as Microsoft makes it for a certificate.
struct Sealed {
    data: String,
    data_key: String,
    data_signature: String,
    certificate_id: String,
}

impl Sealed {
    fn content(&self) -> EncryptedContent<'_> {
        EncryptedContent {
            data: &self.data,
            data_key: &self.data_key,
            data_signature: &self.data_signature,
            certificate_id: &self.certificate_id,
        }
    }
}

fn seal(keys: &NotificationKeys, plain: &[u8]) -> Sealed {
    let key = [9u8; 32];
    let private = PrivateDecryptingKey::from_pkcs8(&keys.present.pkcs8).unwrap();
    let public = OaepPublicEncryptingKey::new(private.public_key()).unwrap();
    let mut wrapped = vec![0; public.ciphertext_size()];
    let wrapped = public.encrypt(&OAEP_SHA1_MGF1SHA1, &key, &mut wrapped, None).unwrap();
    let mut data = plain.to_vec();
    let cipher = UnboundCipherKey::new(&AES_256, &key).unwrap();
    let iv: &[u8; 16] = key.first_chunk().unwrap();
    PaddedBlockEncryptingKey::cbc_pkcs7(cipher)
        .unwrap()
        .less_safe_encrypt(&mut data, EncryptionContext::Iv128(FixedLength::from(iv)))
        .unwrap();
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &data);
    Sealed {
        data: STANDARD.encode(&data),
        data_key: STANDARD.encode(wrapped),
        data_signature: STANDARD.encode(signature),
        certificate_id: keys.certificate_id().to_owned(),
    }
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

#[test]
fn what_is_sealed_for_a_certificate_opens_also_after_it_was_kept_and_read() {
    let keys = NotificationKeys::make(Uuid::from_u128(1), noon()).unwrap();
    let sealed = seal(&keys, b"{}");
    assert_eq!(keys.open(&sealed.content()).unwrap().as_slice(), b"{}");
    let read = NotificationKeys::from_secret(&keys.to_secret().unwrap()).unwrap();
    assert_eq!(read.certificate(), keys.certificate());
    assert_eq!(read.open(&sealed.content()).unwrap().as_slice(), b"{}");
    let foreign = Sealed { certificate_id: "other".to_owned(), ..sealed };
    assert_eq!(read.open(&foreign.content()), Err(Unopenable));
}

#[test]
fn the_certificate_is_one_that_a_subscription_takes() {
    let keys = NotificationKeys::make(Uuid::from_u128(1), noon()).unwrap();
    let pem =
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", keys.certificate());
    let facts = tidemark_transport::describe_certificates(&pem).unwrap();
    assert_eq!(facts[0].subject, "CN=Tidemark notifications");
    assert_eq!(facts[0].not_before, "2026-11-22T00:00:00Z".parse().unwrap());
    assert_eq!(facts[0].not_after, "2027-11-22T00:00:00Z".parse().unwrap());
}

#[test]
fn the_old_key_opens_what_is_under_way_and_is_dropped_afterwards() {
    let mut keys = NotificationKeys::make(Uuid::from_u128(1), noon()).unwrap();
    let sealed = seal(&keys, b"old");
    assert!(!keys.rotate(Uuid::from_u128(2), noon() + days(179)).unwrap());
    let then = noon() + days(180);
    assert!(keys.rotate(Uuid::from_u128(2), then).unwrap());
    assert_eq!(keys.certificate_id(), Uuid::from_u128(2).to_string());
    let mut keys = NotificationKeys::from_secret(&keys.to_secret().unwrap()).unwrap();
    assert_eq!(keys.open(&sealed.content()).unwrap().as_slice(), b"old");
    assert_eq!(keys.open(&seal(&keys, b"new").content()).unwrap().as_slice(), b"new");
    assert!(!keys.rotate(Uuid::from_u128(3), then + days(2)).unwrap());
    assert!(keys.rotate(Uuid::from_u128(3), then + days(3)).unwrap());
    assert_eq!(keys.open(&sealed.content()), Err(Unopenable));
    assert_eq!(keys.certificate_id(), Uuid::from_u128(2).to_string());
}

#[test]
fn what_is_kept_in_another_form_is_not_read() {
    let keys = NotificationKeys::make(Uuid::from_u128(1), noon()).unwrap();
    let text = keys.to_secret().unwrap().expose_secret().to_owned();
    for other in ["", "{}", r#"{"v":1,"keys":[]}"#, &text.replace(r#""v":1"#, r#""v":2"#)] {
        let read = NotificationKeys::from_secret(&SecretString::from(other));
        assert_eq!(read.unwrap_err(), NotificationKeysError::Unreadable);
    }
    assert!(!format!("{keys:?}").contains("pkcs8"));
}
