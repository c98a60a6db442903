//! Every key of the table, built in this one place.
//!
//! Parts are joined by `#`. A part is a UUID, a slug (lower-case letters, digits, hyphens), a
//! number of fixed width, or the hexadecimal SHA-256 of what somebody else chose (addresses, remote
//! ids, UIDs, keys). None of them can hold a `#`, so no part can end early and no two keys meet.

use core::fmt::Write as _;

use jiff::civil::Date;

use sha2::{Digest, Sha256};
use tidemark_model::{LinkId, MailboxId, OrganisationId, SystemId};

use super::ids::{ApiKeyId, Collection, ConnectionId, EndpointId, HoldId, IntentId, MailboxScope};
use crate::table::Key;

/// Shards of an organisation's feed. The index of dirty mailboxes had as many once: what was put there
/// is still found.
pub const SHARDS: u8 = 16;

/// Index shard of endpoints that have something to deliver.
pub(crate) const DELIVER_SHARD: &str = "deliver";

/// The hexadecimal SHA-256 of a text that somebody else chose.
pub(crate) fn digest(text: &[u8]) -> String {
    hex(&Sha256::digest(text))
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The shard of a mailbox, both of its feed and of the index: 0 to 15.
pub fn shard_of(mailbox: MailboxId) -> u8 {
    let digest = Sha256::digest(mailbox.uuid().as_bytes());
    digest.first().map_or(0, |byte| byte % SHARDS)
}

/// Shards of the index that dirty mailboxes are put into: each is asked every minute.
pub const DUE_SHARDS: u8 = 4;

/// The shard of the index that a mailbox stands in while it is dirty: 0 to 3.
pub fn due_shard_of(mailbox: MailboxId) -> u8 {
    shard_of(mailbox) % DUE_SHARDS
}

/// The name of an index shard of dirty mailboxes.
pub(crate) fn due_shard(shard: u8) -> String {
    format!("sync#{shard:02}")
}

fn key(partition: String, sort: impl Into<String>) -> Key {
    Key { partition, sort: sort.into() }
}

/// Partition of the list of organisations.
pub(crate) const ORGANISATIONS: &str = "ORGANISATIONS";

pub(crate) fn organisation_listing(organisation: &OrganisationId) -> Key {
    key(ORGANISATIONS.to_owned(), organisation.as_str())
}

/// Partition of what all mailboxes of the deployment share.
pub(crate) const SHARED: &str = "SHARED";

/// What they shared on a day.
pub(crate) fn shared_usage(day: Date) -> Key {
    key(SHARED.to_owned(), day.to_string())
}

/// Partition of an organisation's settings. Connections and profiles are not in it: each run reads one of
/// each kind, and a partition key bears only so much.
pub(crate) fn settings_partition(organisation: &OrganisationId) -> String {
    format!("O#{organisation}")
}

pub(crate) fn organisation(organisation: &OrganisationId) -> Key {
    key(settings_partition(organisation), "ORGANISATION")
}

pub(crate) const SYSTEMS: &str = "SYSTEM#";
pub(crate) const CONNECTIONS: &str = "CONNECTION#";
pub(crate) const PROFILES: &str = "PROFILE#";
pub(crate) const API_KEYS: &str = "APIKEY#";
pub(crate) const ENDPOINTS: &str = "ENDPOINT#";

pub(crate) fn system(organisation: &OrganisationId, system: &SystemId) -> Key {
    key(settings_partition(organisation), format!("{SYSTEMS}{system}"))
}

/// Partition of an organisation's connections.
pub(crate) fn connections_partition(organisation: &OrganisationId) -> String {
    format!("C#{organisation}")
}

pub(crate) fn connection(organisation: &OrganisationId, connection: ConnectionId) -> Key {
    key(connections_partition(organisation), format!("{CONNECTIONS}{connection}"))
}

/// Partition of an organisation's profiles.
pub(crate) fn profiles_partition(organisation: &OrganisationId) -> String {
    format!("P#{organisation}")
}

/// A profile's name is chosen by people.
pub(crate) fn profile(organisation: &OrganisationId, name: &str) -> Key {
    key(profiles_partition(organisation), format!("{PROFILES}{}", digest(name.as_bytes())))
}

pub(crate) fn api_key_listing(organisation: &OrganisationId, id: ApiKeyId) -> Key {
    key(settings_partition(organisation), format!("{API_KEYS}{id}"))
}

/// An API key by the hexadecimal SHA-256 of the key itself.
pub(crate) fn api_key(secret_digest: &str) -> Key {
    key(format!("APIKEY#{secret_digest}"), "APIKEY")
}

pub(crate) fn endpoint(organisation: &OrganisationId, endpoint: EndpointId) -> Key {
    key(settings_partition(organisation), format!("{ENDPOINTS}{endpoint}"))
}

/// Partition of what an endpoint still has to get.
pub(crate) fn delivery_partition(organisation: &OrganisationId, endpoint: EndpointId) -> String {
    format!("D#{organisation}#{endpoint}")
}

pub(crate) fn delivery(organisation: &OrganisationId, endpoint: EndpointId) -> Key {
    key(delivery_partition(organisation, endpoint), "STATE")
}

/// Reads the partition of [`delivery`] back.
pub(crate) fn read_delivery(partition: &str) -> Option<(OrganisationId, EndpointId)> {
    let (organisation, endpoint) = partition.strip_prefix("D#")?.split_once('#')?;
    Some((OrganisationId::parse(organisation).ok()?, EndpointId::parse(endpoint)?))
}

pub(crate) const RETRIES: &str = "RETRY#";

pub(crate) fn retry(
    organisation: &OrganisationId,
    endpoint: EndpointId,
    shard: u8,
    number: u64,
) -> Key {
    key(delivery_partition(organisation, endpoint), format!("{RETRIES}{shard:02}#{number:020}"))
}

/// Partition of what administrators changed.
pub(crate) fn activity_partition(organisation: &OrganisationId) -> String {
    format!("V#{organisation}")
}

pub(crate) fn activity(organisation: &OrganisationId, at_ms: i64, place: Place) -> Key {
    key(activity_partition(organisation), moment(at_ms, 0, place))
}

/// Partition of the list of an organisation's mailboxes.
pub(crate) fn mailboxes_partition(organisation: &OrganisationId) -> String {
    format!("L#{organisation}")
}

pub(crate) fn mailbox_listing(scope: &MailboxScope) -> Key {
    key(mailboxes_partition(&scope.organisation), scope.mailbox.to_string())
}

/// Partition of the list of an organisation's removed mailboxes of which rows may be left.
pub(crate) fn removed_partition(organisation: &OrganisationId) -> String {
    format!("R#{organisation}")
}

pub(crate) fn removed(scope: &MailboxScope) -> Key {
    key(removed_partition(&scope.organisation), scope.mailbox.to_string())
}

/// Partition of what the sweep of an organisation looks at soon.
pub(crate) fn watch_partition(organisation: &OrganisationId) -> String {
    format!("W#{organisation}")
}

/// A mailbox that is looked at soon.
pub(crate) fn watch(scope: &MailboxScope) -> Key {
    key(watch_partition(&scope.organisation), scope.mailbox.to_string())
}

/// With which settings an organisation was last swept. It sorts before all mailboxes.
pub(crate) const SWEPT: &str = "!";

pub(crate) fn swept(organisation: &OrganisationId) -> Key {
    key(watch_partition(organisation), SWEPT)
}

/// An address, in any case.
pub(crate) fn address(organisation: &OrganisationId, address: &str) -> Key {
    let digest = digest(address.trim().to_lowercase().as_bytes());
    key(format!("A#{organisation}#{digest}"), "ADDRESS")
}

/// Partition of everything of a mailbox.
pub(crate) fn mailbox_partition(scope: &MailboxScope) -> String {
    format!("M#{}#{}", scope.organisation, scope.mailbox)
}

/// Reads a mailbox's partition back.
pub(crate) fn read_mailbox_partition(partition: &str) -> Option<MailboxScope> {
    let (organisation, mailbox) = partition.strip_prefix("M#")?.split_once('#')?;
    Some(MailboxScope {
        organisation: OrganisationId::parse(organisation).ok()?,
        mailbox: MailboxId::parse(mailbox).ok()?,
    })
}

pub(crate) fn in_mailbox(scope: &MailboxScope, sort: impl Into<String>) -> Key {
    key(mailbox_partition(scope), sort)
}

pub(crate) fn mailbox(scope: &MailboxScope) -> Key {
    in_mailbox(scope, "MAILBOX")
}

pub(crate) fn state(scope: &MailboxScope) -> Key {
    in_mailbox(scope, "STATE")
}

/// The last move of a mailbox.
pub(crate) fn movement(scope: &MailboxScope) -> Key {
    in_mailbox(scope, "MOVE")
}

pub(crate) fn data_key(scope: &MailboxScope) -> Key {
    in_mailbox(scope, "KEY")
}

pub(crate) const LINKS: &str = "LINK#";

pub(crate) fn link(scope: &MailboxScope, link: LinkId) -> Key {
    in_mailbox(scope, format!("{LINKS}{link}"))
}

pub(crate) fn redirect(scope: &MailboxScope, link: LinkId) -> Key {
    in_mailbox(scope, format!("REDIRECT#{link}"))
}

pub(crate) fn remote(scope: &MailboxScope, remote_id: &str) -> Key {
    in_mailbox(scope, format!("REMOTE#{}", digest(remote_id.as_bytes())))
}

pub(crate) fn uid_prefix(uid: &str) -> String {
    format!("UID#{}#", digest(uid.as_bytes()))
}

pub(crate) fn uid(scope: &MailboxScope, uid: &str, link: LinkId) -> Key {
    in_mailbox(scope, format!("{}{link}", uid_prefix(uid)))
}

pub(crate) const PENDINGS: &str = "PENDING#";

pub(crate) fn pending_sort(number: u64) -> String {
    format!("{PENDINGS}{number:020}")
}

pub(crate) fn pending(scope: &MailboxScope, number: u64) -> Key {
    in_mailbox(scope, pending_sort(number))
}

pub(crate) const WAITS: &str = "WAITS#";

pub(crate) fn pending_of_link_prefix(link: LinkId) -> String {
    format!("{WAITS}{link}#")
}

pub(crate) fn pending_of_link(scope: &MailboxScope, link: LinkId, number: u64) -> Key {
    in_mailbox(scope, format!("{}{number:020}", pending_of_link_prefix(link)))
}

pub(crate) fn idempotency(scope: &MailboxScope, system: &SystemId, idempotency_key: &str) -> Key {
    in_mailbox(scope, format!("IDEMPOTENCY#{system}#{}", digest(idempotency_key.as_bytes())))
}

pub(crate) const INTENTS: &str = "INTENT#";

pub(crate) fn intents_of_link_prefix(link: LinkId) -> String {
    format!("{INTENTS}{link}#")
}

pub(crate) fn intent(scope: &MailboxScope, link: LinkId, intent: IntentId) -> Key {
    in_mailbox(scope, format!("{}{intent}", intents_of_link_prefix(link)))
}

pub(crate) const CURSORS: &str = "CURSOR#";

pub(crate) fn cursor(scope: &MailboxScope, collection: &Collection) -> Key {
    in_mailbox(scope, format!("{CURSORS}{}", collection.as_str()))
}

pub(crate) fn history_prefix(link: LinkId) -> String {
    format!("HISTORY#{link}#")
}

/// Tells rows of one millisecond and epoch apart, and keeps those of one commit in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Its place within the commit.
    pub(crate) sequence: u32,
    /// Random, so that two commits do not meet.
    pub(crate) nonce: u32,
}

