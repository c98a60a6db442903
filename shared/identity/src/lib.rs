//! Entra and OAuth: app-only tokens, their cache, and the checks of tokens that Microsoft sends us.

pub mod error;
pub mod token;

pub use error::TokenError;
pub use token::{AccessToken, TokenSource};
