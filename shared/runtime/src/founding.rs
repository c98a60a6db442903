//! The first organisation of a deployment that has no settings file.

use tidemark_model::OrganisationId;
use tidemark_platform::{Environment, EnvironmentError};
use tidemark_service::Service;
use tidemark_service::admin::{Founded, Founding};
use tidemark_store::Secrets;

/// Names the secret whose value is the first administrator's key.
const SECRET: &str = "TIDEMARK_FOUNDING_KEY_SECRET";
/// Names the organisation.
const ORGANISATION: &str = "TIDEMARK_ORGANISATION";
/// The organisation unless the variable says another.
const ORGANISATION_DEFAULT: &str = "main";

/// Founds the organisation that the variables name, where they name a key. What does not work is
/// logged and keeps nobody out: keys that are valid stay so, and the next start tries again.
///
/// # Errors
/// [`EnvironmentError`] when the organisation's id has no id's form.
pub(crate) async fn found_from_environment(
    environment: &Environment,
    service: &Service,
    secrets: &dyn Secrets,
) -> Result<(), EnvironmentError> {
    let Some(secret_name) = environment.text(SECRET) else {
        return Ok(());
    };
    let organisation = read_organisation(environment)?;
    let founding = Founding { organisation: &organisation, secrets, secret_name };
    match service.found(founding).await {
        Ok(Founded::Before) => {}
        Ok(Founded::Now) => {
            tracing::info!(
                organisation.id = %organisation,
                "the founding key of {organisation} is valid from now on"
            );
        }
        Err(error) => {
            tracing::error!(
                organisation.id = %organisation,
                %error,
                "the founding key of {organisation} is not taken over: {error}"
            );
        }
    }
    Ok(())
}

fn read_organisation(environment: &Environment) -> Result<OrganisationId, EnvironmentError> {
    let text = environment.text(ORGANISATION).unwrap_or(ORGANISATION_DEFAULT);
    OrganisationId::parse(text).map_err(|_| {
        let problem = "should be an id of lower-case letters, digits and hyphens";
        EnvironmentError::wrong(ORGANISATION, problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<OrganisationId, EnvironmentError> {
        let variables = [(ORGANISATION.to_owned(), value.to_owned())];
        read_organisation(&variables.into_iter().collect())
    }

    #[test]
    fn the_organisation_is_main_unless_another_is_named() {
        assert_eq!(read("").unwrap().as_str(), "main");
        assert_eq!(read("acme-1").unwrap().as_str(), "acme-1");
        let error = read("Acme Ltd.").unwrap_err();
        assert_eq!(error.name, ORGANISATION);
        assert!(!error.to_string().contains("Acme"));
    }
}
