//! Keeps what was said, for judges that read it afterwards.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Bodies that are kept at most; what comes later is not recorded.
const BODIES_MAX: usize = 20_000;

/// Who spoke.
#[derive(Clone, Copy)]
pub(super) enum Speaker {
    /// A client of the simulator, or a listener that answers a push.
    Client,
    /// The simulator.
    Simulator,
}

/// Writes each distinct body once, as a file of its own.
pub(super) struct Recorder {
    directory: PathBuf,
    seen: Mutex<HashSet<[u8; 32]>>,
}

impl Recorder {
    /// A recorder into this directory, which is made if it is not there.
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self { directory, seen: Mutex::default() })
    }

    /// Writes a body down unless it is empty or there already.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn record(&self, speaker: Speaker, body: &[u8]) -> io::Result<()> {
        if body.is_empty() {
            return Ok(());
        }
        let digest: [u8; 32] = Sha256::digest(body).into();
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.len() >= BODIES_MAX || !seen.insert(digest) {
                return Ok(());
            }
        }
        let side = match speaker {
            Speaker::Client => "client",
            Speaker::Simulator => "simulator",
        };
        let name = format!("{side}-{}.xml", URL_SAFE_NO_PAD.encode(digest));
        fs::write(self.directory.join(name), body)
    }
}
