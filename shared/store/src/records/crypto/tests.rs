use std::sync::Mutex;

use super::*;

/// Different bytes each time, the same in each test.
fn counting() -> FillRandom {
    let counter = Mutex::new(0_u8);
    Arc::new(move |buffer: &mut [u8]| {
        let mut counter = counter.lock().unwrap();
        for byte in buffer {
            *counter = counter.wrapping_mul(31).wrapping_add(7);
            *byte = *counter;
        }
        *counter = counter.wrapping_add(1);
    })
}

fn keyring() -> Keyring {
    Keyring::new(&[7; 32], counting()).unwrap()
}

#[test]
fn what_was_sealed_is_opened_under_its_context_alone() {
    let (key, _) = keyring().make_data_key(b"mailbox").unwrap();
    let content = "Budget 2027 ".repeat(100).into_bytes();
    let sealed = key.seal(&content, b"row 1").unwrap();
    assert!(sealed.len() < content.len(), "it is compressed");
    assert!(!sealed.windows(6).any(|window| window == b"Budget"));
    assert_eq!(key.open(&sealed, b"row 1").unwrap(), content);
    assert!(key.open(&sealed, b"row 2").is_err());
}

#[test]
fn a_keyring_without_the_master_key_neither_makes_nor_opens_a_data_key() {
    let (_, wrapped) = keyring().make_data_key(b"mailbox").unwrap();
    let without = Keyring::without_master_key(counting());
    let told = |error: Option<StoreError>| error.map(|error| error.to_string());
    let why = told(Some(NO_MASTER_KEY));
    assert_eq!(told(without.make_data_key(b"mailbox").err()), why);
    assert_eq!(told(without.open_data_key(&wrapped, b"mailbox").err()), why);
}

#[test]
fn every_changed_byte_is_noticed() {
    let (key, _) = keyring().make_data_key(b"mailbox").unwrap();
    let sealed = key.seal(b"content", b"row").unwrap();
    for index in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        assert!(key.open(&changed, b"row").is_err(), "byte {index}");
        assert!(key.open(&sealed[..index], b"row").is_err(), "cut at {index}");
    }
}

#[test]
fn the_same_content_is_never_sealed_alike() {
    let (key, _) = keyring().make_data_key(b"mailbox").unwrap();
    assert_ne!(key.seal(b"content", b"row").unwrap(), key.seal(b"content", b"row").unwrap());
}

#[test]
fn a_data_key_opens_under_its_master_and_mailbox_alone() {
    let keyring = keyring();
    let (key, wrapped) = keyring.make_data_key(b"mailbox").unwrap();
    let sealed = key.seal(b"content", b"row").unwrap();
    let opened = keyring.open_data_key(&wrapped, b"mailbox").unwrap();
    assert_eq!(opened.open(&sealed, b"row").unwrap(), b"content");
    assert!(keyring.open_data_key(&wrapped, b"another mailbox").is_err());
    let other = Keyring::new(&[8; 32], counting()).unwrap();
    assert!(other.open_data_key(&wrapped, b"mailbox").is_err());
    let (another, _) = keyring.make_data_key(b"mailbox").unwrap();
    assert!(another.open(&sealed, b"row").is_err());
}

#[test]
fn a_frame_that_unpacks_to_too_much_is_refused() {
    let (key, _) = keyring().make_data_key(b"mailbox").unwrap();
    let bomb = zstd::bulk::compress(&vec![0; CONTENT_BYTES_MAX + 1], 3).unwrap();
    let sealed = seal(&key.key, &key.random, bomb, b"row").unwrap();
    assert!(matches!(key.open(&sealed, b"row"), Err(StoreError::TooLarge(_))));
    let too_large = vec![0; CONTENT_BYTES_MAX + 1];
    assert!(matches!(key.seal(&too_large, b"row"), Err(StoreError::TooLarge(_))));
}

#[test]
fn debug_shows_nothing() {
    let keyring = keyring();
    let (key, _) = keyring.make_data_key(b"mailbox").unwrap();
    assert_eq!(format!("{keyring:?} {key:?}"), "Keyring DataKey");
}
