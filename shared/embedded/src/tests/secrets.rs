//! Secrets in a file.

use secrecy::{ExposeSecret, SecretString};
use tidemark_store::{Secrets, StoreError};

use super::Directory;
use crate::EmbeddedStore;

async fn value(secrets: &dyn Secrets, name: &str) -> Option<String> {
    let value = secrets.get(name).await.unwrap();
    value.map(|value| value.expose_secret().to_owned())
}

#[tokio::test]
async fn secrets_survive_and_their_file_is_the_owners() {
    let directory = Directory::new("secrets");
    let store = EmbeddedStore::open(directory.path()).await.unwrap();
    let secrets = store.secrets();
    assert_eq!(value(&secrets, "a").await, None);
    for (name, text) in [("a", "first"), ("b", "\"quoted\" ü"), ("a", "second")] {
        secrets.put(name, SecretString::from(text)).await.unwrap();
    }
    drop((store, secrets));
    let store = EmbeddedStore::open(directory.path()).await.unwrap();
    let secrets = store.secrets();
    assert_eq!(value(&secrets, "a").await.as_deref(), Some("second"));
    assert_eq!(value(&secrets, "b").await.as_deref(), Some("\"quoted\" ü"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::metadata(directory.path().join("secrets.json")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        let folder = std::fs::metadata(directory.path()).unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    }
    assert!(!directory.path().join("secrets.json.new").exists());
}

#[tokio::test]
async fn a_damaged_file_is_reported_without_being_quoted_or_overwritten() {
    let directory = Directory::new("damaged");
    let store = EmbeddedStore::open(directory.path()).await.unwrap();
    let file = directory.path().join("secrets.json");
    std::fs::write(&file, r#"{"version":1,"secrets":{"a":"hunter2"#).unwrap();
    let error = store.secrets().get("a").await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)));
    assert!(!error.to_string().contains("hunter2"));
    let put = store.secrets().put("b", SecretString::from("x")).await;
    assert!(matches!(put, Err(StoreError::Corrupt(_))));
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("hunter2"));
}
