//! Entra and OAuth: app-only tokens, their cache, and the checks of tokens that Microsoft sends us.

pub mod cache;
pub mod certificate_key;
pub mod cloud;
pub mod entra;
pub mod error;
pub mod shelf;
pub mod token;

mod assertion;
mod refusal;

#[cfg(test)]
mod testing;

pub use cache::{Issuer, Renewed, TokenCache};
pub use certificate_key::{CertificateKey, CertificateKeyError};
pub use cloud::{Cloud, CloudError, Tenant, TenantError};
pub use entra::{Application, ClientCredential, Entra, FEDERATION_AUDIENCE, Issued, WebIdentity};
pub use error::TokenError;
pub use shelf::{Claim, Setback, Shelf, ShelfError, ShelvedToken, TokenShelf};
pub use token::{AccessToken, TokenSource};
