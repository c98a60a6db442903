//! Ids that the same mailbox had over EWS.

use std::collections::HashMap;

use tidemark_graph::bounds::TRANSLATE_IDS_MAX;
use tidemark_graph::ids::{IdForm, build_translate, read_translated};

use super::GraphMailbox;
use super::fault::{self, Effect};
use crate::error::MailboxError;
use crate::port::RemoteId;

impl GraphMailbox {
    /// The ids that items of this mailbox have here, in the order of the ids that they have over EWS;
    /// none for one that cannot be translated. That an id could be translated does not prove that its
    /// item is there: read it.
    ///
    /// It works for a mailbox that is in Exchange Online already, not for ids from before its move,
    /// and takes the permission `User.Read.All` (user-translateexchangeids page). The US government's
    /// clouds do not offer it.
    ///
    /// # Errors
    /// [`MailboxError`].
    pub(super) async fn translate_ids(
        &self,
        ews_ids: &[RemoteId],
    ) -> Result<Vec<Option<RemoteId>>, MailboxError> {
        let user = &self.session.endpoint.user;
        let mut found = Vec::with_capacity(ews_ids.len());
        for block in ews_ids.chunks(TRANSLATE_IDS_MAX) {
            let ids: Vec<String> = block.iter().map(|id| id.as_str().to_owned()).collect();
            let request = build_translate(user, &ids, IdForm::Ews, IdForm::RestImmutableEntry);
            // A block is neither empty nor too large.
            let request = request.map_err(|_| fault::unreadable(Effect::Read))?;
            let body = self.session.read(&request).await?;
            let answer =
                read_translated(&body).map_err(|what| fault::of_unreadable(what, Effect::Read))?;
            // Matched by the id that was given: that answers keep the order stands on no page.
            let by_source: HashMap<&str, &str> = answer
                .iter()
                .filter_map(|it| Some((it.source.as_str(), it.target.as_ref()?.as_str())))
                .collect();
            let translated = ids.iter().map(|id| by_source.get(id.as_str()).copied());
            found.extend(translated.map(|id| id.map(RemoteId::new)));
        }
        Ok(found)
    }
}