pub(crate) fn history(
    scope: &MailboxScope,
    link: LinkId,
    at_ms: i64,
    epoch: u64,
    place: Place,
) -> Key {
    in_mailbox(scope, format!("{}{}", history_prefix(link), moment(at_ms, epoch, place)))
}

pub(crate) const MAILS: &str = "MAIL#";

pub(crate) fn mail(scope: &MailboxScope, at_ms: i64, epoch: u64, place: Place) -> Key {
    in_mailbox(scope, format!("{MAILS}{}", moment(at_ms, epoch, place)))
}

pub(crate) const HOLDS: &str = "HOLD#";

pub(crate) fn hold(scope: &MailboxScope, hold: HoldId) -> Key {
    in_mailbox(scope, format!("{HOLDS}{hold}"))
}

/// Partition of the list of an organisation's holds.
pub(crate) fn holds_partition(organisation: &OrganisationId) -> String {
    format!("H#{organisation}")
}

pub(crate) fn hold_listing(organisation: &OrganisationId, hold: HoldId) -> Key {
    hold_listing_of(organisation, &hold.to_string())
}

/// The same by the id's text.
pub(crate) fn hold_listing_of(organisation: &OrganisationId, hold: &str) -> Key {
    key(holds_partition(organisation), hold)
}

pub(crate) const BRAKES: &str = "BRAKE#";

