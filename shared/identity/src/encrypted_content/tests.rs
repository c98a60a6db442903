use super::*;

/// The vector of the protocol reference: key 00..1f, made with another implementation.
const DATA: &str = "mAz8Uc8KH3XT0F9Ra0WVHcnwNMQpSGxHptYJSPh5XfWs68eBQEuCKIabVo2nGJDm";
const SIGNATURE: &str = "efnMGiIJRCJppORNCgN4m48imykM5xrYzUL7A51DRuk=";

fn key() -> [u8; KEY_BYTES] {
    core::array::from_fn(|index| u8::try_from(index).unwrap())
}

#[test]
fn the_vector_of_the_reference_opens() {
    let plain = open_with(DATA, SIGNATURE, &key()).unwrap();
    assert_eq!(plain.as_slice(), br#"{"id":"AAMk1","subject":"Visit"}"#);
}

#[test]
fn nothing_opens_that_was_changed() {
    let mut other = key();
    other[31] ^= 1;
    assert_eq!(open_with(DATA, SIGNATURE, &other), Err(Unopenable));
    let cases = [
        (DATA.replace("mAz8", "mAz9"), SIGNATURE.to_owned()),
        (DATA.to_owned(), SIGNATURE.replace("efn", "efm")),
        (DATA.to_owned(), String::new()),
        (DATA.to_owned(), "efnMGiIJRCJppORNCgN4mw==".to_owned()),
        ("!".to_owned(), SIGNATURE.to_owned()),
        (String::new(), SIGNATURE.to_owned()),
    ];
    for (data, signature) in cases {
        assert_eq!(open_with(&data, &signature, &key()), Err(Unopenable), "{data} {signature}");
    }
}

#[test]
fn a_right_signature_over_something_that_is_no_cipher_text_opens_nothing() {
    let signing = hmac::Key::new(hmac::HMAC_SHA256, &key());
    for data in [&b""[..], &b"fifteen bytes.."[..], &[7; 32][..]] {
        let signature = STANDARD.encode(hmac::sign(&signing, data));
        assert_eq!(open_with(&STANDARD.encode(data), &signature, &key()), Err(Unopenable));
    }
}
