//! Which Exchange answers, and whether it is still supported (E22).

use core::fmt;

use jiff::civil::{Date, date};

/// The version that a server reports in `ServerVersionInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    /// 15 from Exchange 2013 on.
    pub major: u16,
    /// 0 for 2013, 1 for 2016, 2 for 2019 and Subscription Edition, 20 for Exchange Online.
    pub minor: u16,
    /// The build, which tells Subscription Edition from 2019.
    pub build: u32,
    /// Its revision.
    pub revision: u32,
}

/// Shows `15.2.2562.17`, as administrators know it.
impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.major, self.minor, self.build, self.revision)
    }
}

/// A product by its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeProduct {
    /// Before 2013.
    Older,
    /// 15.0
    Exchange2013,
    /// 15.1
    Exchange2016,
    /// 15.2 up to the last build of 2019.
    Exchange2019,
    /// 15.2 from build 2562 on.
    SubscriptionEdition,
    /// 15.20, whose EWS is being switched off.
    Online,
    /// Newer than this program.
    Unknown,
}

/// What we promise for a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Tested and supported.
    Full,
    /// Works as far as we know.
    BestEffort,
    /// Not connected to.
    Refused,
}

impl ServerVersion {
    /// Which product it is.
    pub const fn product(self) -> ExchangeProduct {
        /// The first release of Subscription Edition, 15.2.2562.17 of July 2025. Exchange 2019 ends
        /// with Cumulative Update 15, 15.2.1748.
        const SUBSCRIPTION_EDITION_BUILD: u32 = 2562;
        match (self.major, self.minor) {
            (..15, _) => ExchangeProduct::Older,
            (15, 0) => ExchangeProduct::Exchange2013,
            (15, 1) => ExchangeProduct::Exchange2016,
            (15, 2) if self.build < SUBSCRIPTION_EDITION_BUILD => ExchangeProduct::Exchange2019,
            (15, 2) => ExchangeProduct::SubscriptionEdition,
            (15, 20) => ExchangeProduct::Online,
            _ => ExchangeProduct::Unknown,
        }
    }
}

impl ExchangeProduct {
    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Older => "Exchange before 2013",
            Self::Exchange2013 => "Exchange Server 2013",
            Self::Exchange2016 => "Exchange Server 2016",
            Self::Exchange2019 => "Exchange Server 2019",
            Self::SubscriptionEdition => "Exchange Server Subscription Edition",
            Self::Online => "Exchange Online",
            Self::Unknown => "an Exchange that is newer than this program",
        }
    }

    /// What we promise for it.
    pub const fn support(self) -> Support {
        match self {
            Self::Exchange2016 | Self::Exchange2019 | Self::SubscriptionEdition => Support::Full,
            Self::Exchange2013 | Self::Online | Self::Unknown => Support::BestEffort,
            Self::Older => Support::Refused,
        }
    }

    /// The last day on which Microsoft supported it, if it has passed for good.
    pub const fn support_ended(self) -> Option<Date> {
        match self {
            // Exchange 2010 was the last of them.
            Self::Older => Some(date(2020, 10, 13)),
            Self::Exchange2013 => Some(date(2023, 4, 11)),
            Self::Exchange2016 | Self::Exchange2019 => Some(date(2025, 10, 14)),
            Self::SubscriptionEdition | Self::Online | Self::Unknown => None,
        }
    }

    /// What people are told about it.
    pub fn statement(self) -> String {
        let name = self.name();
        let ours = match (self, self.support()) {
            (Self::Online, _) => " its EWS is being switched off: use Microsoft Graph for it",
            (_, Support::Full) => " supported",
            (_, Support::BestEffort) => " works as far as we know, without a promise",
            (_, Support::Refused) => " not supported; Exchange 2016 is the oldest that is",
        };
        match self.support_ended() {
            Some(day) => format!("{name}:{ours}. Microsoft's own support ended on {day}"),
            None => format!("{name}:{ours}"),
        }
    }
}

/// What a check of the way to a mailbox found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerFacts {
    /// The version, where the server names it.
    pub version: Option<ServerVersion>,
    /// How many items the calendar holds.
    pub calendar_items: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u16, minor: u16, build: u32, revision: u32) -> ServerVersion {
        ServerVersion { major, minor, build, revision }
    }

    #[test]
    fn versions_are_products() {
        for (version, product) in [
            (version(8, 3, 83, 0), ExchangeProduct::Older),
            (version(14, 3, 513, 0), ExchangeProduct::Older),
            (version(15, 0, 1497, 48), ExchangeProduct::Exchange2013),
            (version(15, 1, 2507, 61), ExchangeProduct::Exchange2016),
            (version(15, 2, 1748, 36), ExchangeProduct::Exchange2019),
            (version(15, 2, 2562, 17), ExchangeProduct::SubscriptionEdition),
            (version(15, 20, 9115, 15), ExchangeProduct::Online),
            (version(16, 0, 1, 0), ExchangeProduct::Unknown),
        ] {
            assert_eq!(version.product(), product, "{version}");
        }
    }

    #[test]
    fn the_end_of_support_is_said_and_only_what_is_too_old_is_refused() {
        let statement = ExchangeProduct::Exchange2019.statement();
        assert!(statement.contains("supported"), "{statement}");
        assert!(statement.contains("2025-10-14"), "{statement}");
        assert!(!ExchangeProduct::SubscriptionEdition.statement().contains("ended"));
        assert_eq!(ExchangeProduct::Older.support(), Support::Refused);
        assert_eq!(ExchangeProduct::Exchange2013.support(), Support::BestEffort);
    }
}
