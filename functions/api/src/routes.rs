//! The routes. Each handler parses, calls one use case and answers.

mod batch;
mod changes;
mod connections;
mod costs;
mod export;
mod holds;
mod items;
mod keys;
mod mailboxes;
mod moves;
mod organisation;
mod preflight;
mod status;
mod systems;
mod webhooks;

use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Extension, Router};
use http::header::CONTENT_TYPE;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::edge;
use crate::openapi::AGREED;
use crate::problem;
use crate::routes::batch::ItemRoutes;
use crate::state::ApiState;

/// Every route, with the keys checked where a key is needed.
pub(crate) fn all(state: &ApiState) -> Router<ApiState> {
    let (public, _) = public().split_for_parts();
    let (guarded, _) = guarded().split_for_parts();
    // A batch runs the very handlers that serve its parts alone; the caller is known by then.
    let (items, _) = items::routes().split_for_parts();
    let items = items
        .fallback(edge::no_such_route)
        .method_not_allowed_fallback(edge::method_not_allowed)
        .layer(CatchPanicLayer::custom(problem::of_panic))
        .with_state(state.clone());
    let guarded = guarded
        .layer(Extension(ItemRoutes(items)))
        .route_layer(from_fn_with_state(state.clone(), edge::authenticate));
    public
        .merge(guarded)
        .route("/openapi.json", get(async || ([(CONTENT_TYPE, "application/json")], AGREED)))
}

/// The routes that need no key, and so tell nothing of an organisation.
pub(crate) fn public() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(status::status_page)).routes(routes!(status::health))
}

/// The routes that need a key.
pub(crate) fn guarded() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(mailboxes::list_mailboxes, mailboxes::add_mailboxes))
        .routes(routes!(
            mailboxes::get_mailbox,
            mailboxes::change_mailbox,
            mailboxes::remove_mailbox
        ))
        .routes(routes!(mailboxes::sync_mailbox))
        .routes(routes!(costs::get_cost))
        .merge(items::routes())
        .routes(routes!(organisation::get_organisation, organisation::change_organisation))
        .routes(routes!(organisation::read_activity))
        .routes(routes!(organisation::shut_down))
        .routes(routes!(organisation::start_restored))
        .routes(routes!(export::read_export))
        .routes(routes!(systems::list_systems, systems::create_system))
        .routes(routes!(systems::change_system))
        .routes(routes!(keys::list_keys, keys::create_key))
        .routes(routes!(keys::delete_key))
        .routes(routes!(batch::run_batch))
        .routes(routes!(changes::read_changes))
        .routes(routes!(webhooks::create_webhook, webhooks::list_webhooks))
        .routes(routes!(webhooks::delete_webhook))
        .routes(routes!(webhooks::pause_webhook))
        .routes(routes!(webhooks::resume_webhook))
        .routes(routes!(webhooks::replay_webhook))
        .routes(routes!(connections::list_connections, connections::create_connection))
        .routes(routes!(connections::get_connection, connections::change_connection))
        .routes(routes!(connections::list_credentials))
        .routes(routes!(
            connections::get_certificate,
            connections::confirm_certificate,
            connections::forget_certificate
        ))
        .routes(routes!(preflight::run_preflight))
        .routes(routes!(preflight::check_assignment))
        .routes(routes!(preflight::get_fence, preflight::change_fence))
        .routes(routes!(moves::move_mailboxes))
        .routes(routes!(moves::list_moves))
        .routes(routes!(moves::get_move, moves::withdraw_move))
        .routes(routes!(holds::list_holds))
        .routes(routes!(holds::get_hold, holds::decide_hold))
}
