//! Keeps what connector and simulator said to each other, for Microsoft's schema to judge.
//!
//! When the environment names a directory in `TIDEMARK_SIM_RECORD`, every EWS body of scenarios,
//! crash table and simulation is written there, one file per form: bodies that differ only in ids,
//! names and numbers count as one, or thousands of seeds would write millions of files.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

/// Forms that are kept at most; what comes later is not recorded.
const FORMS_MAX: usize = 20_000;
/// A run of letters and digits of this length or more is an id or a token, whatever it says.
const TOKEN_CHARACTERS: usize = 24;

struct Recorder {
    directory: PathBuf,
    seen: Mutex<HashSet<u64>>,
}

/// Writes a body down if somebody asked for it. `speaker` begins the file's name.
///
/// # Panics
/// When the file cannot be written: a judge must not take silence for agreement.
pub(crate) fn record(speaker: &str, body: &[u8]) {
    static RECORDER: OnceLock<Option<Recorder>> = OnceLock::new();
    let Some(recorder) = RECORDER.get_or_init(open) else { return };
    if body.is_empty() {
        return;
    }
    let form = form(&String::from_utf8_lossy(body));
    {
        let mut seen = recorder.seen.lock().expect("nobody panics while holding it");
        if seen.len() >= FORMS_MAX || !seen.insert(form) {
            return;
        }
    }
    let file = recorder.directory.join(format!("{speaker}-{form:016x}.xml"));
    std::fs::write(file, body).expect("the recording can be written");
}

#[expect(clippy::disallowed_methods, reason = "whether to record is said by the environment")]
fn open() -> Option<Recorder> {
    let named = std::env::var("TIDEMARK_SIM_RECORD").ok().filter(|named| !named.is_empty())?;
    let directory = PathBuf::from(named);
    std::fs::create_dir_all(&directory).expect("the directory can be made");
    Some(Recorder { directory, seen: Mutex::default() })
}

/// What is left of a body without what its writer was free to choose: the same for bodies whose
/// tags, attributes and kinds of values are the same.
fn form(body: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (number, part) in body.split(['<', '>']).enumerate() {
        if number % 2 == 1 {
            hash_tag(part, &mut hasher);
        } else {
            hash_text(part, &mut hasher);
        }
    }
    hasher.finish()
}

/// The tag's name, its attributes' names and the kinds of their values.
fn hash_tag(tag: &str, hasher: &mut DefaultHasher) {
    for (number, part) in tag.split('"').enumerate() {
        if number % 2 == 1 {
            hash_text(part, hasher);
        } else {
            part.hash(hasher);
        }
    }
}

fn hash_text(text: &str, hasher: &mut DefaultHasher) {
    for word in text.split_inclusive(|it: char| !it.is_alphanumeric()) {
        let letters = word.trim_end_matches(|it: char| !it.is_alphanumeric());
        let kind = match letters {
            "" => "",
            _ if letters.len() >= TOKEN_CHARACTERS => "token",
            _ if letters.chars().all(|it| it.is_ascii_digit()) => "number",
            _ => "word",
        };
        (kind, word.get(letters.len()..)).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::form;

    #[test]
    fn forms_differ_by_structure_and_kind_of_value_only() {
        let one = form(r#"<a Id="x1"><b>2027-03-01</b></a>"#);
        assert_eq!(one, form(r#"<a Id="y2"><b>2028-12-24</b></a>"#));
        assert_ne!(one, form(r#"<a Id="y2"><c>2028-12-24</c></a>"#));
        assert_ne!(one, form(r#"<a Id="y2"><b>2028-12-24T00</b></a>"#));
        assert_ne!(one, form(r#"<a Key="y2"><b>2028-12-24</b></a>"#));
    }
}
