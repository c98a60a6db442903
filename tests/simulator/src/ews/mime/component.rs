//! Content lines and components (RFC 5545, 3.1 and 3.6), as far as importing needs them.

/// How deep components may nest: VCALENDAR, VEVENT, VALARM are three.
const DEPTH_MAX: usize = 8;

/// One content line.
pub(super) struct Property {
    /// Name, upper case.
    pub(super) name: String,
    /// Parameters; names are upper case, values without their quotes.
    parameters: Vec<(String, String)>,
    /// Value as it was written.
    pub(super) value: String,
}

/// A component with its lines and the components in it.
pub(super) struct Component {
    /// Name, upper case.
    name: String,
    properties: Vec<Property>,
    children: Vec<Component>,
}

impl Property {
    fn read(line: &str) -> Option<Self> {
        let mut parts = split_unquoted(line, ':', 2).into_iter();
        let head = parts.next()?;
        let value = parts.next()?.to_owned();
        let mut head = split_unquoted(head, ';', usize::MAX).into_iter();
        let name = head.next()?.trim().to_ascii_uppercase();
        let parameters = head
            .filter_map(|parameter| parameter.split_once('='))
            .map(|(name, value)| {
                (name.trim().to_ascii_uppercase(), value.trim_matches('"').to_owned())
            })
            .collect();
        Some(Self { name, parameters, value })
    }

    /// The value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value as text, with its escapes undone.
    pub(super) fn text(&self) -> String {
        unescaped(&self.value)
    }

    /// The value as a list of texts.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut list = vec![String::new()];
        let mut escaped = false;
        for character in self.value.chars() {
            if character == ',' && !escaped {
                list.push(String::new());
            } else if let Some(last) = list.last_mut() {
                last.push(character);
            }
            escaped = character == '\\' && !escaped;
        }
        list.iter().map(|text| unescaped(text)).collect()
    }
}

impl Component {
    /// Reads the first component of a text; none if there is none or it does not end.
    pub(super) fn read(text: &str) -> Option<Self> {
        let unfolded = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
        let mut open: Vec<Self> = Vec::new();
        for line in unfolded.lines().filter(|line| !line.trim().is_empty()) {
            let property = Property::read(line)?;
            let word = property.value.trim().to_ascii_uppercase();
            match property.name.as_str() {
                "BEGIN" if open.len() < DEPTH_MAX => {
                    open.push(Self { name: word, properties: Vec::new(), children: Vec::new() });
                }
                "BEGIN" => return None,
                "END" => {
                    let done = open.pop().filter(|done| done.name == word)?;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => return Some(done),
                    }
                }
                _ => open.last_mut()?.properties.push(property),
            }
        }
        None
    }

    /// Whether it is of this kind.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// The components of one kind in it.
    pub(super) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Its first line of this name.
    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// All its lines of this name.
    pub(super) fn properties<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Property> {
        self.properties.iter().filter(move |property| property.name == name)
    }

    /// The value of its first line of this name, upper case; empty without one.
    pub(super) fn word(&self, name: &str) -> String {
        self.property(name)
            .map(|property| property.value.trim().to_ascii_uppercase())
            .unwrap_or_default()
    }
}

/// Splits where a character stands outside of quotes, into `most` parts at most.
fn split_unquoted(text: &str, at: char, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut quoted) = (0, false);
    for (index, character) in text.char_indices() {
        if character == '"' {
            quoted = !quoted;
        } else if character == at && !quoted && parts.len().saturating_add(1) < most {
            parts.extend(text.get(from..index));
            from = index.saturating_add(at.len_utf8());
        }
    }
    parts.extend(text.get(from..));
    parts
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n' | 'N') => plain.push('\n'),
                Some(other) => plain.push(other),
                None => {}
            },
            other => plain.push(other),
        }
    }
    plain
}
