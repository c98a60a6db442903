//! What is wrong with an item, where, and how to mend it.

use crate::limits::{IGNORED_MAX, PROBLEMS_MAX};

/// One thing that is wrong with an item, for an RFC 9457 answer.
///
/// It never carries a value that may be personal; words of enumerations and ids may stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// RFC 6901 pointer to the member; to its map, where the key itself may be personal.
    pub pointer: String,
    /// The rule that is broken, lower case, without a full stop.
    pub rule: String,
    /// What would be accepted instead.
    pub mend: String,
}

/// A place in an item, as an RFC 6901 pointer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pointer(String);

impl Pointer {
    /// The member `name` of this place.
    ///
    /// Keys that are no JSCalendar ids, names or date-times may be addresses or free text: they are
    /// left out, so that the pointer names the map that they stand in.
    pub(crate) fn member(&self, name: &str) -> Self {
        let plain = name.strip_prefix('@').unwrap_or(name);
        let shown = (1..=TOKEN_BYTES_MAX).contains(&name.len())
            && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_:./".contains(&b));
        if !shown {
            return self.clone();
        }
        Self(format!("{}/{}", self.0, name.replace('/', "~1")))
    }

    /// The `index`-th element of this place.
    pub(crate) fn element(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }
}

/// Longest key that a pointer shows, in bytes.
const TOKEN_BYTES_MAX: usize = 100;

/// What a reading found besides values.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    problems: Vec<Problem>,
    ignored: Vec<String>,
}

impl Findings {
    /// Notes a broken rule and its mend.
    pub(crate) fn refuse(
        &mut self,
        at: &Pointer,
        rule: impl Into<String>,
        mend: impl Into<String>,
    ) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem {
                pointer: at.0.clone(),
                rule: rule.into(),
                mend: mend.into(),
            });
        }
    }

    /// Notes something legal that is not carried.
    pub(crate) fn ignore(&mut self, at: &Pointer) {
        if self.ignored.len() < IGNORED_MAX && self.ignored.last() != Some(&at.0) {
            self.ignored.push(at.0.clone());
        }
    }

    /// Takes over what another reading found.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.problems.truncate(PROBLEMS_MAX);
        self.ignored.extend(other.ignored);
        self.ignored.truncate(IGNORED_MAX);
    }

    /// Whether anything was refused so far.
    pub(crate) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// The ignored members, or the problems if there are any.
    pub(crate) fn finish(self) -> Result<Vec<String>, Vec<Problem>> {
        if self.problems.is_empty() { Ok(self.ignored) } else { Err(self.problems) }
    }
}
