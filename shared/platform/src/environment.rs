//! The environment, read once at start and handed on.

use std::collections::BTreeMap;

use jiff::SignedDuration;

/// The variables that the process was started with.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// A variable that is missing or has a value of the wrong form. Values are never shown: they may be
/// secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct EnvironmentError {
    /// Which variable.
    pub name: String,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
        )
    }

    /// The variable's value; an empty one counts as not set.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variable's value.
    ///
    /// # Errors
    /// When it is not set.
    pub fn required(&self, name: &str) -> Result<&str, EnvironmentError> {
        self.text(name).ok_or_else(|| EnvironmentError::wrong(name, "is not set"))
    }

    /// The variable's value as something else, or `default` when it is not set.
    ///
    /// # Errors
    /// When it is set and cannot be read; `form` says what it should look like.
    pub fn parsed<T: core::str::FromStr>(
        &self,
        name: &str,
        default: T,
        form: &str,
    ) -> Result<T, EnvironmentError> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| EnvironmentError::wrong(name, &format!("should be {form}"))),
        }
    }
}

impl Environment {
    /// The variable's value as a whole number within bounds, or `default` when it is not set.
    ///
    /// # Errors
    /// When it is set and is something else.
    pub fn bounded(
        &self,
        name: &str,
        default: i64,
        least: i64,
        most: i64,
    ) -> Result<i64, EnvironmentError> {
        let form = format!("a whole number from {least} to {most}");
        let value = self.parsed(name, default, &form)?;
        if (least..=most).contains(&value) {
            Ok(value)
        } else {
            Err(EnvironmentError::wrong(name, &format!("should be {form}")))
        }
    }

    /// How long the feed, the history and finished changes are kept.
    ///
    /// # Errors
    /// When `TIDEMARK_RETENTION_DAYS` is not a number of days from 1 to 400.
    pub fn retention(&self) -> Result<SignedDuration, EnvironmentError> {
        let days = self.bounded("TIDEMARK_RETENTION_DAYS", 30, 1, 400)?;
        Ok(SignedDuration::from_hours(24 * days))
    }
}

impl EnvironmentError {
    /// A variable whose value is not what it should be.
    pub fn wrong(name: &str, problem: &str) -> Self {
        Self { name: name.to_owned(), problem: problem.to_owned() }
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl core::fmt::Debug for Environment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        [("PORT", "8480"), ("EMPTY", ""), ("WORD", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect()
    }

    #[test]
    fn values_are_read_and_errors_name_the_variable_but_not_the_value() {
        let environment = environment();
        assert_eq!(environment.parsed("PORT", 1u16, "a port"), Ok(8480));
        assert_eq!(environment.parsed("OTHER", 7u16, "a port"), Ok(7));
        assert_eq!(environment.text("EMPTY"), None);
        let error = environment.parsed("WORD", 1u16, "a port number").unwrap_err();
        assert_eq!(error.to_string(), "WORD: should be a port number");
        assert_eq!(environment.required("EMPTY").unwrap_err().to_string(), "EMPTY: is not set");
        assert!(!format!("{environment:?}").contains("8480"));
    }
}
