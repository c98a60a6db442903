//! The file of an export while it is made: rows, and beside them the place where they go on.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::tally::Tally;

/// Who may read an export: it holds subjects and addresses.
const MODE: u32 = 0o600;
/// Form of the bookmark.
const VERSION: u32 = 1;
/// Largest bookmark that is read: a cursor of the API has 4 KB at most.
const BOOKMARK_BYTES_MAX: u64 = 64 * 1024;

/// Where an export goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bookmark {
    v: u32,
    /// The address of the API.
    pub(crate) address: String,
    /// The id of the organisation.
    pub(crate) organisation: String,
    /// When the first row was asked for.
    pub(crate) begun: Timestamp,
    /// The API's own word for the place; none is the beginning.
    pub(crate) after: Option<String>,
    /// Rows that were written up to there.
    pub(crate) rows: u64,
    /// Bytes that they have.
    bytes: u64,
}

impl Bookmark {
    /// The place before the first row.
    pub(crate) fn first(address: &str, organisation: &str, begun: Timestamp) -> Self {
        Self {
            v: VERSION,
            address: address.to_owned(),
            organisation: organisation.to_owned(),
            begun,
            after: None,
            rows: 0,
            bytes: 0,
        }
    }
}

/// The unfinished file. Only one process has it at a time.
pub(crate) struct Partial {
    target: PathBuf,
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Partial {
    /// Opens what was begun for `target`, or begins it.
    ///
    /// # Errors
    /// When the target is there and is not to be replaced, when another process writes the same export,
    /// or when the folder cannot be written.
    pub(crate) fn open(target: &Path, overwrite: bool) -> anyhow::Result<Self> {
        check_target(target, overwrite)?;
        let path = beside(target, ".part");
        let name = || path.display().to_string();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(MODE);
        let file = options.open(&path).with_context(name)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{}: another process writes it", name()),
            Err(TryLockError::Error(error)) => return Err(error).with_context(name),
        }
        file.set_permissions(fs::Permissions::from_mode(MODE)).with_context(name)?;
        let bytes = file.metadata().with_context(name)?.len();
        Ok(Self { target: target.to_owned(), path, file, bytes })
    }

    /// The name of the unfinished file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The place that was noted last; none when there is none that fits the file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn bookmark(&self) -> anyhow::Result<Option<Bookmark>> {
        let path = beside(&self.target, ".place");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let mut text = Vec::new();
        file.take(BOOKMARK_BYTES_MAX)
            .read_to_end(&mut text)
            .with_context(|| path.display().to_string())?;
        let found: Option<Bookmark> = serde_json::from_slice(&text).ok();
        Ok(found.filter(|it| it.v == VERSION && it.after.is_some() && it.bytes <= self.bytes))
    }

    /// Throws away what was begun.
    ///
    /// # Errors
    /// When the files cannot be changed.
    pub(crate) fn clear(&mut self) -> anyhow::Result<()> {
        // The place goes first: without it the rows are nothing.
        self.forget_place()?;
        self.cut(0)
    }

    /// Goes on at a place: what was written behind it is cut off, what is before it is counted.
    ///
    /// # Errors
    /// When the rows are not those that were noted.
    pub(crate) fn go_on(&mut self, at: &Bookmark) -> anyhow::Result<Tally> {
        self.cut(at.bytes)?;
        let mut tally = Tally::default();
        let mut reader = BufReader::new(&self.file);
        reader.rewind()?;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 {
            tally.count(&line).context("begin again with --anew").with_context(|| self.name())?;
            line.clear();
        }
        if tally.rows() != at.rows {
            bail!("{}: has not the rows that were noted; begin again with --anew", self.name());
        }
        self.file.seek(SeekFrom::End(0))?;
        Ok(tally)
    }

    /// Writes rows, and returns when they are on the disk.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn append(&mut self, rows: &[Box<RawValue>]) -> anyhow::Result<()> {
        let mut lines = String::new();
        for row in rows {
            // Within a JSON value line ends stand only between its parts, where a space is as good.
            lines.extend(
                row.get().chars().map(|it| if matches!(it, '\n' | '\r') { ' ' } else { it }),
            );
            lines.push('\n');
        }
        self.file.write_all(lines.as_bytes()).with_context(|| self.name())?;
        self.file.sync_data().with_context(|| self.name())?;
        self.bytes = self.bytes.saturating_add(u64::try_from(lines.len())?);
        Ok(())
    }

    /// Notes the place behind the rows that were written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn note(&self, bookmark: &Bookmark) -> anyhow::Result<()> {
        let (path, new) = (beside(&self.target, ".place"), beside(&self.target, ".place.new"));
        let bookmark = Bookmark { bytes: self.bytes, ..bookmark.clone() };
        let name = || new.display().to_string();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(MODE);
        let mut file = options.open(&new).with_context(name)?;
        file.write_all(&serde_json::to_vec(&bookmark)?).with_context(name)?;
        file.sync_data().with_context(name)?;
        fs::rename(&new, path).with_context(name)
    }

    /// Gives the file its name, which it keeps through a loss of power.
    ///
    /// # Errors
    /// When the name was taken meanwhile and is not to be replaced, or the folder cannot be written.
    pub(crate) fn finish(&self, overwrite: bool) -> anyhow::Result<()> {
        check_target(&self.target, overwrite)?;
        self.file.sync_all().with_context(|| self.name())?;
        fs::rename(&self.path, &self.target).with_context(|| self.target.display().to_string())?;
        self.forget_place()?;
        let folder = match self.target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .with_context(|| folder.display().to_string())
    }

    fn cut(&mut self, bytes: u64) -> anyhow::Result<()> {
        self.file.set_len(bytes).with_context(|| self.name())?;
        self.file.seek(SeekFrom::End(0)).with_context(|| self.name())?;
        self.bytes = bytes;
        Ok(())
    }

    fn forget_place(&self) -> anyhow::Result<()> {
        let path = beside(&self.target, ".place");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| path.display().to_string())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// The target with something behind its name.
fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(target);
    name.push(ending);
    PathBuf::from(name)
}

fn check_target(target: &Path, overwrite: bool) -> anyhow::Result<()> {
    let name = target.display();
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_dir() => bail!("{name}: is a folder; name a file"),
        Ok(_) if !overwrite => {
            bail!("{name}: is there already; name another file, or replace it with --overwrite")
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if target.file_name().is_none() {
                bail!("{name}: name a file");
            }
            Ok(())
        }
        Err(error) => Err(error).with_context(|| name.to_string()),
    }
}
