//! One test for each script and protocol.

use std::collections::BTreeSet;

use tidemark_scenarios::exchange::Wire;

macro_rules! scripts {
    ($($test:ident $file:literal,)*) => {
        const SCRIPTS: &[&str] = &[$($file),*];

        mod over_ews {
            $(
                #[test]
                fn $test() {
                    let text = include_str!(concat!("../../scripts/", $file, ".script"));
                    tidemark_scenarios::script::run($file, text, super::Wire::Ews);
                }
            )*
        }

        mod over_graph {
            $(
                #[test]
                fn $test() {
                    let text = include_str!(concat!("../../scripts/", $file, ".script"));
                    tidemark_scenarios::script::run($file, text, super::Wire::Graph);
                }
            )*
        }
    };
}

scripts! {
    a11_created_again "a11-created-again",
    a12_lag_in_words "a12-lag-in-words",
    a12_throttled "a12-throttled",
    a12_unavailable "a12-unavailable",
    a3_no_calendar "a3-no-calendar",
    a5_deletes_both_ways "a5-deletes-both-ways",
    a6_coming_days_first "a6-coming-days-first",
    a6_first_copy "a6-first-copy",
    a6_first_copy_adopts "a6-first-copy-adopts",
    e10_start_of_sync "e10-start-of-sync",
    e1_business_to_exchange "e1-business-to-exchange",
    e1_exchange_to_business "e1-exchange-to-business",
    e1_unclear_create "e1-unclear-create",
    e23_refused_by_exchange "e23-refused-by-exchange",
    e23_what_exchange_cannot_hold "e23-what-exchange-cannot-hold",
    e3_deletes_off_in_business "e3-deletes-off-in-business",
    e3_deletes_off_in_exchange "e3-deletes-off-in-exchange",
    e3_one_direction "e3-one-direction",
    e3_private_carried_by_setting "e3-private-carried-by-setting",
    e3_private_from_business "e3-private-from-business",
    e3_private_is_skipped "e3-private-is-skipped",
    e3_turned_private "e3-turned-private",
    e5_conference_protected "e5-conference-protected",
    n10_answers_of_the_business_system "n10-answers-of-the-business-system",
    n10_change_of_a_meeting "n10-change-of-a-meeting",
    n10_delete_of_a_meeting "n10-delete-of-a-meeting",
    n10_hold_and_send "n10-hold-and-send",
    n10_hold_discard "n10-hold-discard",
    n10_hold_without_attendees "n10-hold-without-attendees",
    n10_one_occurrence_of_a_meeting "n10-one-occurrence-of-a-meeting",
    n10_own_changes_never_wait "n10-own-changes-never-wait",
    n10_past_and_first_copy_mail_nobody "n10-past-and-first-copy-mail-nobody",
    n10_past_without_attendees "n10-past-without-attendees",
    n10_people_taken_off "n10-people-taken-off",
    n10_rule_send "n10-rule-send",
    n10_silent_answer "n10-silent-answer",
    n10_silent_change_of_a_meeting "n10-silent-change-of-a-meeting",
    n11_delete_while_cursor_lost "n11-delete-while-cursor-lost",
    n11_empty_answer "n11-empty-answer",
    n11_left_and_came_back "n11-left-and-came-back",
    n11_moved_away_and_back "n11-moved-away-and-back",
    n16_answers "n16-answers",
    n16_meeting_copies "n16-meeting-copies",
    n16_organiser_moves_and_calls_off "n16-organiser-moves-and-calls-off",
    n1_lost_notification "n1-lost-notification",
    n1_lost_subscription "n1-lost-subscription",
    n1_notification "n1-notification",
    n3_conflict_business_wins "n3-conflict-business-wins",
    n3_conflict_exchange_wins "n3-conflict-exchange-wins",
    n3_conflict_latest_wins "n3-conflict-latest-wins",
    n3_delete_against_edit "n3-delete-against-edit",
    n3_if_match "n3-if-match",
    n3_merge "n3-merge",
    n4_all_day "n4-all-day",
    n4_both_sides_of_a_series "n4-both-sides-of-a-series",
    n4_series_becomes_single "n4-series-becomes-single",
    n4_series_from_business "n4-series-from-business",
    n4_series_from_exchange "n4-series-from-exchange",
    n4_series_of_other_zones "n4-series-of-other-zones",
    n5_history "n5-history",
    n7_absent_clears_nothing "n7-absent-clears-nothing",
    w16_many_changes_one_run "w16-many-changes-one-run",
    w17_impersonation "w17-impersonation",
}

#[test]
fn every_script_is_run_and_says_what_it_proves() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");
    let found: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the scripts are there")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<String> =
        SCRIPTS.iter().map(|script| format!("{script}.script")).collect();
    assert_eq!(found, listed);
    for script in found {
        let text = std::fs::read_to_string(format!("{folder}/{script}")).expect("a text");
        let first = text.lines().next().unwrap_or_default();
        let id = script.split('-').next().unwrap_or_default().to_uppercase();
        assert!(first.starts_with("# ") && first.contains(&id), "{script}: {first}");
    }
}
