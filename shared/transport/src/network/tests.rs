use super::*;

fn range(text: &str) -> NetworkRange {
    text.parse().expect(text)
}

fn address(text: &str) -> IpAddr {
    text.parse().expect(text)
}

#[test]
fn ranges_hold_their_first_and_last_address_and_no_neighbour() {
    for (text, first, last, before, after) in [
        ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
        ("172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.6", "192.0.2.8"),
        ("fd00::/8", "fd00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fcff::", "fe00::"),
        ("::1", "::1", "::1", "::", "::2"),
    ] {
        let range = range(text);
        assert!(range.contains(address(first)), "{text} {first}");
        assert!(range.contains(address(last)), "{text} {last}");
        assert!(!range.contains(address(before)), "{text} {before}");
        assert!(!range.contains(address(after)), "{text} {after}");
    }
}

#[test]
fn the_whole_of_one_family_is_not_the_other() {
    assert!(range("0.0.0.0/0").contains(address("203.0.113.1")));
    assert!(!range("0.0.0.0/0").contains(address("2001:db8::1")));
    assert!(range("::/0").contains(address("2001:db8::1")));
    assert!(!range("::/0").contains(address("203.0.113.1")));
}

#[test]
fn a_mapped_address_lies_in_the_range_of_its_ipv4_address() {
    assert!(range("127.0.0.0/8").contains(address("::ffff:127.0.0.1")));
}

#[test]
fn what_is_no_range_is_refused_with_its_reason() {
    for (text, error) in [
        ("", NetworkRangeError::Address),
        ("example.org/8", NetworkRangeError::Address),
        ("10.0.0/8", NetworkRangeError::Address),
        ("10.0.0.0/", NetworkRangeError::Prefix),
        ("10.0.0.0/33", NetworkRangeError::Prefix),
        ("10.0.0.0/+8", NetworkRangeError::Prefix),
        ("10.0.0.0/8/8", NetworkRangeError::Prefix),
        ("fd00::/129", NetworkRangeError::Prefix),
        ("10.1.0.0/8", NetworkRangeError::HostBits),
        ("fd00::1/8", NetworkRangeError::HostBits),
    ] {
        assert_eq!(text.parse::<NetworkRange>(), Err(error), "{text}");
    }
}

#[test]
fn ranges_are_shown_as_they_are_read() {
    for text in ["10.0.0.0/8", "0.0.0.0/0", "fd00::/8", "192.0.2.7/32"] {
        assert_eq!(range(text).to_string(), text);
    }
}

#[test]
fn every_special_range_is_refused_up_to_its_edges() {
    for text in [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2001:0:808:808::f5ff:fffe",
        "2001:0:a00:1::f7f7:f7f7",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff::1",
        "2001:db8::1",
        "3fff::1",
        "3fff:fff::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:c0a8:1::1",
        "2002:a9fe:a9fe::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ffff::1",
    ] {
        assert!(!is_public(address(text)), "{text}");
    }
}

#[test]
fn what_borders_on_special_ranges_is_public() {
    for text in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "8.8.8.8",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2002:808:808::1",
        "2001:0:808:808::f7f7:f7f7",
        "2606:4700::1111",
        "2a00:1450::1",
        "3fff:1000::1",
    ] {
        assert!(is_public(address(text)), "{text}");
    }
}

#[test]
fn an_allowed_range_opens_only_itself() {
    let policy = TargetPolicy::PublicOnly { allowed: vec![range("127.0.0.0/8")] };
    assert!(policy.permits(address("127.0.0.1")));
    assert!(policy.permits(address("::ffff:127.0.0.1")));
    assert!(policy.permits(address("8.8.8.8")));
    assert!(!policy.permits(address("10.0.0.1")));
    assert!(!policy.permits(address("::1")));
    assert!(!TargetPolicy::default().permits(address("127.0.0.1")));
    assert!(TargetPolicy::Any.permits(address("127.0.0.1")));
}
