//! What handlers take from requests, with errors as problems.

use super::{Problem, Shared};
use crate::{domain::check_code, edge::Account};
use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::JsonRejection},
};
use http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// The user of a session.
impl FromRequestParts<Shared> for Account {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Problem::unauthorized("a session is needed: log in, and send its token as a bearer")
        })
    }
}

/// The user of a session, if there is one.
pub(super) struct MaybeAccount(pub(super) Option<Account>);

impl FromRequestParts<Shared> for MaybeAccount {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get().cloned()))
    }
}

/// A body in JSON, which has arrived in time.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Shared) -> Result<Self, Problem> {
        let limit = service.config.server.receive_timeout;
        match tokio::time::timeout(limit, Json::from_request(request, service)).await {
            Ok(Ok(Json(value))) => Ok(Self(value)),
            Ok(Err(rejection)) => Err(of_json(&rejection)),
            Err(_) => {
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body has not arrived in time"))
            }
        }
    }
}

fn of_json(rejection: &JsonRejection) -> Problem {
    // A body that breaks off is the client's doing, too.
    let status = rejection.status();
    let status = if status.is_server_error() { StatusCode::BAD_REQUEST } else { status };
    Problem::new(status, rejection.body_text())
}

/// The query of the address.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, service).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::new(rejection.status(), rejection.body_text())),
        }
    }
}

/// The code in the path. What cannot be one is not there.
pub(super) struct Code(pub(super) String);

impl FromRequestParts<Shared> for Code {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Problem> {
        let code = Path::<String>::from_request_parts(parts, service).await;
        match code {
            Ok(Path(code)) if check_code(&code).is_ok() => Ok(Self(code)),
            _ => Err(no_such_code()),
        }
    }
}

pub(super) fn no_such_code() -> Problem {
    Problem::not_found("there is no such short address")
}
