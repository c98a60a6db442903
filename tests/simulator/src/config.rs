//! What the simulated organisation looks like at the start.

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A person with a mailbox.
    User,
    /// An account that may impersonate everybody; its own mailbox is empty.
    ServiceAccount,
}

/// One account.
#[derive(Clone)]
pub struct MailboxConfig {
    /// Primary SMTP address.
    pub address: String,
    /// Display name.
    pub display_name: String,
    /// Further addresses that reach it.
    pub aliases: Vec<String>,
    /// Windows id of its time zone.
    pub time_zone: String,
    /// What it is for.
    pub role: Role,
}

/// The organisation.
#[derive(Clone)]
pub struct Config {
    /// Password of every account.
    pub password: String,
    /// All accounts.
    pub mailboxes: Vec<MailboxConfig>,
    /// Where identifiers and faults start; the same seed and requests give the same answers.
    pub seed: u64,
}

/// First names of the demo organisation, in order: the first four are the ones that DESIGN.md 8 names.
const DEMO_PEOPLE: [&str; 20] = [
    "Alex", "Blake", "Casey", "Devon", "Ellis", "Frankie", "Gray", "Harper", "Indigo", "Jamie",
    "Kendall", "Logan", "Morgan", "Noel", "Oakley", "Parker", "Quinn", "Riley", "Sage", "Taylor",
];

impl Config {
    /// The demo organisation: 20 people and the service account at `tidemark.example`.
    pub fn demo() -> Self {
        let mut mailboxes: Vec<_> = DEMO_PEOPLE
            .iter()
            .map(|name| MailboxConfig::person(name, "tidemark.example"))
            .collect();
        mailboxes.push(MailboxConfig {
            address: "svc@tidemark.example".to_owned(),
            display_name: "Tidemark Service".to_owned(),
            aliases: Vec::new(),
            time_zone: "W. Europe Standard Time".to_owned(),
            role: Role::ServiceAccount,
        });
        Self { password: "Passw0rd!".to_owned(), mailboxes, seed: 0 }
    }

    /// The demo organisation with `count` people; those beyond the named twenty are numbered.
    #[must_use]
    pub fn demo_with(count: usize) -> Self {
        let mut config = Self::demo();
        let service = config.mailboxes.pop();
        config.mailboxes.truncate(count);
        for number in config.mailboxes.len()..count {
            config
                .mailboxes
                .push(MailboxConfig::person(&format!("Person{number}"), "tidemark.example"));
        }
        config.mailboxes.extend(service);
        config
    }
}

impl MailboxConfig {
    /// A person at a domain, named after the first name; Central European time.
    pub fn person(first_name: &str, domain: &str) -> Self {
        Self {
            address: format!("{}@{domain}", first_name.to_ascii_lowercase()),
            display_name: first_name.to_owned(),
            aliases: Vec::new(),
            time_zone: "W. Europe Standard Time".to_owned(),
            role: Role::User,
        }
    }
}
