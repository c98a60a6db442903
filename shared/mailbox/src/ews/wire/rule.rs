//! Rules of series: six patterns and three ranges, in both directions (exchange-ews.md 7).

use jiff::civil::{Date, Weekday};
use tidemark_model::{Pattern, Range, Recurrence, WeekIndex, WeekdaySet};

use super::time;
use super::tree::Node;
use super::xml::XmlWriter;
use super::zone::{read_weekday, weekday_name};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const INDEXES: [(WeekIndex, &str); 5] = [
    (WeekIndex::First, "First"),
    (WeekIndex::Second, "Second"),
    (WeekIndex::Third, "Third"),
    (WeekIndex::Fourth, "Fourth"),
    (WeekIndex::Last, "Last"),
];

const GROUPS: [(WeekdaySet, &str); 3] = [
    (WeekdaySet::ALL, "Day"),
    (WeekdaySet::WEEKDAYS, "Weekday"),
    (WeekdaySet::WEEKEND, "WeekendDay"),
];

/// Reads a `Recurrence`. None if it is none of those that calendar items have.
pub(super) fn read(rule: &Node) -> Option<Recurrence> {
    let mut parts = rule.children();
    let pattern = read_pattern(parts.next()?)?;
    let range = parts.next()?;
    let range = match range.name() {
        "NoEndRecurrence" => Range::NoEnd,
        "EndDateRecurrence" => Range::Until(time::date(range.text_of("EndDate")?)?),
        "NumberedRecurrence" => Range::Count(number(range, "NumberOfOccurrences")?),
        _ => return None,
    };
    Some(Recurrence { pattern, range })
}

fn read_pattern(pattern: &Node) -> Option<Pattern> {
    let interval = || number(pattern, "Interval");
    let day = || pattern.text_of("DayOfMonth")?.parse().ok();
    let days = || read_days(pattern.text_of("DaysOfWeek")?);
    let index = || {
        let name = pattern.text_of("DayOfWeekIndex")?;
        let (index, _) = INDEXES.into_iter().find(|(_, known)| *known == name)?;
        Some(index)
    };
    let month = || {
        let name = pattern.text_of("Month")?;
        let before = MONTHS.into_iter().position(|known| known == name)?;
        u8::try_from(before).ok()?.checked_add(1)
    };
    Some(match pattern.name() {
        "DailyRecurrence" => Pattern::Daily { interval: interval()? },
        "WeeklyRecurrence" => Pattern::Weekly {
            interval: interval()?,
            days: days()?,
            // What Exchange takes where a client said nothing.
            first_day: match pattern.text_of("FirstDayOfWeek") {
                Some(name) => read_weekday(name)?,
                None => Weekday::Sunday,
            },
        },
        "AbsoluteMonthlyRecurrence" => {
            Pattern::AbsoluteMonthly { interval: interval()?, day: day()? }
        }
        "RelativeMonthlyRecurrence" => {
            Pattern::RelativeMonthly { interval: interval()?, index: index()?, days: days()? }
        }
        "AbsoluteYearlyRecurrence" => {
            Pattern::AbsoluteYearly { interval: 1, month: month()?, day: day()? }
        }
        "RelativeYearlyRecurrence" => {
            Pattern::RelativeYearly { interval: 1, month: month()?, index: index()?, days: days()? }
        }
        _ => return None,
    })
}

fn number(node: &Node, name: &str) -> Option<u32> {
    node.text_of(name)?.parse().ok().filter(|number| *number > 0)
}

fn read_days(names: &str) -> Option<WeekdaySet> {
    let mut days = WeekdaySet::EMPTY;
    for name in names.split_ascii_whitespace() {
        match GROUPS.into_iter().find(|(_, known)| *known == name) {
            Some((group, _)) => days = group.iter().fold(days, WeekdaySet::with),
            None => days = days.with(read_weekday(name)?),
        }
    }
    (!days.is_empty()).then_some(days)
}

