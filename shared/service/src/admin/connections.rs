//! Connections to an Exchange.

use core::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use tidemark_mailbox::ews::{BasicUser, EndpointError, EwsUrl};
use tidemark_model::OrganisationId;
use tidemark_store::records::{ConnectionId, ConnectionRow, Document, Notifications};
use tidemark_transport::describe_certificates;

use super::{AdminError, read_name};
use crate::Service;

/// Longest password, in bytes; Active Directory allows 256 characters.
const PASSWORD_BYTES_MAX: usize = 1024;

/// A connection to set up. `Debug` shows neither URL nor account nor password.
#[derive(Clone)]
pub struct NewConnection {
    /// What people call it; unique within the organisation.
    pub name: String,
    /// URL of the EWS end point.
    pub url: String,
    /// Name of the account that logs on: `DOMAIN\user` or `user@domain`.
    pub account: String,
    /// Its password.
    pub password: SecretString,
    /// Whether the account impersonates the owners of the mailboxes.
    pub impersonate: bool,
    /// Certificates of authorities (PEM) that are trusted besides the public ones.
    pub extra_ca_pem: Option<String>,
    /// How changes are noticed.
    pub notifications: Notifications,
}

impl fmt::Debug for NewConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewConnection")
            .field("impersonate", &self.impersonate)
            .field("extra_ca_bytes", &self.extra_ca_pem.as_ref().map(String::len))
            .field("notifications", &self.notifications)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Sets a connection up. Its password is kept among the secrets, under
    /// `connections/{organisation}/{id}`.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::Taken`] when there is one of this name.
    pub async fn create_connection(
        &self,
        organisation: &OrganisationId,
        new: &NewConnection,
    ) -> Result<ConnectionRow, AdminError> {
        self.require_organisation(organisation).await?;
        let checked = Checked::of(new)?;
        if self.connection_named(organisation, &checked.name).await?.is_some() {
            let rule = "there is a connection of this name";
            return Err(AdminError::taken("name", rule, "choose another name"));
        }
        self.save_checked(organisation, new, checked, None).await
    }

    /// Sets a connection up, or brings the one of this name to what is asked for. What was learnt
    /// of the server stays, a person's confirmation of its certificate as long as the URL does.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn ensure_connection(
        &self,
        organisation: &OrganisationId,
        new: &NewConnection,
    ) -> Result<ConnectionRow, AdminError> {
        self.require_organisation(organisation).await?;
        let checked = Checked::of(new)?;
        let before = self.connection_named(organisation, &checked.name).await?;
        self.save_checked(organisation, new, checked, before).await
    }

    async fn connection_named(
        &self,
        organisation: &OrganisationId,
        name: &str,
    ) -> Result<Option<Document<ConnectionRow>>, AdminError> {
        let all = self.records.connections(organisation).await?;
        Ok(all.into_iter().find(|found| found.value.name == name))
    }

    async fn save_checked(
        &self,
        organisation: &OrganisationId,
        new: &NewConnection,
        checked: Checked,
        before: Option<Document<ConnectionRow>>,
    ) -> Result<ConnectionRow, AdminError> {
        let (known, revision) = match before {
            Some(Document { value, revision }) => (Some(value), Some(revision)),
            None => (None, None),
        };
        let mut row = known.clone().unwrap_or_else(|| {
            let id = ConnectionId::new(self.world.uuid());
            ConnectionRow {
                id,
                name: String::new(),
                url: String::new(),
                account: String::new(),
                secret_name: format!("connections/{organisation}/{id}"),
                impersonate: false,
                extra_ca_pem: None,
                confirmed_fingerprint: None,
                enabled: true,
                appointments: true,
                notifications: new.notifications,
                server_version: None,
                wait_until: None,
                created_at: self.world.now(),
            }
        });
        if row.url != checked.url {
            row.confirmed_fingerprint = None;
            row.server_version = None;
            row.wait_until = None;
        }
        row.name = checked.name;
        row.url = checked.url;
        row.account = checked.account;
        row.impersonate = new.impersonate;
        row.extra_ca_pem.clone_from(&new.extra_ca_pem);
        row.notifications = new.notifications;
        // The password first: a connection whose password is not there yet would show an error.
        self.secrets.put(&row.secret_name, new.password.clone()).await?;
        if known.as_ref() != Some(&row) {
            self.records.save_connection(organisation, &row, revision).await?;
        }
        Ok(row)
    }
}

/// What people typed, in the form that is kept.
struct Checked {
    name: String,
    url: String,
    account: String,
}

impl Checked {
    fn of(new: &NewConnection) -> Result<Self, AdminError> {
        let refuse = |field: &str, error: EndpointError| {
            AdminError::invalid(field, "cannot be used", error.to_string())
        };
        let url = EwsUrl::parse(&new.url).map_err(|error| refuse("url", error))?;
        let account = BasicUser::parse(&new.account).map_err(|error| refuse("account", error))?;
        let password = new.password.expose_secret();
        let fits = (1..=PASSWORD_BYTES_MAX).contains(&password.len())
            && !password.chars().any(char::is_control);
        if !fits {
            let mend = "give the account's password, without a line break";
            return Err(AdminError::invalid("password", "cannot be sent", mend));
        }
        if let Some(pem) = &new.extra_ca_pem {
            check_certificates(pem)?;
        }
        Ok(Self {
            name: read_name("name", &new.name)?,
            url: url.as_str().to_owned(),
            account: account.as_str().to_owned(),
        })
    }
}

/// Its own errors say what is wrong, a private key among the certificates included.
fn check_certificates(pem: &str) -> Result<(), AdminError> {
    match describe_certificates(pem) {
        Ok(_) => Ok(()),
        Err(error) => {
            let mend = "give certificates in PEM, from BEGIN CERTIFICATE to END CERTIFICATE";
            Err(AdminError::invalid("extra_ca_pem", error.to_string(), mend))
        }
    }
}