/// Hours since 1970.
pub(crate) fn brake(scope: &MailboxScope, hour: u64) -> Key {
    in_mailbox(scope, format!("{BRAKES}{hour:012}"))
}

pub(crate) const DAYS: &str = "DAY#";

pub(crate) fn day(scope: &MailboxScope, day: &str) -> Key {
    in_mailbox(scope, format!("{DAYS}{day}"))
}

pub(crate) const READINGS: &str = "READING#";

/// A reading of a mailbox's meter.
pub(crate) fn reading(scope: &MailboxScope, day: Date) -> Key {
    in_mailbox(scope, reading_of(day))
}

/// The sort key of a day's reading.
pub(crate) fn reading_of(day: Date) -> String {
    format!("{READINGS}{day}")
}

pub(crate) const CHUNKS: &str = "CHUNK#";

/// A piece of a content that is too large for its row, by the hash of the whole.
pub(crate) fn chunk(scope: &MailboxScope, hash: &str, index: usize) -> Key {
    in_mailbox(scope, format!("{CHUNKS}{hash}#{index:06}"))
}

/// A push subscription by the hexadecimal SHA-256 of its URL key.
pub(crate) fn subscription(key_digest: &str) -> Key {
    key(format!("S#{key_digest}"), "SUBSCRIPTION")
}

