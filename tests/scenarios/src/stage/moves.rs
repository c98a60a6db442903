//! Moving a mailbox to another connection, as an administrator does it on a stage.

use tidemark_service::Border as _;
use tidemark_service::border::{
    ActivityView, Administration as _, Listing, MoveEntry, MoveRequest, MoveView, Refusal,
};
use tidemark_store::records::{ConnectionId, ConnectionRow, Fence, Notifications};
use tidemark_transport::Clock as _;
use uuid::Uuid;

use super::Stage;
use crate::exchange::Wire;

/// The connection that every stage begins with.
pub const FIRST_CONNECTION: Uuid = Uuid::from_u128(1);
/// The connection that mailboxes move to.
pub const SECOND_CONNECTION: Uuid = Uuid::from_u128(2);

impl Stage {
    /// Makes a second connection, over this protocol.
    ///
    /// # Panics
    /// When there is one already.
    pub fn connect(&mut self, wire: Wire) {
        let (records, organisation) = (self.service.records.clone(), self.organisation.clone());
        let row = ConnectionRow {
            id: ConnectionId::new(SECOND_CONNECTION),
            name: "Exchange Online".to_owned(),
            protocol: wire.protocol(),
            extra_ca_pem: None,
            confirmed_fingerprint: None,
            enabled: true,
            appointments: true,
            notifications: Notifications::Push,
            server_version: None,
            wait_until: None,
            troubles: Vec::new(),
            created_at: self.clock.now(),
            fence: Fence::default(),
        };
        self.run(async move { records.save_connection(&organisation, &row, None).await })
            .expect("saved");
    }

    /// Asks that a mailbox goes on over the second connection.
    ///
    /// # Errors
    /// What the border refuses.
    pub fn try_move(&mut self, person: &str) -> Result<(), Refusal> {
        let (service, caller) = (self.service.clone(), self.caller());
        let mailboxes = Some(vec![person.to_owned()]);
        let request = MoveRequest { to: SECOND_CONNECTION, mailboxes };
        self.run(async move { service.move_mailboxes(&caller, FIRST_CONNECTION, request).await })
            .map(|_| ())
    }

    /// Withdraws the move of a mailbox.
    ///
    /// # Errors
    /// What the border refuses.
    pub fn withdraw_move(&mut self, person: &str) -> Result<(), Refusal> {
        let (service, caller, person) = (self.service.clone(), self.caller(), person.to_owned());
        self.run(async move { service.withdraw_move(&caller, &person).await })
    }

    /// A page of all moves.
    ///
    /// # Panics
    /// When the border refuses it.
    pub fn moves(&mut self, after: Option<&str>, limit: usize) -> Listing<MoveEntry> {
        let (service, caller) = (self.service.clone(), self.caller());
        let after = after.map(str::to_owned);
        self.run(async move { service.moves(&caller, after.as_deref(), limit).await })
            .expect("they are listed")
    }

    /// What administrators did, newest first.
    ///
    /// # Panics
    /// When the border refuses it.
    pub fn activity(&mut self) -> Vec<ActivityView> {
        let (service, caller) = (self.service.clone(), self.caller());
        self.run(async move { service.activity(&caller, None, 100).await }).expect("shown").entries
    }

    /// What is wrong with a mailbox, as its code and text.
    ///
    /// # Panics
    /// When the border refuses it.
    pub fn errors(&mut self, person: &str) -> Vec<String> {
        let (service, caller, person) = (self.service.clone(), self.caller(), person.to_owned());
        let view = self.run(async move { service.mailbox(&caller, &person).await });
        let errors = view.expect("the mailbox is shown").errors;
        errors.iter().map(|error| format!("{}: {}", error.code, error.text)).collect()
    }

    /// How the last move of a mailbox stands.
    ///
    /// # Panics
    /// When it never moved.
    pub fn shown_move(&mut self, person: &str) -> MoveView {
        let (service, caller, person) = (self.service.clone(), self.caller(), person.to_owned());
        let view = self.run(async move { service.mailbox_move(&caller, &person).await });
        view.expect("the mailbox moved")
    }
}
