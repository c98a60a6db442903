//! Writing content lines: escaped, and folded at 75 octets (RFC 5545, 3.1 and 3.3.11).

/// Octets of a line without its end.
const LINE_OCTETS_MAX: usize = 75;

/// An iCalendar text under construction.
#[derive(Default)]
pub(super) struct Lines(String);

impl Lines {
    /// A line whose value is taken as it is, but for control characters, which no line may hold;
    /// `name` may carry parameters.
    pub(super) fn raw(&mut self, name: &str, value: &str) {
        let mut octets = 0;
        let line = name.chars().chain(std::iter::once(':')).chain(value.chars());
        for character in line.filter(|character| !character.is_control()) {
            if octets + character.len_utf8() > LINE_OCTETS_MAX {
                self.0.push_str("\r\n ");
                octets = 1;
            }
            octets += character.len_utf8();
            self.0.push(character);
        }
        self.0.push_str("\r\n");
    }

    /// A line with a text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.raw(name, &escaped(text));
    }

    /// A line with a list of texts.
    pub(super) fn texts<'a>(&mut self, name: &str, texts: impl Iterator<Item = &'a String>) {
        let list: Vec<_> = texts.map(|text| escaped(text)).collect();
        self.raw(name, &list.join(","));
    }

    /// What was written.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// A parameter's value, quoted where it has to be; quotes themselves cannot be written.
pub(super) fn parameter(text: &str) -> String {
    let text: String = text.chars().filter(|character| !character.is_control()).collect();
    let text = text.replace('"', "'");
    if text.contains([':', ';', ',']) { format!("\"{text}\"") } else { text }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace(';', "\\;")
        .replace(',', "\\,")
        .replace("\r\n", "\\n")
        .replace(['\n', '\r'], "\\n")
}
