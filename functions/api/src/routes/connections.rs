//! Connections to an Exchange, for administrators.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{Connection, Connections, Credentials, PublicCredential, ServerCertificate};
use crate::commands::{ChangeConnection, ConfirmCertificate, CreateConnection};
use crate::extract::{Authenticated, Command, ConnectionPath};
use crate::openapi::params::IdParam;
use crate::openapi::{BodyRefusals, Refusals, StateRefusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// The connections of the organisation
///
/// For administrators. Passwords are never shown.
#[utoipa::path(
    get,
    path = "/v1/connections",
    tag = "connections",
    responses((status = 200, description = "All of them", body = Connections), Refusals)
)]
pub(crate) async fn list_connections(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Connections>, Problem> {
    let views = state.border.connections(&caller).await?;
    let connections = views.into_iter().map(Connection::from).collect();
    Ok(Json(Connections { connections, next: None }))
}

/// Make a connection
///
/// For administrators. Over EWS with a service account, or over Microsoft Graph as an application. It
/// is in use at once, for the mailboxes that name it.
#[utoipa::path(
    post,
    path = "/v1/connections",
    tag = "connections",
    request_body = CreateConnection,
    responses((status = 201, description = "Made", body = Connection), Refusals, BodyRefusals)
)]
pub(crate) async fn create_connection(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Command(command): Command<CreateConnection>,
) -> Result<(StatusCode, Json<Connection>), Problem> {
    let view = state.border.create_connection(&caller, command.read()?).await?;
    Ok((StatusCode::CREATED, Json(view.into())))
}

/// One connection
///
/// For administrators.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}",
    tag = "connections",
    params(IdParam),
    responses((status = 200, description = "The connection", body = Connection), Refusals)
)]
pub(crate) async fn get_connection(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
) -> Result<Json<Connection>, Problem> {
    Ok(Json(state.border.connection(&caller, id).await?.into()))
}

/// Change a connection
///
/// For administrators. What is absent stays, and so do mailboxes, links and history. A new `url` or
/// `account` needs the `password` again, a new tenant, client or cloud the client secret, so that a
/// stored one is never sent elsewhere; a new `url` forgets the confirmed certificate. All workers take
/// the change up without a restart.
#[utoipa::path(
    patch,
    path = "/v1/connections/{id}",
    tag = "connections",
    params(IdParam),
    request_body = ChangeConnection,
    responses((status = 200, description = "The connection", body = Connection), Refusals, BodyRefusals)
)]
pub(crate) async fn change_connection(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
    Command(command): Command<ChangeConnection>,
) -> Result<Json<Connection>, Problem> {
    Ok(Json(state.border.change_connection(&caller, id, command.into()).await?.into()))
}

/// What the application of a connection proves itself with
///
/// For administrators, of a connection over Microsoft Graph. Certificates come with their public part,
/// to be uploaded to the app registration; keys and client secrets are never shown.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/credentials",
    tag = "connections",
    params(IdParam),
    responses((status = 200, description = "In the order in which they are tried", body = Credentials), Refusals, StateRefusals)
)]
pub(crate) async fn list_credentials(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
) -> Result<Json<Credentials>, Problem> {
    let details = state.border.connection_credentials(&caller, id).await?;
    let credentials = details.into_iter().map(PublicCredential::from).collect();
    Ok(Json(Credentials { credentials }))
}

/// Look at the certificate of a connection's server
///
/// For administrators. The server is asked now; nothing but the handshake is sent to it.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/certificate",
    tag = "connections",
    params(IdParam),
    responses((status = 200, description = "What the server shows", body = ServerCertificate), Refusals, StateRefusals)
)]
pub(crate) async fn get_certificate(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
) -> Result<Json<ServerCertificate>, Problem> {
    Ok(Json(state.border.server_certificate(&caller, id).await?.into()))
}

/// Confirm the certificate of a connection's server
///
/// For administrators, who have compared the SHA-256 with the one on the server. The server has to
/// show exactly this certificate now. From then on it is the only one that the connection trusts,
/// until it ends or is confirmed anew: another one, even of a trusted authority, is refused with
/// `certificate-changed`.
#[utoipa::path(
    put,
    path = "/v1/connections/{id}/certificate",
    tag = "connections",
    params(IdParam),
    request_body = ConfirmCertificate,
    responses((status = 200, description = "The connection", body = Connection), Refusals, BodyRefusals)
)]
pub(crate) async fn confirm_certificate(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
    Command(command): Command<ConfirmCertificate>,
) -> Result<Json<Connection>, Problem> {
    Ok(Json(state.border.confirm_certificate(&caller, id, &command.sha256).await?.into()))
}

/// Forget the confirmed certificate
///
/// For administrators. Certificates of trusted authorities count again, and no other.
#[utoipa::path(
    delete,
    path = "/v1/connections/{id}/certificate",
    tag = "connections",
    params(IdParam),
    responses((status = 200, description = "The connection", body = Connection), Refusals, StateRefusals)
)]
pub(crate) async fn forget_certificate(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
) -> Result<Json<Connection>, Problem> {
    Ok(Json(state.border.forget_certificate(&caller, id).await?.into()))
}
