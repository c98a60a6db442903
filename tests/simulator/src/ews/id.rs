//! Opaque ids, change keys and states: base64 with a checksum, so that a changed letter is noticed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::store::{ChangeNumber, FolderNumber, MailboxNumber, SyncCursor, Target};

const FOLDER: u8 = 1;
const ITEM: u8 = 2;
const OCCURRENCE: u8 = 3;
const KEY: u8 = 4;
const SYNC: u8 = 5;
const HIERARCHY: u8 = 6;
const WATERMARK: u8 = 7;
const SUBSCRIPTION: u8 = 8;

/// Bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 4;

/// A text that is no id of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Where an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ItemRef {
    /// Whose.
    pub(crate) mailbox: MailboxNumber,
    /// Which.
    pub(crate) target: Target,
}

/// The id of a folder.
pub(crate) fn folder(mailbox: MailboxNumber, folder: FolderNumber) -> String {
    seal(FOLDER, &[u64::from(mailbox), folder])
}

/// Reads the id of a folder.
pub(crate) fn read_folder(id: &str) -> Result<(MailboxNumber, FolderNumber), Malformed> {
    match open(id)? {
        (FOLDER, fields) => match fields.as_slice() {
            [mailbox, folder] => Ok((mailbox_number(*mailbox)?, *folder)),
            _ => Err(Malformed),
        },
        _ => Err(Malformed),
    }
}

/// The id of an item or occurrence.
pub(crate) fn item(mailbox: MailboxNumber, target: Target) -> String {
    match target {
        Target::Item(number) => seal(ITEM, &[u64::from(mailbox), number]),
        Target::Occurrence(number, original) => {
            seal(OCCURRENCE, &[u64::from(mailbox), number, civil_seconds(original)])
        }
    }
}

/// Reads the id of an item or occurrence.
pub(crate) fn read_item(id: &str) -> Result<ItemRef, Malformed> {
    let (kind, fields) = open(id)?;
    match (kind, fields.as_slice()) {
        (ITEM, [mailbox, number]) => {
            Ok(ItemRef { mailbox: mailbox_number(*mailbox)?, target: Target::Item(*number) })
        }
        (OCCURRENCE, [mailbox, number, original]) => Ok(ItemRef {
            mailbox: mailbox_number(*mailbox)?,
            target: Target::Occurrence(*number, civil_of(*original)?),
        }),
        _ => Err(Malformed),
    }
}

/// The change key of a change.
pub(crate) fn change_key(change: ChangeNumber) -> String {
    seal(KEY, &[change])
}

/// Reads a change key.
pub(crate) fn read_change_key(key: &str) -> Result<ChangeNumber, Malformed> {
    match (open(key)?.0, open(key)?.1.as_slice()) {
        (KEY, [change]) => Ok(*change),
        _ => Err(Malformed),
    }
}

/// The state of an item sync, bound to its folder and to the epoch of the mailbox's states.
pub(crate) fn sync_state(folder: FolderNumber, epoch: u32, cursor: SyncCursor) -> String {
    let epoch = u64::from(epoch);
    match cursor {
        SyncCursor::Initial { snapshot, below } => seal(SYNC, &[folder, epoch, 0, snapshot, below]),
        SyncCursor::Since(change) => seal(SYNC, &[folder, epoch, 1, change, 0]),
    }
}

/// Reads the state of an item sync; another folder's or an older epoch's is malformed too.
pub(crate) fn read_sync_state(
    state: &str,
    folder: FolderNumber,
    epoch: u32,
) -> Result<SyncCursor, Malformed> {
    match (open(state)?.0, open(state)?.1.as_slice()) {
        (SYNC, [of, at, kind, first, second]) if *of == folder && *at == u64::from(epoch) => {
            match kind {
                0 => Ok(SyncCursor::Initial { snapshot: *first, below: *second }),
                _ => Ok(SyncCursor::Since(*first)),
            }
        }
        _ => Err(Malformed),
    }
}

/// The state of a hierarchy sync.
pub(crate) fn hierarchy_state(root: FolderNumber, epoch: u32, change: ChangeNumber) -> String {
    seal(HIERARCHY, &[root, u64::from(epoch), change])
}

/// Reads the state of a hierarchy sync.
pub(crate) fn read_hierarchy_state(
    state: &str,
    root: FolderNumber,
    epoch: u32,
) -> Result<ChangeNumber, Malformed> {
    match (open(state)?.0, open(state)?.1.as_slice()) {
        (HIERARCHY, [of, at, change]) if *of == root && *at == u64::from(epoch) => Ok(*change),
        _ => Err(Malformed),
    }
}

/// The watermark after so many events of a subscription's mailbox.
pub(crate) fn watermark(change: ChangeNumber, count: u64) -> String {
    seal(WATERMARK, &[change, count])
}

/// The id of a subscription.
pub(crate) fn subscription(number: u64, secret: u64) -> String {
    seal(SUBSCRIPTION, &[number, secret])
}

fn seal(kind: u8, fields: &[u64]) -> String {
    let mut bytes = vec![0, kind];
    for field in fields {
        bytes.extend_from_slice(&field.to_be_bytes());
    }
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum);
    STANDARD.encode(bytes)
}

fn open(text: &str) -> Result<(u8, Vec<u64>), Malformed> {
    let bytes = STANDARD.decode(text.trim()).map_err(|_| Malformed)?;
    let split = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or(Malformed)?;
    let (content, sum) = bytes.split_at_checked(split).ok_or(Malformed)?;
    if checksum(content) != sum {
        return Err(Malformed);
    }
    match content {
        [0, kind, fields @ ..] => {
            let fields = fields
                .chunks_exact(8)
                .map(|chunk| chunk.try_into().map(u64::from_be_bytes).map_err(|_| Malformed))
                .collect::<Result<_, _>>()?;
            Ok((*kind, fields))
        }
        _ => Err(Malformed),
    }
}

fn checksum(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).iter().take(CHECKSUM_BYTES).copied().collect()
}

fn mailbox_number(field: u64) -> Result<MailboxNumber, Malformed> {
    MailboxNumber::try_from(field).map_err(|_| Malformed)
}

/// Civil seconds since 1970, as bits; the year 1601 and later all fit.
fn civil_seconds(at: DateTime) -> u64 {
    let seconds = TimeZone::UTC.to_timestamp(at).map_or(0, jiff::Timestamp::as_second);
    u64::from_be_bytes(seconds.to_be_bytes())
}

fn civil_of(bits: u64) -> Result<DateTime, Malformed> {
    let seconds = i64::from_be_bytes(bits.to_be_bytes());
    let instant = jiff::Timestamp::from_second(seconds).map_err(|_| Malformed)?;
    Ok(TimeZone::UTC.to_datetime(instant))
}
