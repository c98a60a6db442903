//! The words of a line.

use std::collections::VecDeque;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde_json::Value;

/// A word of a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// A bare or quoted word.
    Text(String),
    /// An object or a list.
    Json(Value),
}

/// The words of a line that were not read yet.
pub(super) struct Words(VecDeque<Word>);

/// A line without its comment and the blanks around it.
pub(super) fn without_comment(line: &str) -> &str {
    match line.trim() {
        code if code.starts_with('#') => "",
        code => code,
    }
}

impl Words {
    /// Splits a line.
    pub(super) fn read(line: &str) -> Result<Self, String> {
        let mut words = VecDeque::new();
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if matches!(first, '"' | '{' | '[') {
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
                let value = values.next().ok_or("the line ends too early")?;
                words.push_back(match value.map_err(|error| error.to_string())? {
                    Value::String(text) => Word::Text(text),
                    value => Word::Json(value),
                });
                values.byte_offset()
            } else {
                let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
                words.push_back(Word::Text(rest[..length].to_owned()));
                length
            };
            rest = rest[length..].trim_start();
        }
        Ok(Self(words))
    }

    /// The next word.
    pub(super) fn word(&mut self, what: &str) -> Result<String, String> {
        match self.0.pop_front() {
            Some(Word::Text(text)) => Ok(text),
            Some(Word::Json(_)) => Err(format!("{what} is wanted, not JSON")),
            None => Err(format!("{what} is missing")),
        }
    }

    /// The next word of either kind, if there is one.
    pub(super) fn any(&mut self) -> Option<Word> {
        self.0.pop_front()
    }

    /// The next word, if it is this one.
    pub(super) fn takes(&mut self, keyword: &str) -> bool {
        let is_it = matches!(self.0.front(), Some(Word::Text(text)) if text == keyword);
        if is_it {
            self.0.pop_front();
        }
        is_it
    }

    /// The next word as JSON.
    pub(super) fn json(&mut self, what: &str) -> Result<Value, String> {
        match self.0.pop_front() {
            Some(Word::Json(value)) => Ok(value),
            Some(Word::Text(text)) => Err(format!("{what} is wanted as JSON, not '{text}'")),
            None => Err(format!("{what} is missing")),
        }
    }

    /// The next word as a length: `1h30m`.
    pub(super) fn duration(&mut self) -> Result<SignedDuration, String> {
        let word = self.word("a length")?;
        word.parse().map_err(|error| format!("'{word}' is no length: {error}"))
    }

    /// The next word as a civil time.
    pub(super) fn civil(&mut self) -> Result<DateTime, String> {
        let word = self.word("a time")?;
        word.parse().map_err(|error| format!("'{word}' is no time: {error}"))
    }

    /// The next word as a number.
    pub(super) fn number(&mut self) -> Result<u32, String> {
        let word = self.word("a number")?;
        word.parse().map_err(|_| format!("'{word}' is no number"))
    }

    /// Nothing may be left.
    pub(super) fn end(mut self) -> Result<(), String> {
        match self.any() {
            None => Ok(()),
            Some(word) => Err(format!("too much: {word:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_json_are_words_and_what_is_left_is_an_error() {
        let mut words = Words::read(r#"put "a b" {"c": ["d e"]} 1h"#).unwrap();
        assert_eq!(words.word("a").unwrap(), "put");
        assert_eq!(words.word("a").unwrap(), "a b");
        assert_eq!(words.json("a").unwrap(), serde_json::json!({ "c": ["d e"] }));
        assert_eq!(words.duration().unwrap(), SignedDuration::from_hours(1));
        assert!(words.end().is_ok());
        assert!(Words::read("more").unwrap().end().is_err());
        assert!(Words::read(r#""not closed"#).is_err());
    }
}
