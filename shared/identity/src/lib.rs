//! Entra and OAuth: app-only tokens, their cache, and the checks of tokens that Microsoft sends us.

pub mod application_credentials;
pub mod cache;
pub mod certificate_key;
pub mod claims;
pub mod client_state;
pub mod cloud;
pub mod encrypted_content;
pub mod entra;
pub mod error;
pub mod notification_keys;
pub mod shelf;
pub mod signing_keys;
pub mod token;
pub mod validation;

mod assertion;
mod refusal;
mod self_signed;

#[cfg(test)]
mod testing;

pub use application_credentials::{
    ApplicationCredentials, CredentialsError, GraphApplication, ListedCredential,
};
pub use cache::{Issuer, Renewed, TokenCache};
pub use certificate_key::{CertificateKey, CertificateKeyError};
pub use claims::Claims;
pub use client_state::is_same_secret;
pub use cloud::{Cloud, CloudError, Tenant, TenantError};
pub use encrypted_content::{EncryptedContent, Unopenable};
pub use entra::{Application, ClientCredential, Entra, FEDERATION_AUDIENCE, Issued, WebIdentity};
pub use error::TokenError;
pub use notification_keys::{NotificationKeys, NotificationKeysError};
pub use self_signed::{SelfSignedError, make_application_certificate};
pub use shelf::{Claim, Setback, Shelf, ShelfError, ShelvedToken, TokenShelf};
pub use signing_keys::{KeysUnavailable, SigningKeys};
pub use token::{AccessToken, TokenSource};
pub use validation::{NotificationProof, Recipient, Unproven, VALIDATION_TOKENS_MAX};
