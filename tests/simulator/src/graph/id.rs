//! Ids of items and calendars, mutable and immutable, and their translations
//! (exchange-graph.md 4).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::GraphError;
use crate::ews;
use crate::store::{ChangeNumber, FolderNumber, Item, ItemNumber, Mailbox, MailboxNumber, Target};

/// First bytes of an immutable id: what no EWS id begins with.
const IMMUTABLE: [u8; 4] = [0, 0x09, 0, 0x0b];
const CHECKSUM_BYTES: usize = 4;
/// Stands for a whole item, where an occurrence has its original start.
const NO_OCCURRENCE: u64 = u64::MAX;

/// Forms of ids that `translateExchangeIds` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdForm {
    /// What EWS says.
    Ews,
    /// Graph's default.
    Rest,
    /// Graph's lasting one.
    RestImmutable,
    /// MAPI's, in URL-safe base64 with a digit for the padding.
    Entry,
    /// MAPI's lasting one.
    ImmutableEntry,
}

impl IdForm {
    /// Reads Graph's word (exchangeIdFormat).
    pub(super) fn read(word: &str) -> Option<Self> {
        match word {
            "ewsId" => Some(Self::Ews),
            "restId" => Some(Self::Rest),
            "restImmutableEntryId" => Some(Self::RestImmutable),
            "entryId" => Some(Self::Entry),
            "immutableEntryId" => Some(Self::ImmutableEntry),
            _ => None,
        }
    }
}

/// An item or occurrence by its lasting number.
struct Lasting {
    item: ItemNumber,
    /// The original start of the occurrence meant.
    occurrence: Option<DateTime>,
}

/// The id of an item or occurrence as responses carry it.
pub(super) fn item(mailbox: &Mailbox, target: Target, immutable: bool) -> String {
    write(mailbox, target, if immutable { IdForm::RestImmutable } else { IdForm::Rest })
}

/// An id in any form.
pub(super) fn write(mailbox: &Mailbox, target: Target, form: IdForm) -> String {
    let mutable = || STANDARD.decode(ews::item_id(mailbox.number, target)).unwrap_or_default();
    match form {
        IdForm::Ews => ews::item_id(mailbox.number, target),
        IdForm::Rest => URL_SAFE.encode(mutable()),
        IdForm::RestImmutable => URL_SAFE.encode(immutable(mailbox, target)),
        IdForm::Entry => counted(&mutable()),
        IdForm::ImmutableEntry => counted(&immutable(mailbox, target)),
    }
}

/// Reads an id in either of the two forms that paths carry.
///
/// # Errors
/// When it is malformed, another mailbox's, or nothing has it any more.
pub(super) fn read(mailbox: &Mailbox, text: &str) -> Result<Target, GraphError> {
    let form = match URL_SAFE.decode(text) {
        Ok(bytes) if bytes.starts_with(&IMMUTABLE) => IdForm::RestImmutable,
        _ => IdForm::Rest,
    };
    read_as(mailbox, text, form)
}

/// Reads an id of a given form.
///
/// # Errors
/// As [`read`].
pub(super) fn read_as(mailbox: &Mailbox, text: &str, form: IdForm) -> Result<Target, GraphError> {
    let malformed = || GraphError::new(400, "ErrorInvalidIdMalformed", "Id is malformed.");
    let bytes = match form {
        IdForm::Ews => STANDARD.decode(text).ok(),
        IdForm::Rest | IdForm::RestImmutable => URL_SAFE.decode(text).ok(),
        IdForm::Entry | IdForm::ImmutableEntry => uncounted(text),
    }
    .ok_or_else(malformed)?;
    match form {
        IdForm::Ews | IdForm::Rest | IdForm::Entry => {
            let found = ews::read_item_id(&STANDARD.encode(bytes)).map_err(|_| malformed())?;
            if found.mailbox != mailbox.number {
                return Err(GraphError::item_not_found());
            }
            Ok(found.target)
        }
        IdForm::RestImmutable | IdForm::ImmutableEntry => {
            let (owner, found) = open(&bytes).ok_or_else(malformed)?;
            if owner != mailbox.number {
                return Err(GraphError::item_not_found());
            }
            let number = mailbox.current(found.item).ok_or_else(GraphError::item_not_found)?;
            Ok(match found.occurrence {
                Some(original) => Target::Occurrence(number, original),
                None => Target::Item(number),
            })
        }
    }
}

