//! Time zones: a Windows id, or a definition by periods and transitions.

mod written;

use jiff::Timestamp;
use jiff::civil::Weekday;
use tidemark_model::{DaylightRules, YearlyMoment, Zone, ZoneRules};

use crate::bounds::{OFFSET_SECONDS_MAX, TRANSITIONS_MAX};
use crate::error::Unreadable;
use crate::id::bounded;
use crate::time::{EwsTime, parse_duration};
use crate::xml::{Element, Xml};

pub(crate) use self::written::WrittenZone;

/// What Exchange calls every zone by rules of its own.
const CUSTOM: &str = "tzone://Microsoft/Custom";

/// A time zone definition (timezonedefinition page).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneDefinition {
    /// A Windows id, or something like `tzone://Microsoft/Custom`.
    pub id: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// Stretches with one offset each.
    periods: Vec<Period>,
    /// What happens every year.
    groups: Vec<Group>,
    /// Which group holds from when on.
    transitions: Vec<Transition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Period {
    id: String,
    /// Seconds east of UTC. The wire has it the other way round.
    offset_seconds: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Group {
    id: String,
    transitions: Vec<Transition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Transition {
    /// A period or a group, by its id.
    to: String,
    when: When,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    Always,
    Since(EwsTime),
    Yearly(YearlyMoment),
    /// On a date of every year, which no rule of ours says.
    Otherwise,
}

impl ZoneDefinition {
    pub(crate) fn read(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Self, Unreadable> {
        let attribute = |name| element.attribute(name).map(std::borrow::Cow::into_owned);
        let mut zone = Self { id: attribute("Id"), name: attribute("Name"), ..Self::default() };
        while let Some(part) = xml.child(element.level)? {
            match part.name() {
                "Periods" => zone.periods = read_periods(xml, &part)?,
                "TransitionsGroups" => {
                    while let Some(group) = xml.child(part.level)? {
                        bounded(&zone.groups, TRANSITIONS_MAX, "groups of a time zone")?;
                        let id = group.attribute("Id").unwrap_or_default().into_owned();
                        let transitions = read_transitions(xml, &group)?;
                        zone.groups.push(Group { id, transitions });
                    }
                }
                "Transitions" => zone.transitions = read_transitions(xml, &part)?,
                _ => {}
            }
        }
        Ok(zone)
    }

    /// The rules that hold at an instant; none if there is no definition, or one that no rules of
    /// ours can say.
    pub fn rules_at(&self, at: Timestamp) -> Option<ZoneRules> {
        let utc = Zone::utc();
        let current = self.transitions.iter().rfind(|transition| match &transition.when {
            When::Always => true,
            When::Since(since) => since.instant(&utc) <= at,
            When::Yearly(_) | When::Otherwise => false,
        });
        let group = match current {
            Some(transition) => self.groups.iter().find(|group| group.id == transition.to)?,
            None => self.groups.first()?,
        };
        // The id of a custom zone says nothing, its name may.
        let id = self.id.clone().filter(|id| !id.eq_ignore_ascii_case(CUSTOM));
        let name = id.or_else(|| self.name.clone()).or_else(|| self.id.clone());
        self.rules_of(group, name.unwrap_or_default())
    }

    fn rules_of(&self, group: &Group, name: String) -> Option<ZoneRules> {
        let offset = |transition: &Transition| {
            let period = self.periods.iter().find(|period| period.id == transition.to);
            period.map(|period| period.offset_seconds)
        };
        let yearly: Vec<(i32, &YearlyMoment)> = group
            .transitions
            .iter()
            .filter_map(|transition| match &transition.when {
                When::Yearly(moment) => Some((offset(transition)?, moment)),
                When::Always | When::Since(_) | When::Otherwise => None,
            })
            .collect();
        let (standard_offset_seconds, daylight) =
            match (group.transitions.as_slice(), yearly.as_slice()) {
                ([only], []) if only.when == When::Always => (offset(only)?, None),
                ([_, _], [a, b]) if a.0 == b.0 => (a.0, None),
                ([_, _], [a, b]) => {
                    let (standard, daylight) = if a.0 < b.0 { (a, b) } else { (b, a) };
                    let rules = DaylightRules {
                        offset_seconds: daylight.0,
                        begins: daylight.1.clone(),
                        ends: standard.1.clone(),
                    };
                    (standard.0, Some(rules))
                }
                _ => return None,
            };
        Some(ZoneRules { name, standard_offset_seconds, daylight })
    }

    /// The zone at an instant: by its Windows id if the table has it, else by its rules.
    ///
    /// `territory` is the country of the mailbox, which chooses between zones of one Windows id.
    pub fn zone_at(&self, at: Timestamp, territory: Option<&str>) -> Option<Zone> {
        let named = self.id.as_deref().and_then(|id| zone_of_id(id, territory));
        named
            .or_else(|| self.rules_at(at).map(Zone::from_rules))
            .or_else(|| self.name.as_deref().and_then(|name| zone_of_id(name, territory)))
    }
}

/// A zone by its Windows id; IANA names are taken too, as some clients write them.
pub(crate) fn zone_of_id(id: &str, territory: Option<&str>) -> Option<Zone> {
    Zone::from_windows(id, territory).or_else(|_| Zone::parse(id.trim())).ok()
}

fn read_periods(xml: &mut Xml<'_>, list: &Element<'_>) -> Result<Vec<Period>, Unreadable> {
    let mut periods = Vec::new();
    while let Some(period) = xml.child(list.level)? {
        bounded(&periods, TRANSITIONS_MAX, "periods of a time zone")?;
        let bias = period.attribute("Bias");
        let bias = bias.and_then(|bias| parse_duration(&bias));
        let offset = bias.and_then(|bias| i32::try_from(bias.as_secs().checked_neg()?).ok());
        let offset = offset.filter(|seconds| seconds.unsigned_abs() <= OFFSET_SECONDS_MAX);
        if let (Some(id), Some(offset_seconds)) = (period.attribute("Id"), offset) {
            periods.push(Period { id: id.into_owned(), offset_seconds });
        }
    }
    Ok(periods)
}

fn read_transitions(xml: &mut Xml<'_>, list: &Element<'_>) -> Result<Vec<Transition>, Unreadable> {
    let mut transitions = Vec::new();
    while let Some(transition) = xml.child(list.level)? {
        bounded(&transitions, TRANSITIONS_MAX, "transitions of a time zone")?;
        transitions.push(read_transition(xml, &transition)?);
    }
    Ok(transitions)
}

fn read_transition(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Transition, Unreadable> {
    let mut to = String::new();
    let mut since = None;
    let (mut time, mut month, mut weekday, mut occurrence) = (None, None, None, None);
    while let Some(part) = xml.child(element.level)? {
        match part.name() {
            "To" => to = xml.word(&part)?.into_owned(),
            "DateTime" => since = EwsTime::parse(&xml.text(&part)?),
            "TimeOffset" => time = parse_duration(&xml.text(&part)?),
            "Month" => month = xml.parsed::<i8>(&part)?,
            "DayOfWeek" => weekday = parse_weekday(&xml.word(&part)?),
            "Occurrence" => occurrence = xml.parsed::<i8>(&part)?,
            _ => {}
        }
    }
    let yearly = || {
        Some(YearlyMoment {
            month: month.filter(|month| (1..=12).contains(month))?,
            occurrence: match occurrence? {
                -1 => 5,
                nth @ 1..=5 => nth,
                _ => return None,
            },
            weekday: weekday?,
            time_seconds: i32::try_from(time?.as_secs()).ok()?,
        })
    };
    let when = match element.name() {
        "Transition" => When::Always,
        "AbsoluteDateTransition" => since.map_or(When::Otherwise, When::Since),
        "RecurringDayTransition" => yearly().map_or(When::Otherwise, When::Yearly),
        _ => When::Otherwise,
    };
    Ok(Transition { to, when })
}

/// The English name of a weekday, as the schema has it.
pub(crate) fn parse_weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "Monday" => Weekday::Monday,
        "Tuesday" => Weekday::Tuesday,
        "Wednesday" => Weekday::Wednesday,
        "Thursday" => Weekday::Thursday,
        "Friday" => Weekday::Friday,
        "Saturday" => Weekday::Saturday,
        "Sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// The schema's name of a weekday.
pub(crate) const fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}
