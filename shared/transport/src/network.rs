//! Networks: address ranges, and which targets a client may connect to.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// A range of addresses in CIDR notation, for example `10.0.0.0/8` or `fd00::/8`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkRange {
    network: IpAddr,
    prefix_bits: u8,
}

/// Why a text is no [`NetworkRange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkRangeError {
    /// The part before the slash is no address.
    #[error("not an IP address")]
    Address,
    /// The part after the slash is no number from 0 to 32 (IPv4) or 128 (IPv6).
    #[error("the prefix length is not a number that the address has bits for")]
    Prefix,
    /// Bits are set behind the prefix: probably a typing error, so it is not guessed at.
    #[error("the address has bits behind its prefix")]
    HostBits,
}

impl NetworkRange {
    /// The range of the addresses that share the first `prefix_bits` bits with `network`.
    ///
    /// # Errors
    /// [`NetworkRangeError::Prefix`] or [`NetworkRangeError::HostBits`].
    pub fn new(network: IpAddr, prefix_bits: u8) -> Result<Self, NetworkRangeError> {
        let (bits, width) = bits_of(network);
        if prefix_bits > width {
            return Err(NetworkRangeError::Prefix);
        }
        let range = Self { network, prefix_bits };
        if bits & !range.mask() != 0 {
            return Err(NetworkRangeError::HostBits);
        }
        Ok(range)
    }

    /// Whether `address` lies in this range. An IPv4 address in IPv6 clothes counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, width) = bits_of(address.to_canonical());
        let (network, network_width) = bits_of(self.network);
        width == network_width && bits & self.mask() == network
    }

    /// The mask, aligned to the left end of the 128 bits that [`bits_of`] uses.
    fn mask(&self) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(self.prefix_bits)).unwrap_or(0)
    }
}

/// The bits of an address, aligned to the left, and how many there are.
fn bits_of(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(four) => (u128::from(four.to_bits()) << 96, 32),
        IpAddr::V6(six) => (six.to_bits(), 128),
    }
}

impl FromStr for NetworkRange {
    type Err = NetworkRangeError;

    /// Reads `address/prefix`; an address alone is the range of just that address.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().map_err(|_| NetworkRangeError::Address)?;
        let prefix_bits = match prefix {
            None => bits_of(network).1,
            // u8's parser takes a plus sign, CIDR notation does not.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| NetworkRangeError::Prefix)?
            }
            Some(_) => return Err(NetworkRangeError::Prefix),
        };
        Self::new(network, prefix_bits)
    }
}

impl fmt::Display for NetworkRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_bits)
    }
}

impl fmt::Debug for NetworkRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkRange({self})")
    }
}

/// Which addresses a client may connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPolicy {
    /// Any address: for URLs that an administrator typed.
    Any,
    /// Only public ones and those allowed: for URLs that others chose or that were discovered.
    PublicOnly {
        /// Ranges that are permitted although they are not public.
        allowed: Vec<NetworkRange>,
    },
}

impl TargetPolicy {
    /// Whether a connection to `address` may be opened.
    pub fn permits(&self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::PublicOnly { allowed } => {
                is_public(address) || allowed.iter().any(|range| range.contains(address))
            }
        }
    }
}

/// The strict one: public addresses and nothing else.
impl Default for TargetPolicy {
    fn default() -> Self {
        Self::PublicOnly { allowed: Vec::new() }
    }
}

/// Whether an address belongs to the public Internet, as opposed to this host, this network, the
/// metadata service of a cloud, or a range set aside (IANA's special-purpose address registries).
///
/// Addresses that carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo) are as public as that one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => is_public_v4(four),
        IpAddr::V6(six) => is_public_v6(six),
    }
}

/// IPv4 ranges that are not public, with the length of their prefixes.
const SPECIAL_V4: [(Ipv4Addr, u32); 16] = [
    // This network (RFC 791) and this host (RFC 1122).
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Private (RFC 1918).
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Carrier-grade NAT (RFC 6598), where one cloud also keeps its metadata service.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // Link-local (RFC 3927), where most clouds keep their metadata services.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Azure's host agent, at an address that looks public.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    // IETF protocol assignments (RFC 6890) and relays of 6to4 (RFC 7526).
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    // Documentation (RFC 5737).
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Benchmarks (RFC 2544).
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // Multicast (RFC 5771).
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved (RFC 1112), with broadcast (RFC 919) as its last.
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|(network, prefix_bits)| {
        (address.to_bits() ^ network.to_bits()) >> (32 - prefix_bits) == 0
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // IPv4-mapped (RFC 4291) and well-known NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(embedded(high, low))
        }
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Teredo (RFC 4380): its server, and its client with the bits turned over.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            is_public_v4(embedded(server_high, server_low)) && is_public_v4(embedded(!high, !low))
        }
        // Other IETF assignments (2001::/23), documentation (RFC 3849, RFC 9637).
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Only 2000::/3 is given out as global unicast; the rest is loopback, unique local,
        // link-local, site-local, multicast, deprecated or not assigned.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests;
