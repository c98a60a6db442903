//! Where deliveries may go.

use tidemark_transport::{HttpOptions, NetworkRange, NetworkRangeError, PlainHttp, TargetPolicy};

/// The HTTP client of deliveries: it reaches public addresses and, besides them, the private networks
/// that the operator names (CIDR, with commas between them).
///
/// # Errors
/// When one of the networks cannot be read.
pub fn webhook_options(networks: &str) -> Result<HttpOptions, NetworkRangeError> {
    let allowed = networks
        .split(',')
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .map(str::parse::<NetworkRange>)
        .collect::<Result<_, _>>()?;
    Ok(HttpOptions {
        // This machine is reached only where it is among the networks.
        plain_http: PlainHttp::LoopbackLiterals,
        targets: TargetPolicy::PublicOnly { allowed },
        ..HttpOptions::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_reach_named_networks_only_beside_public_ones() {
        let options = webhook_options("10.1.0.0/16, fd00::/8").unwrap();
        assert!(options.targets.permits([10, 1, 2, 3].into()));
        assert!(!options.targets.permits([10, 2, 2, 3].into()));
        assert!(options.targets.permits([93, 184, 215, 14].into()));
        // Plain http goes to this machine only, and this machine has to be named.
        assert_eq!(options.plain_http, PlainHttp::LoopbackLiterals);
        assert!(!options.targets.permits([127, 0, 0, 1].into()));
        assert!(webhook_options("10.1.0.0/33").is_err());
    }
}
