//! The few parts of X.509 that are looked at: public key and validity (RFC 5280, 4.1).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`: the version of a certificate.
const VERSION: u8 = 0xa0;

/// One element: its tag, its content, all of its bytes.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// Elements one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Element<'a>> {
        let input = self.0;
        let (tag, rest) = input.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            // Up to four bytes of length: no certificate is longer.
            let count = usize::from(*first & 0x7f);
            let (bytes, rest) =
                rest.split_at_checked(count).filter(|_| (1..=4).contains(&count))?;
            let length = bytes
                .iter()
                .try_fold(0usize, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()))?;
            (length, rest)
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = input.get(..input.len().checked_sub(after.len())?)?;
        self.0 = after;
        Some(Element { tag: *tag, content, whole })
    }

    fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }
}

/// What a certificate says that matters for an assertion.
pub(super) struct CertificateParts {
    /// Its `SubjectPublicKeyInfo`.
    pub(super) key_info: Vec<u8>,
    /// From when it is valid.
    pub(super) not_before: Timestamp,
    /// Until when.
    pub(super) not_after: Timestamp,
}

/// Reads a certificate in DER; none if it is none.
pub(super) fn certificate(der: &[u8]) -> Option<CertificateParts> {
    let outer = Reader(der).expect(SEQUENCE)?;
    let mut fields = Reader(Reader(outer.content).expect(SEQUENCE)?.content);
    let mut first = fields.next()?;
    if first.tag == VERSION {
        first = fields.next()?;
    }
    if first.tag != INTEGER {
        return None;
    }
    fields.expect(SEQUENCE)?; // algorithm of the signature
    fields.expect(SEQUENCE)?; // issuer
    let mut validity = Reader(fields.expect(SEQUENCE)?.content);
    let (not_before, not_after) = (time(&validity.next()?)?, time(&validity.next()?)?);
    fields.expect(SEQUENCE)?; // subject
    let key_info = fields.expect(SEQUENCE)?.whole.to_vec();
    Some(CertificateParts { key_info, not_before, not_after })
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017, A.1.1).
pub(super) fn rsa_components(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let outer = Reader(der).next()?;
    let mut fields = Reader(outer.content);
    let first = fields.next()?;
    if first.tag == SEQUENCE {
        // A `SubjectPublicKeyInfo`: the key is in the bit string, behind the count of unused bits.
        let bits = fields.expect(BIT_STRING)?;
        return rsa_components(bits.content.get(1..)?);
    }
    let second = fields.expect(INTEGER)?;
    let unsigned = |content: &[u8]| content.strip_prefix(&[0]).unwrap_or(content).to_vec();
    (first.tag == INTEGER).then(|| (unsigned(first.content), unsigned(second.content)))
}

/// `UTCTime` has two digits of the year: 50 and more are of the last century (RFC 5280, 4.1.2.5.1).
fn time(element: &Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(element.content).ok()?.strip_suffix('Z')?;
    let (year, rest) = match element.tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let two = |at: usize| rest.get(at..at.checked_add(2)?)?.parse::<i8>().ok();
    let civil = DateTime::new(year, two(0)?, two(2)?, two(4)?, two(6)?, two(8)?, 0).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}
