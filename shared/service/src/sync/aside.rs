//! Items that cannot be read: left aside so that their neighbours go on, and tried again later.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use tidemark_mailbox::{Disposition, RemoteId};
use tidemark_store::records::Kept;

use super::named::Compares;
use super::run::Run;
use super::stop::Stop;

/// Most items that are left aside in one mailbox. Beyond that the mailbox is in no state to be
/// synced item by item, and the oldest are left to the next compare.
const ASIDE_MAX: usize = 100;
/// How often an item is tried before it is left to the next compare: about eight hours in all.
const TRIES_MAX: u32 = 9;

/// An item that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Aside {
    id: String,
    tries: u32,
}

impl Aside {
    /// How long to wait until it is tried again: a minute, doubled each time.
    pub(super) fn wait(&self) -> SignedDuration {
        SignedDuration::from_mins(1i64 << self.tries.min(TRIES_MAX))
    }
}

/// What a cursor keeps besides its place.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Items that could not be read.
    #[serde(default)]
    pub(super) aside: Vec<Aside>,
    /// Items beyond the cursor that were new to us, or that we created: they have been told of
    /// already, and the server never mentions one that is deleted before it is read again. A run that
    /// is cut off leaves what it may have told; one that ends leaves what it met otherwise for the first
    /// time and did not see among the changes.
    #[serde(default)]
    pub(super) told: Vec<String>,
    /// Compares that missing names ask for.
    #[serde(default)]
    pub(super) compares: Compares,
}

/// What the cursor keeps; none when there is nothing to keep.
pub(super) fn encode(progress: &Progress) -> Option<Kept> {
    if *progress == Progress::default() {
        return None;
    }
    let is_work =
        !progress.aside.is_empty() || !progress.told.is_empty() || progress.compares.is_owed();
    let text = serde_json::to_string(progress).ok()?;
    Some(Kept { text, is_work })
}

/// What the cursor has kept. What cannot be read is left to the next compare.
pub(super) fn decode(kept: Option<&Kept>) -> Progress {
    kept.and_then(|kept| serde_json::from_str(&kept.text).ok()).unwrap_or_default()
}

impl Run<'_> {
    /// Leaves an item aside that cannot be read now.
    pub(super) fn leave_aside(&mut self, id: &RemoteId, code: &str) {
        tracing::warn!(
            mailbox.id = %self.scope.mailbox, code,
            "an item cannot be read and is left aside: {code}"
        );
        if self.aside.iter().any(|aside| aside.id == id.as_str()) {
            return;
        }
        if self.aside.len() >= ASIDE_MAX {
            self.aside.remove(0);
        }
        self.aside.push(Aside { id: id.as_str().to_owned(), tries: 0 });
    }

    /// Tries the items again that an earlier run left aside.
    pub(super) async fn read_aside(&mut self) -> Result<(), Stop> {
        for mut aside in core::mem::take(&mut self.aside) {
            let id = RemoteId::new(aside.id.as_str());
            let now = self.now();
            let mut read = self
                .mailbox
                .read(core::slice::from_ref(&id))
                .await
                .map_err(|error| Stop::of_mailbox(error, now))?;
            match read.pop() {
                Some(Ok(remote)) => self.read_again(remote).await?,
                Some(Err(error)) if error.disposition == Disposition::Gone => {
                    let removed = self.read_removed(&id).await?;
                    self.commit(removed.into_iter().collect()).await?;
                }
                Some(Err(_)) | None => {
                    aside.tries += 1;
                    if aside.tries <= TRIES_MAX {
                        self.aside.push(aside);
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_aside_comes_back_and_waits_longer_each_time() {
        let aside = vec![Aside { id: "a".to_owned(), tries: 3 }];
        let progress =
            Progress { aside, told: vec!["b".to_owned()], compares: Compares::default() };
        let kept = encode(&progress).unwrap();
        assert_eq!((decode(Some(&kept)), kept.is_work), (progress, true));
        assert_eq!(encode(&Progress::default()), None);
        let nonsense = Kept { text: "nonsense".to_owned(), is_work: true };
        assert_eq!(decode(Some(&nonsense)), Progress::default());
        let wait = |tries| Aside { id: String::new(), tries }.wait().as_mins();
        assert_eq!([wait(0), wait(1), wait(9), wait(99)], [1, 2, 512, 512]);
    }
}
