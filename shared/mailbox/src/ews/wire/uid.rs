//! iCalendar UIDs as they can be searched for.
//!
//! Exchange shows `calendar:UID` but does not search by it: it is made from the global object id
//! that the item has in the store, and that one is searched for (MS-OXCICAL 2.1.3.1.1.20.26).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::xml::XmlWriter;

/// What every global object id begins with.
const HEADER: [u8; 16] = [
    0x04, 0x00, 0x00, 0x00, 0x82, 0x00, 0xE0, 0x00, 0x74, 0xC5, 0xB7, 0x10, 0x1A, 0x82, 0xE0, 0x08,
];
/// The date of the occurrence that an id is of, which stands behind the header.
const DATE_BYTES: usize = 4;
/// Behind the header of an id that wraps a foreign UID: no date, no time of creation, and zeroes.
const UNUSED: [u8; DATE_BYTES + 8 + 8] = [0; DATE_BYTES + 8 + 8];
/// What tells that a foreign UID is wrapped.
const FOREIGN: &[u8] = b"vCal-Uid\x01\0\0\0";

/// Writes the path of `PidLidCleanGlobalObjectId`, the id without the date of an occurrence.
pub(super) fn write_path(xml: &mut XmlWriter) {
    xml.empty(
        "t:ExtendedFieldURI",
        &[
            ("DistinguishedPropertySetId", "Meeting"),
            ("PropertyId", "35"),
            ("PropertyType", "Binary"),
        ],
    );
}

/// The global object id of a UID, in base64 as searches take it: what Exchange made itself is
/// spelled in hexadecimal, any other UID is wrapped.
pub(super) fn global_object_id(uid: &str) -> String {
    STANDARD.encode(decoded(uid).unwrap_or_else(|| wrapped(uid)))
}

fn decoded(uid: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = uid.chars().map(|digit| digit.to_digit(16)).collect();
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    };
    let mut id: Vec<u8> = digits?.chunks(2).map(byte).collect::<Option<_>>()?;
    if !id.starts_with(&HEADER) {
        return None;
    }
    let date = id.get_mut(HEADER.len()..)?.get_mut(..DATE_BYTES)?;
    date.fill(0);
    Some(id)
}

fn wrapped(uid: &str) -> Vec<u8> {
    let content = [FOREIGN, uid.as_bytes(), b"\0"].concat();
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    [&HEADER, UNUSED.as_slice(), &length.to_le_bytes(), &content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_exchange_are_decoded_without_the_date_of_an_occurrence() {
        let series = "040000008200E00074C5B7101A82E00800000000B0225ABF0710C80100000000000000001000\
                      000005B27C05AA7C4646B0835D5EB4E41C55";
        let occurrence = series.replacen("E00800000000", "E00807D80C01", 1);
        let id = global_object_id(series);
        assert_ne!(occurrence, series);
        assert_eq!(global_object_id(&occurrence), id);
        assert_eq!(global_object_id(&series.to_lowercase()), id);
        assert_eq!(STANDARD.decode(id).expect("base64").len() * 2, series.len());
    }

    #[test]
    fn any_other_uid_is_wrapped() {
        let id = STANDARD.decode(global_object_id("uid-1")).expect("base64");
        assert!(id.starts_with(&HEADER));
        assert!(id.ends_with(b"\0\0\0\0\x12\0\0\0vCal-Uid\x01\0\0\0uid-1\0"));
        for uid in ["", "0", "04", "0400000082", "\u{e4}"] {
            assert!(STANDARD.decode(global_object_id(uid)).expect("base64").starts_with(&HEADER));
        }
    }
}