/// Whether EWS can hold the rule: relative patterns take one day, or one of three groups of days.
pub(super) fn is_writable(rule: &Recurrence) -> bool {
    match &rule.pattern {
        Pattern::RelativeMonthly { days, .. } => one_day(*days).is_some(),
        Pattern::RelativeYearly { days, interval, .. } => {
            one_day(*days).is_some() && interval.checked_mul(12).is_some()
        }
        Pattern::AbsoluteYearly { interval, .. } => interval.checked_mul(12).is_some(),
        Pattern::Daily { .. } | Pattern::Weekly { .. } | Pattern::AbsoluteMonthly { .. } => true,
    }
}

/// Writes a `Recurrence` whose first occurrence is on `first`. Only for rules that
/// [`is_writable`] admits.
pub(super) fn write(xml: &mut XmlWriter, rule: &Recurrence, first: Date) {
    xml.element("t:Recurrence", &[], |xml| {
        write_pattern(xml, &rule.pattern);
        let start = time::date_text(first);
        match rule.range {
            Range::NoEnd => xml.element("t:NoEndRecurrence", &[], |xml| {
                xml.leaf("t:StartDate", &start);
            }),
            Range::Until(end) => xml.element("t:EndDateRecurrence", &[], |xml| {
                xml.leaf("t:StartDate", &start);
                xml.leaf("t:EndDate", &time::date_text(end));
            }),
            Range::Count(count) => xml.element("t:NumberedRecurrence", &[], |xml| {
                xml.leaf("t:StartDate", &start);
                xml.leaf("t:NumberOfOccurrences", &count.to_string());
            }),
        }
    });
}

fn write_pattern(xml: &mut XmlWriter, pattern: &Pattern) {
    match pattern {
        Pattern::Daily { interval } => {
            xml.element("t:DailyRecurrence", &[], |xml| {
                xml.leaf("t:Interval", &interval.to_string());
            });
        }
        Pattern::Weekly { interval, days, first_day } => {
            xml.element("t:WeeklyRecurrence", &[], |xml| {
                xml.leaf("t:Interval", &interval.to_string());
                let names: Vec<_> = days.iter().map(weekday_name).collect();
                xml.leaf("t:DaysOfWeek", &names.join(" "));
                xml.leaf("t:FirstDayOfWeek", weekday_name(*first_day));
            });
        }
        Pattern::AbsoluteMonthly { interval, day } => write_absolute_monthly(xml, *interval, *day),
        Pattern::RelativeMonthly { interval, index, days } => {
            write_relative_monthly(xml, *interval, *index, *days);
        }
        Pattern::AbsoluteYearly { interval: 1, month, day } => {
            xml.element("t:AbsoluteYearlyRecurrence", &[], |xml| {
                xml.leaf("t:DayOfMonth", &day.to_string());
                xml.leaf("t:Month", month_name(*month));
            });
        }
        Pattern::RelativeYearly { interval: 1, month, index, days } => {
            xml.element("t:RelativeYearlyRecurrence", &[], |xml| {
                write_relative(xml, *index, *days);
                xml.leaf("t:Month", month_name(*month));
            });
        }
        // EWS has no interval of years: every second year is every 24th month.
        Pattern::AbsoluteYearly { interval, day, .. } => {
            write_absolute_monthly(xml, interval.saturating_mul(12), *day);
        }
        Pattern::RelativeYearly { interval, index, days, .. } => {
            write_relative_monthly(xml, interval.saturating_mul(12), *index, *days);
        }
    }
}

fn write_absolute_monthly(xml: &mut XmlWriter, interval: u32, day: u8) {
    xml.element("t:AbsoluteMonthlyRecurrence", &[], |xml| {
        xml.leaf("t:Interval", &interval.to_string());
        xml.leaf("t:DayOfMonth", &day.to_string());
    });
}

fn write_relative_monthly(xml: &mut XmlWriter, interval: u32, index: WeekIndex, days: WeekdaySet) {
    xml.element("t:RelativeMonthlyRecurrence", &[], |xml| {
        xml.leaf("t:Interval", &interval.to_string());
        write_relative(xml, index, days);
    });
}

