//! All routes, in one place: paths from [`crate::api`], and what answers them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use crate::api::{Operation, endpoints};
use crate::app::App;
use crate::routes::access::{Visitor, guard};
use crate::routes::error::ApiError;
use crate::routes::query::Params;
use crate::routes::{assets, catalogue, events, health, login, metrics, openapi, page, stream, track, view};

pub(crate) fn router(app: App) -> Router {
    let requests = Arc::clone(&app.requests);
    let routes = endpoints()
        .into_iter()
        .fold(Router::new(), |routes, endpoint| routes.route(&endpoint.path, handler(endpoint.operation)));
    routes
        .method_not_allowed_fallback(page::other_method)
        .fallback(page::nothing_here)
        .layer(from_fn_with_state(app.clone(), guard))
        .layer(from_fn_with_state(requests, metrics::count))
        .with_state(app)
}

fn handler(operation: Operation) -> MethodRouter<App> {
    match operation {
        Operation::Page(spec) => get(
            async move |State(app): State<App>,
                        visitor: Visitor,
                        headers: HeaderMap,
                        params: Result<Params, ApiError>| {
                page::view(app, visitor, headers, params, spec).await
            },
        ),
        Operation::ToolPage => get(page::tool),
        Operation::LivePage => get(page::live),
        Operation::CollectedPage => get(page::collected),
        Operation::Asset(asset) => get(async move || assets::file(asset)),
        Operation::Icon => get(assets::icon),
        Operation::LoginForm => get(login::form),
        Operation::LogIn => post(login::log_in),
        Operation::LogOut => post(login::log_out),
        Operation::Track => post(track::track),
        Operation::View(spec) => {
            get(async move |State(app): State<App>, params: Params| view::answer(app, params, spec).await)
        }
        Operation::Filters => get(view::filters),
        Operation::Catalogue => get(catalogue::show),
        Operation::Events => get(events::list),
        Operation::Tail => get(stream::tail),
        Operation::OpenApi => get(openapi::document),
        Operation::Metrics => get(metrics::show),
        Operation::Alive => get(health::alive),
        Operation::Ready => get(health::ready),
    }
}