/// A call of Graph's by the hexadecimal SHA-256 of its body.
pub(crate) fn call(digest: &str) -> Key {
    key(format!("N#{digest}"), "CALL")
}

pub(crate) const SUBSCRIPTIONS: &str = "SUBSCRIPTION#";

pub(crate) fn subscription_listing(scope: &MailboxScope, key_digest: &str) -> Key {
    in_mailbox(scope, format!("{SUBSCRIPTIONS}{key_digest}"))
}

/// An access token of a connection, by what it is for.
pub(crate) fn token(
    organisation: &OrganisationId,
    connection: ConnectionId,
    audience: &str,
) -> Key {
    let sort = format!("TOKEN#{}", digest(audience.as_bytes()));
    key(format!("T#{organisation}#{connection}"), sort)
}

/// Partition of one shard of an organisation's feed.
pub(crate) fn feed_partition(organisation: &OrganisationId, shard: u8) -> String {
    format!("F#{organisation}#{shard:02}")
}

pub(crate) fn feed_head(organisation: &OrganisationId, shard: u8) -> Key {
    key(feed_partition(organisation, shard), "HEAD")
}

pub(crate) fn feed_entry_sort(number: u64) -> String {
    format!("E#{number:020}")
}

pub(crate) fn feed_entry(organisation: &OrganisationId, shard: u8, number: u64) -> Key {
    key(feed_partition(organisation, shard), feed_entry_sort(number))
}

/// A moment in a form that sorts; what lies before 1970 counts as 1970.
fn moment(at_ms: i64, epoch: u64, place: Place) -> String {
    let Place { sequence, nonce } = place;
    format!("{:016}#{epoch:020}#{sequence:06}#{nonce:08x}", at_ms.max(0))
}

#[cfg(test)]
mod tests;
