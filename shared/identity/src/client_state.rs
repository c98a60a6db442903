//! Comparing what a caller says with what we told Microsoft.

use aws_lc_rs::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

/// Whether a notification's `clientState` is the one that the subscription was made with. Takes the
/// same time wherever the two differ, and however long they are: their hashes are compared.
pub fn is_same_secret(said: &str, expected: &str) -> bool {
    let (said, expected) = (digest(&SHA256, said.as_bytes()), digest(&SHA256, expected.as_bytes()));
    said.as_ref().ct_eq(expected.as_ref()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_text_is_the_same() {
        assert!(is_same_secret("state", "state"));
        for other in ["", "stat", "State", "state ", "statf"] {
            assert!(!is_same_secret(other, "state"), "{other}");
        }
    }
}
