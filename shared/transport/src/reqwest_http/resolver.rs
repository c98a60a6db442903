//! Names to addresses, with those left out that must not be connected to.

use core::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::network::TargetPolicy;

/// Why a name leads nowhere. Found again in the client's error by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResolveError {
    /// It has no address, or nobody could say.
    #[error("the name has no address")]
    NotFound,
    /// Every address that it has is forbidden.
    #[error("the name leads to addresses that are not allowed")]
    Forbidden,
}

/// The system's resolver behind a [`TargetPolicy`].
///
/// The check sits here because the addresses that it lets through are those that are connected to:
/// a name that is looked up once for the check and again for the connection could change between.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    targets: Arc<TargetPolicy>,
}

impl GuardedResolver {
    pub(super) fn new(targets: Arc<TargetPolicy>) -> Self {
        Self { targets }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let targets = Arc::clone(&self.targets);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|_| ResolveError::NotFound)?
                .collect();
            Ok(permitted(&targets, found)?)
        })
    }
}

fn permitted(targets: &TargetPolicy, found: Vec<SocketAddr>) -> Result<Addrs, ResolveError> {
    if found.is_empty() {
        return Err(ResolveError::NotFound);
    }
    let permitted: Vec<SocketAddr> =
        found.into_iter().filter(|address| targets.permits(address.ip())).collect();
    if permitted.is_empty() {
        return Err(ResolveError::Forbidden);
    }
    Ok(Box::new(permitted.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().expect(text)
    }

    #[test]
    fn of_several_addresses_only_the_permitted_ones_are_left() {
        let found = vec![socket("10.0.0.1:0"), socket("8.8.8.8:0"), socket("[::1]:0")];
        let left = permitted(&TargetPolicy::default(), found).map(Iterator::collect);
        assert_eq!(left, Ok(vec![socket("8.8.8.8:0")]));
    }

    #[test]
    fn a_name_with_none_but_forbidden_addresses_is_told_from_one_without_any() {
        let targets = TargetPolicy::default();
        let error = |found| permitted(&targets, found).err();
        assert_eq!(error(vec![socket("10.0.0.1:0")]), Some(ResolveError::Forbidden));
        assert_eq!(error(vec![]), Some(ResolveError::NotFound));
    }
}