/// The id of a calendar or folder: constant without any preference.
pub(super) fn folder(mailbox: MailboxNumber, folder: FolderNumber) -> String {
    URL_SAFE.encode(STANDARD.decode(ews::folder_id(mailbox, folder)).unwrap_or_default())
}

/// Reads the id of a folder of this mailbox.
///
/// # Errors
/// When it is malformed or another mailbox's.
pub(super) fn read_folder(mailbox: &Mailbox, text: &str) -> Result<FolderNumber, GraphError> {
    let malformed = || GraphError::new(400, "ErrorInvalidIdMalformed", "Id is malformed.");
    let bytes = URL_SAFE.decode(text).map_err(|_| malformed())?;
    let (owner, folder) = ews::read_folder_id(&STANDARD.encode(bytes)).map_err(|_| malformed())?;
    if owner != mailbox.number || !mailbox.folders.contains_key(&folder) {
        return Err(crate::store::StoreError::FolderNotFound.into());
    }
    Ok(folder)
}

/// The change key of an item.
pub(super) fn change_key(change: ChangeNumber) -> String {
    let mut bytes = vec![0x0f, 0, 0, 0, 0x16, 0];
    bytes.extend_from_slice(&change.to_be_bytes());
    bytes.extend_from_slice(&checksum(&bytes));
    STANDARD.encode(bytes)
}

/// The entity tag of an item.
pub(super) fn etag(item: &Item) -> String {
    format!("W/\"{}\"", change_key(item.changed))
}

fn immutable(mailbox: &Mailbox, target: Target) -> Vec<u8> {
    let item = mailbox.origin(target.item());
    let occurrence = match target {
        Target::Item(_) => None,
        Target::Occurrence(_, original) => Some(original),
    };
    seal(mailbox.number, &Lasting { item, occurrence })
}

fn seal(mailbox: MailboxNumber, what: &Lasting) -> Vec<u8> {
    let mut bytes = IMMUTABLE.to_vec();
    bytes.extend_from_slice(&mailbox.to_be_bytes());
    bytes.extend_from_slice(&what.item.to_be_bytes());
    let original = what.occurrence.map_or(NO_OCCURRENCE, |original| {
        let at = TimeZone::UTC.to_timestamp(original).map_or(0, jiff::Timestamp::as_second);
        u64::from_be_bytes(at.to_be_bytes())
    });
    bytes.extend_from_slice(&original.to_be_bytes());
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum);
    bytes
}

fn open(bytes: &[u8]) -> Option<(MailboxNumber, Lasting)> {
    let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
    if checksum(content) != sum {
        return None;
    }
    let fields = content.strip_prefix(&IMMUTABLE)?;
    let (mailbox, fields) = fields.split_first_chunk::<4>()?;
    let (item, fields) = fields.split_first_chunk::<8>()?;
    let original = u64::from_be_bytes(fields.try_into().ok()?);
    let occurrence = match original {
        NO_OCCURRENCE => None,
        bits => {
            let seconds = i64::from_be_bytes(bits.to_be_bytes());
            Some(TimeZone::UTC.to_datetime(jiff::Timestamp::from_second(seconds).ok()?))
        }
    };
    let item = u64::from_be_bytes(*item);
    Some((u32::from_be_bytes(*mailbox), Lasting { item, occurrence }))
}

fn checksum(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).iter().take(CHECKSUM_BYTES).copied().collect()
}

/// The padding of base64 becomes a digit that counts it.
fn counted(bytes: &[u8]) -> String {
    let padding = (3 - bytes.len() % 3) % 3;
    format!("{}{padding}", URL_SAFE_NO_PAD.encode(bytes))
}

fn uncounted(text: &str) -> Option<Vec<u8>> {
    let (base64, padding) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let bytes = URL_SAFE_NO_PAD.decode(base64).ok()?;
    (padding.parse() == Ok((3 - bytes.len() % 3) % 3)).then_some(bytes)
}
