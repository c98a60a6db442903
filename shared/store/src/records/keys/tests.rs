use std::collections::BTreeSet;

use proptest::prelude::*;
use tidemark_model::{BusinessKey, Kind};
use uuid::Uuid;

use super::*;

fn scope(organisation: &str, mailbox: u128) -> MailboxScope {
    MailboxScope {
        organisation: OrganisationId::parse(organisation).unwrap(),
        mailbox: MailboxId::new(Uuid::from_u128(mailbox)),
    }
}

fn link(number: u128) -> LinkId {
    LinkId::new(Uuid::from_u128(number))
}

/// Every key that holds a text which somebody else chose.
fn keys_of_text(scope: &MailboxScope, text: &str) -> Vec<Key> {
    let system = SystemId::parse("crm").unwrap();
    vec![
        profile(&scope.organisation, text),
        address(&scope.organisation, text),
        remote(scope, text),
        uid(scope, text, link(1)),
        idempotency(scope, &system, text),
        api_key(&digest(text.as_bytes())),
        subscription(&digest(text.as_bytes())),
    ]
}

proptest! {
    #[test]
    fn chosen_texts_neither_collide_nor_escape(
        one in "[#a-zA-Z0-9_\u{0}\u{1f}/ -]{0,40}",
        other in "[#a-zA-Z0-9_\u{0}\u{1f}/ -]{0,40}",
    ) {
        let scope = scope("acme", 1);
        let (ones, others) = (keys_of_text(&scope, &one), keys_of_text(&scope, &other));
        for (a, b) in ones.iter().zip(&others) {
            for part in [&a.partition, &a.sort] {
                prop_assert!(part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"#-".contains(&byte)));
            }
            prop_assert_eq!(a.partition.matches('#').count(), b.partition.matches('#').count());
            prop_assert_eq!(a.sort.matches('#').count(), b.sort.matches('#').count());
        }
        if one.trim().to_lowercase() != other.trim().to_lowercase() {
            let all: BTreeSet<_> = ones.iter().chain(&others).collect();
            prop_assert_eq!(all.len(), ones.len() + others.len());
        }
    }
}

#[test]
fn an_address_is_found_in_any_case() {
    let organisation = scope("acme", 1).organisation;
    assert_eq!(
        address(&organisation, " Alex@Example.com"),
        address(&organisation, "alex@example.com")
    );
}

#[test]
fn mailboxes_and_organisations_have_partitions_of_their_own() {
    // A slug may hold hyphens, so that only the separator tells where it ends.
    let scopes = [scope("a", 1), scope("a-1", 1), scope("a", 2), scope("1", 1)];
    let partitions: BTreeSet<_> = scopes.iter().map(mailbox_partition).collect();
    assert_eq!(partitions.len(), scopes.len());
    for scope in &scopes {
        assert_eq!(read_mailbox_partition(&mailbox_partition(scope)).as_ref(), Some(scope));
    }
}

#[test]
fn no_prefix_of_a_list_takes_in_another_list() {
    let scope = scope("acme", 1);
    let place = Place { sequence: 1, nonce: 1 };
    let hold_id = HoldId::new(Uuid::from_u128(9));
    let rows = [
        link_key(&scope),
        remote(&scope, "x"),
        uid(&scope, "x", link(1)),
        redirect(&scope, link(1)),
        pending(&scope, 1),
        pending_of_link(&scope, link(1), 1),
        intent(&scope, link(1), IntentId::new(Uuid::from_u128(3))),
        cursor(&scope, &Collection::calendar()),
        history(&scope, link(1), 1, 1, place),
        mail(&scope, 1, 1, place),
        hold(&scope, hold_id),
        brake(&scope, 1),
        day(&scope, "2026-03-01"),
        chunk(&scope, "00", 0),
        subscription_listing(&scope, "00"),
        mailbox(&scope),
        state(&scope),
        data_key(&scope),
    ];
    let lists =
        [LINKS, PENDINGS, INTENTS, CURSORS, MAILS, HOLDS, BRAKES, DAYS, CHUNKS, SUBSCRIPTIONS];
    for list in lists {
        let taken = rows.iter().filter(|row| row.sort.starts_with(list)).count();
        assert_eq!(taken, 1, "{list}");
    }
}

fn link_key(scope: &MailboxScope) -> Key {
    super::link(scope, link(1))
}

#[test]
fn numbers_sort_as_they_count() {
    let scope = scope("acme", 1);
    let numbers = [1, 2, 9, 10, 99, 100, u64::MAX];
    let sorts: Vec<_> = numbers.iter().map(|number| pending(&scope, *number).sort).collect();
    let mut sorted = sorts.clone();
    sorted.sort();
    assert_eq!(sorts, sorted);
    let place = |sequence| Place { sequence, nonce: 0xffff_ffff };
    let earlier = history(&scope, link(1), 999, 7, place(2)).sort;
    let later = history(&scope, link(1), 1000, 6, place(1)).sort;
    let next = history(&scope, link(1), 1000, 6, Place { sequence: 2, nonce: 0 }).sort;
    assert!(earlier < later && later < next);
}

#[test]
fn the_partition_of_a_delivery_is_read_back() {
    let organisation = OrganisationId::parse("acme-2").unwrap();
    let endpoint = EndpointId::new(Uuid::from_u128(5));
    let partition = delivery_partition(&organisation, endpoint);
    assert_eq!(read_delivery(&partition), Some((organisation, endpoint)));
    assert_eq!(read_delivery("D#acme"), None);
}

#[test]
fn every_shard_is_used() {
    let used: BTreeSet<u8> =
        (0..500).map(|number| shard_of(MailboxId::new(Uuid::from_u128(number)))).collect();
    assert_eq!(used, (0..SHARDS).collect());
}

#[test]
fn link_ids_of_business_keys_stay_within_the_form_of_keys() {
    let system = SystemId::parse("crm").unwrap();
    let key = BusinessKey::parse("a#b/../c").unwrap();
    let mailbox = MailboxId::new(Uuid::from_u128(1));
    let id = LinkId::of_business_key(&system, mailbox, Kind::Appointment, &key);
    assert_eq!(super::link(&scope("acme", 1), id).sort.matches('#').count(), 1);
}
