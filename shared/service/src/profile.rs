//! Profiles: the rules of a mailbox, as people set them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_engine::{Budgets, ConflictPolicy, MailRule, Profile, StartOfSync};

/// The rules that a profile changes; what is absent keeps the product's default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    /// Whether changes of the business system are carried to Exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_exchange: Option<bool>,
    /// Whether changes in Exchange are carried to the business system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_business: Option<bool>,
    /// Whether what the business system deletes is deleted in Exchange (E3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletes_in_exchange: Option<bool>,
    /// Whether what is deleted in Exchange is deleted in the business system (E3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletes_in_business: Option<bool>,
    /// Whether private appointments stay in Exchange (E3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_private: Option<bool>,
    /// Who wins where both sides changed the same property (N3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<Conflicts>,
    /// What to do where Exchange would mail people (N10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<Mail>,
    /// From which moment on changes are carried (E10); absent copies everything first (A6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// Whether appointments of several employees are kept in the business system as they are,
    /// whatever becomes of them in Exchange (E5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protect_conferences: Option<bool>,
    /// Deletes that are allowed in one mailbox in one hour (N11).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletes_per_hour: Option<u32>,
    /// People that may be mailed from one mailbox in one hour (N11).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mails_per_hour: Option<u32>,
}

/// [`ConflictPolicy`] as a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflicts {
    /// What stands in Exchange.
    ExchangeWins,
    /// What the business system says.
    BusinessWins,
    /// Whoever changed it later.
    LatestWins,
}

/// [`MailRule`] as a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mail {
    /// Wait until a person has decided.
    Hold,
    /// Write, and let Exchange mail.
    Send,
    /// Write silently; create without attendees.
    WithoutAttendees,
}

/// How far back E10 lets changes be carried.
const START_DAYS_MAX: i64 = 30;

impl Rules {
    /// The engine's profile for these rules. A start in the future or more than 30 days past
    /// becomes 30 days past (E10).
    pub fn profile(&self, now: Timestamp) -> Profile {
        let default = Profile::default();
        Profile {
            to_exchange: self.to_exchange.unwrap_or(default.to_exchange),
            to_business: self.to_business.unwrap_or(default.to_business),
            deletes_in_exchange: self.deletes_in_exchange.unwrap_or(default.deletes_in_exchange),
            deletes_in_business: self.deletes_in_business.unwrap_or(default.deletes_in_business),
            no_private: self.no_private.unwrap_or(default.no_private),
            conflicts: self.conflicts.map_or(default.conflicts, |policy| match policy {
                Conflicts::ExchangeWins => ConflictPolicy::ExchangeWins,
                Conflicts::BusinessWins => ConflictPolicy::BusinessWins,
                Conflicts::LatestWins => ConflictPolicy::LatestWins,
            }),
            mail: self.mail.map_or(default.mail, |rule| match rule {
                Mail::Hold => MailRule::Hold,
                Mail::Send => MailRule::Send,
                Mail::WithoutAttendees => MailRule::WithoutAttendees,
            }),
            start: self
                .start
                .map_or(default.start, |start| StartOfSync::From(clamp_start(start, now))),
            protect_conferences: self.protect_conferences.unwrap_or(default.protect_conferences),
            budgets: Budgets {
                deletes_per_hour: self.deletes_per_hour.unwrap_or(default.budgets.deletes_per_hour),
                mails_per_hour: self.mails_per_hour.unwrap_or(default.budgets.mails_per_hour),
            },
            ..default
        }
    }
}

fn clamp_start(start: Timestamp, now: Timestamp) -> Timestamp {
    let earliest = now - jiff::SignedDuration::from_hours(24 * START_DAYS_MAX);
    if start > now || start < earliest { earliest } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rules_are_the_default_profile() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        assert_eq!(Rules::default().profile(now), Profile::default());
        let read: Rules = serde_json::from_str(r#"{"mail":"without-attendees"}"#).unwrap();
        assert_eq!(read.profile(now).mail, MailRule::WithoutAttendees);
        assert!(serde_json::from_str::<Rules>(r#"{"mial":"send"}"#).is_err());
    }

    #[test]
    fn e10_a_start_out_of_bounds_becomes_thirty_days_past() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let hours = |hours: i64| now - jiff::SignedDuration::from_hours(hours);
        assert_eq!(clamp_start(hours(5), now), hours(5));
        assert_eq!(clamp_start(hours(-5), now), hours(720));
        assert_eq!(clamp_start(hours(24 * 31), now), hours(720));
    }
}
