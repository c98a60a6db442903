//! iCalendar UIDs as the store keeps them: global object ids (MS-OXOCAL 2.2.1.27, MS-OXCICAL
//! 2.1.3.1.1.20.26).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::property::{ExtendedField, PropertyName, PropertySet};

/// `PidLidCleanGlobalObjectId`: the global object id without the date of an exception, so that it
/// is the same for all occurrences of a series.
pub const GLOBAL_OBJECT_ID: ExtendedField = ExtendedField {
    set: PropertySet::Distinguished("Meeting"),
    name: PropertyName::Number(35),
    kind: "Binary",
};

/// What every global object id begins with.
const HEADER: [u8; 16] = [
    0x04, 0x00, 0x00, 0x00, 0x82, 0x00, 0xE0, 0x00, 0x74, 0xC5, 0xB7, 0x10, 0x1A, 0x82, 0xE0, 0x08,
];
/// Where the date of an exception stands: four bytes after the header.
const EXCEPTION_DATE_BYTES: usize = 4;
/// Time of creation and a reserved field, both zero where the UID is a stranger's.
const ZEROES: [u8; EXCEPTION_DATE_BYTES + 8 + 8] = [0; EXCEPTION_DATE_BYTES + 8 + 8];
/// What tells that a stranger's UID follows.
const STRANGER: &[u8] = b"vCal-Uid\x01\x00\x00\x00";

/// The store's form of an iCalendar UID.
#[derive(Clone, PartialEq, Eq)]
pub struct GlobalObjectId(Vec<u8>);

impl GlobalObjectId {
    /// The id of a UID: Outlook's own are hexadecimal and only decoded; others are wrapped.
    pub fn of_uid(uid: &str) -> Self {
        Self(own(uid).unwrap_or_else(|| wrapped(uid)))
    }

    /// In base64, as restrictions have it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

impl core::fmt::Debug for GlobalObjectId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GlobalObjectId({} bytes)", self.0.len())
    }
}

/// A UID that Outlook or Exchange made, without the date of an exception.
fn own(uid: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = uid
        .trim()
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let mut bytes: Vec<u8> = digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect::<Option<_>>()?;
    if !bytes.starts_with(&HEADER) {
        return None;
    }
    let date = bytes.get_mut(HEADER.len()..HEADER.len() + EXCEPTION_DATE_BYTES)?;
    date.fill(0);
    Some(bytes)
}

fn wrapped(uid: &str) -> Vec<u8> {
    let data = [STRANGER, uid.as_bytes(), b"\0"].concat();
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
    [HEADER.as_slice(), &ZEROES, &length, &data].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_uids_are_decoded_without_the_date_of_an_exception() {
        // The pair stands in a blog post about searching for UIDs (infinitec.de, 2009-04-13).
        let uid = "040000008200E00074C5B7101A82E008000000007069352667BBC9010000000000000000100000000C74ABD802575A41BC09B0E12352657B";
        let base64 = "BAAAAIIA4AB0xbcQGoLgCAAAAABwaTUmZ7vJAQAAAAAAAAAAEAAAAAx0q9gCV1pBvAmw4SNSZXs=";
        assert_eq!(GlobalObjectId::of_uid(uid).to_base64(), base64);
        assert_eq!(GlobalObjectId::of_uid(&uid.to_lowercase()).to_base64(), base64);
        let exception = uid.replacen("0800000000", "0807EA0302", 1);
        assert_eq!(GlobalObjectId::of_uid(&exception).to_base64(), base64);
    }

    #[test]
    fn strangers_uids_are_wrapped() {
        let id = GlobalObjectId::of_uid("4711@business.example");
        assert!(id.0.starts_with(&HEADER));
        // Header, zeroes, length, then 12 bytes of mark, the UID and its end.
        let data = id.0.get(16 + 20..).expect("data");
        assert_eq!(data.get(..4), Some([34, 0, 0, 0].as_slice()));
        assert_eq!(data.get(4..), Some(b"vCal-Uid\x01\0\0\x004711@business.example\0".as_slice()));
        for uid in ["", "04", "0400000082", "zz"] {
            assert!(GlobalObjectId::of_uid(uid).0.starts_with(&HEADER), "{uid}");
        }
    }
}
