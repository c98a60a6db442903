//! A mailbox gets another primary address in the directory, and its old one ends (N19).

use serde_json::json;
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::stage::{Setting, Stage};

use super::{ALEX, new_appointment};

const NEW: &str = "a.smith@tidemark.example";

/// A mailbox in sync that is known to have the new address too, and is renamed in the directory.
fn renamed(wire: Wire) -> (Stage, Vec<String>) {
    let mut stage = Stage::new(Setting { wire, ..Setting::default() });
    stage.simulator.user(ALEX).create(&new_appointment("Visit")).unwrap();
    stage.put(
        ALEX,
        "erp-1",
        json!({
            "title": "Review", "start": "2027-03-20T10:00:00", "timeZone": "Europe/Berlin",
            "duration": "PT1H",
        }),
    );
    stage.sync(ALEX);
    let ids = ids(&mut stage, ALEX);
    assert_eq!(ids.len(), 2);
    stage.control("PATCH", &format!("mailboxes/{ALEX}"), &json!({ "address": NEW }).to_string());
    (stage, ids)
}

fn ids(stage: &mut Stage, name: &str) -> Vec<String> {
    let mut ids: Vec<String> = stage.items(name).into_iter().map(|it| it.id).collect();
    ids.sort();
    ids
}

#[test]
fn n19_a_renamed_mailbox_goes_on_under_an_address_that_it_is_known_by() {
    for wire in [Wire::Ews, Wire::Graph] {
        let (mut stage, before) = renamed(wire);
        stage.set_mailbox(ALEX, |row| {
            row.aliases.insert(NEW.to_owned());
        });
        stage.simulator.user(NEW).create(&new_appointment("Later")).unwrap();
        stage.patch(ALEX, "erp-1", json!({ "title": "Review, again" }));
        stage.sync(ALEX);
        stage.sync(ALEX);
        let row = stage.mailbox(ALEX);
        assert_eq!(row.address, NEW, "{wire:?}");
        assert_eq!(row.aliases.iter().collect::<Vec<_>>(), [ALEX], "{wire:?}");
        // Both addresses mean it, with the links that it had.
        for name in [ALEX, NEW] {
            let after = ids(&mut stage, name);
            assert_eq!(after.len(), 3, "{wire:?} {name}");
            assert!(before.iter().all(|id| after.contains(id)), "{wire:?} {name}");
        }
        let titles = stage.simulator.snapshot(NEW).unwrap().into_iter();
        let titles: Vec<_> = titles.filter_map(|item| item.event.title).collect();
        assert!(titles.contains(&"Review, again".to_owned()), "{wire:?}: {titles:?}");
        assert_eq!(titles.len(), 3, "{wire:?}");
        let noted = stage.activity();
        let actions: Vec<&str> = noted.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(actions, ["mailbox-renamed"], "{wire:?}");
        assert_eq!(stage.errors(ALEX), Vec::<String>::new(), "{wire:?}");
        assert!(stage.mails().is_empty());
    }
}

#[test]
fn n19_a_renamed_mailbox_that_is_known_by_no_other_address_says_so() {
    for wire in [Wire::Ews, Wire::Graph] {
        let (mut stage, before) = renamed(wire);
        // Graph goes on giving changes to who has a link to them; asked for the mailbox, it refuses.
        stage.patch(ALEX, "erp-1", json!({ "title": "Review, again" }));
        stage.attempt(ALEX);
        assert_eq!(stage.errors(ALEX).len(), 1, "{wire:?}");
        assert_eq!(stage.mailbox(ALEX).address, ALEX);
        assert_eq!(ids(&mut stage, ALEX), before, "nothing counts as deleted");
        assert!(stage.activity().is_empty(), "{wire:?}");
    }
}
