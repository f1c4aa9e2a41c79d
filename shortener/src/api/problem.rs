//! Errors, as RFC 9457 has them. What went wrong inside is logged, and no client gets to see it.

use crate::{auth::HashError, db::DbError};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::{fmt::Display, time::Duration};

/// What is wrong with a request, or why there is no answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// What is wrong with a field.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FieldError {
    field: &'static str,
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub(crate) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "the field Allow has what is allowed here")
    }

    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    pub(crate) fn conflict(field: &'static str, detail: &str) -> Self {
        let problem = Self::new(StatusCode::CONFLICT, "something else has this already");
        Self { errors: vec![FieldError { field, detail: detail.to_owned() }], ..problem }
    }

    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let problem =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "some fields are not as they should be");
        Self { errors, ..problem }
    }

    pub(crate) fn too_many(wait: Duration) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too often within a short time");
        Self { retry_after: Some(wait), ..problem }
    }

    pub(crate) fn too_slow() -> Self {
        let detail = "the answer has taken too long";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        Self { retry_after: Some(Duration::from_secs(1)), ..problem }
    }

    /// Logs the reason, and says nothing of it.
    pub(crate) fn internal(reason: &dyn Display) -> Self {
        tracing::error!(%reason, "a request could not be answered");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the service could not answer; its log says why",
        )
    }

    /// After a panic, which has been told already.
    pub(crate) fn panicked() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the service could not answer; its log says why",
        )
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        if !error.is_unavailable() {
            return Self::internal(&error);
        }
        tracing::error!(%error, "the database is not available");
        let detail = "the service cannot answer at the moment";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        Self { retry_after: Some(Duration::from_secs(1)), ..problem }
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        Self::internal(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, wait.as_secs().saturating_add(1).into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Collects what is wrong with a request, so that all of it is told at once.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<FieldError>);

impl Checks {
    /// Returns the value, or the type's empty one and a note.
    pub(crate) fn check<T: Default, E: Display>(
        &mut self,
        field: &'static str,
        result: Result<T, E>,
    ) -> T {
        result.unwrap_or_else(|error| {
            self.0.push(FieldError { field, detail: error.to_string() });
            T::default()
        })
    }

    /// Takes a note if something does not hold.
    pub(crate) fn ensure(&mut self, field: &'static str, holds: bool, detail: &str) {
        if !holds {
            self.0.push(FieldError { field, detail: detail.to_owned() });
        }
    }

    pub(crate) fn done(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }
}