fn write_relative(xml: &mut XmlWriter, index: WeekIndex, days: WeekdaySet) {
    let name = INDEXES.into_iter().find(|(known, _)| *known == index);
    xml.leaf("t:DaysOfWeek", one_day(days).unwrap_or("Day"));
    xml.leaf("t:DayOfWeekIndex", name.map_or("Last", |(_, name)| name));
}

/// The one word that EWS has for these days, if it has one.
fn one_day(days: WeekdaySet) -> Option<&'static str> {
    let group = GROUPS.into_iter().find(|(known, _)| *known == days);
    group.map(|(_, name)| name).or_else(|| {
        let mut days = days.iter();
        let day = days.next()?;
        days.next().is_none().then(|| weekday_name(day))
    })
}

fn month_name(month: u8) -> &'static str {
    let before = usize::from(month.saturating_sub(1));
    MONTHS.get(before).copied().unwrap_or("December")
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn round(rule: &Recurrence) -> Option<Recurrence> {
        let mut xml = XmlWriter::new();
        write(&mut xml, rule, date(2026, 3, 12));
        read(&Node::parse(&xml.into_bytes()).expect("XML"))
    }

    fn thursday() -> WeekdaySet {
        WeekdaySet::EMPTY.with(Weekday::Thursday)
    }

    #[test]
    fn every_pattern_with_every_range_comes_back() {
        let patterns = [
            Pattern::Daily { interval: 3 },
            Pattern::Weekly {
                interval: 2,
                days: thursday().with(Weekday::Sunday),
                first_day: Weekday::Monday,
            },
            Pattern::AbsoluteMonthly { interval: 1, day: 31 },
            Pattern::RelativeMonthly { interval: 3, index: WeekIndex::Second, days: thursday() },
            Pattern::AbsoluteYearly { interval: 1, month: 2, day: 29 },
            Pattern::RelativeYearly {
                interval: 1,
                month: 11,
                index: WeekIndex::Last,
                days: WeekdaySet::WEEKDAYS,
            },
        ];
        for pattern in patterns {
            for range in [Range::NoEnd, Range::Until(date(2027, 1, 1)), Range::Count(6)] {
                let rule = Recurrence { pattern: pattern.clone(), range };
                assert!(is_writable(&rule));
                assert_eq!(round(&rule), Some(rule));
            }
        }
    }

    #[test]
    fn every_second_year_is_every_24th_month() {
        let start = date(2026, 3, 15).at(9, 0, 0, 0);
        let rule = Recurrence {
            pattern: Pattern::AbsoluteYearly { interval: 2, month: 3, day: 15 },
            range: Range::Count(5),
        };
        let read = round(&rule).expect("a rule");
        assert_ne!(read, rule);
        assert!(read.same_occurrences(start, &rule, start));
    }

    #[test]
    fn sets_of_days_without_a_word_are_refused() {
        let rule = Recurrence {
            pattern: Pattern::RelativeMonthly {
                interval: 1,
                index: WeekIndex::First,
                days: thursday().with(Weekday::Tuesday),
            },
            range: Range::NoEnd,
        };
        assert!(!is_writable(&rule));
    }

    #[test]
    fn rules_of_tasks_and_broken_ones_are_none() {
        for text in [
            "<Recurrence/>",
            "<Recurrence><DailyRegeneration><Interval>1</Interval></DailyRegeneration>\
             <NoEndRecurrence/></Recurrence>",
            "<Recurrence><DailyRecurrence><Interval>0</Interval></DailyRecurrence>\
             <NoEndRecurrence/></Recurrence>",
            "<Recurrence><DailyRecurrence><Interval>1</Interval></DailyRecurrence></Recurrence>",
        ] {
            assert_eq!(read(&Node::parse(text.as_bytes()).expect("XML")), None, "{text}");
        }
    }
}
