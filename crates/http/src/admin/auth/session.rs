//! What a token allows, for whoever is about to use it.

use super::{Gate, Scope};
use crate::admin::{model, problem::Problem, read::Json};
use ::axum::extract::{Request, State};
use http::header;
use std::sync::Arc;

/// Says what the token of a request allows. A page that has none yet asks, too: that is not an
/// error, as a wrong token is.
pub(crate) async fn session(
    State(gate): State<Arc<Gate>>,
    request: Request,
) -> Result<Json<model::Session>, Problem> {
    let scope = match gate.identify(&request, Scope::Read) {
        Ok(identity) => Some(identity.scope.into()),
        Err(_) if !request.headers().contains_key(header::AUTHORIZATION) => None,
        Err(problem) => return Err(problem),
    };
    Ok(Json(model::Session { scope }))
}
