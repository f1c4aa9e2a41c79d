//! Where short addresses lead.

use super::{
    Problem, Shared,
    extract::{Code, no_such_code},
};
use axum::{Extension, extract::State, response::IntoResponse};
use http::{HeaderValue, StatusCode, header};

/// The address whose redirect a response is. The cache keeps it with the response, so that a click
/// is counted whoever has answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) url_id: i64,
}

pub(super) async fn redirect(
    State(service): State<Shared>,
    Code(code): Code,
) -> Result<impl IntoResponse, Problem> {
    let target = service.store.target(&code).await?;
    let target = target.filter(|target| target.active).ok_or_else(no_such_code)?;
    let location = HeaderValue::from_str(&target.url).map_err(|error| Problem::internal(&error))?;
    let counted = Counted { url_id: target.id };
    Ok((StatusCode::FOUND, [(header::LOCATION, location)], Extension(counted)))
}
