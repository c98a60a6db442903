//! X-Ray's header, which goes on through the queue.

/// Longest trace header that is handed on, in bytes. Real ones have about 100.
const HEADER_BYTES_MAX: usize = 512;

/// A tracing header: `Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1`.
/// Source: AWS X-Ray developer guide, "Tracing header".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceHeader(String);

impl TraceHeader {
    /// None when it has no root of the documented form, or anything that a header may not have: SQS
    /// refuses a message with a header that is not well formed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_plain =
            text.len() <= HEADER_BYTES_MAX && text.bytes().all(|it| it.is_ascii_graphic());
        (is_plain && root_of(text).is_some()).then(|| Self(text.to_owned()))
    }

    /// The header as it came.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace's id: version, seconds since 1970, 96 bits of randomness.
    pub(crate) fn id(&self) -> &str {
        root_of(&self.0).unwrap_or_default()
    }
}

fn root_of(text: &str) -> Option<&str> {
    let root = text.split(';').find_map(|part| part.strip_prefix("Root="))?;
    let mut parts = root.split('-');
    let is_hex = |part: Option<&str>, digits: usize| {
        part.is_some_and(|it| it.len() == digits && it.bytes().all(|it| it.is_ascii_hexdigit()))
    };
    let fits = parts.next() == Some("1") && is_hex(parts.next(), 8) && is_hex(parts.next(), 24);
    (fits && parts.next().is_none()).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1";

    #[test]
    fn what_is_no_trace_header_is_not_handed_on() {
        assert_eq!(TraceHeader::parse(HEADER).unwrap().id(), "1-67891233-abcdef012345678912345678");
        let root = "Root=1-67891233-abcdef012345678912345678";
        assert!(TraceHeader::parse(root).is_some());
        let long = format!("{root};Lineage={}", "x".repeat(HEADER_BYTES_MAX));
        for text in [
            "",
            "Self=1-67891233-abcdef012345678912345678",
            "Root=2-67891233-abcdef012345678912345678",
            "Root=1-67891233-abcdef01234567891234567",
            "Root=1-67891233-abcdef012345678912345678-1",
            "Root=1-6789123g-abcdef012345678912345678",
            &format!("{root};Parent=\n"),
            &long,
        ] {
            assert_eq!(TraceHeader::parse(text), None, "{text}");
        }
    }
}
