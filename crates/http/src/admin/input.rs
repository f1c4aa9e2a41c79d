//! What clients send, taken apart so that what is wrong with it has a name.

use super::{model::FieldError, problem::Problem};
use ::axum::{
    body::{Body, to_bytes},
    extract::Request,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::LengthLimitError;
use serde_json::{Map, Value};
use std::{error::Error, time::Duration};

/// The most bytes of a body.
const LONGEST: usize = 64 * 1024;
/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most characters of a text.
const LONGEST_TEXT: usize = 4_096;

/// Parameters of a query, or fields of an object. What is asked for is taken out.
#[derive(Debug)]
pub(super) struct Fields {
    given: Map<String, Value>,
    asked: Vec<&'static str>,
    errors: Vec<FieldError>,
    /// What is said if something is wrong.
    status: StatusCode,
}

/// Reads the object in the body of a request.
pub(super) async fn object(request: Request) -> Result<Fields, Problem> {
    let (parts, body) = request.into_parts();
    check_type(&parts.headers)?;
    let body = tokio::time::timeout(PATIENCE, read(body)).await.map_err(|_| {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come within 10 s")
    })??;
    let given = match serde_json::from_slice(&body) {
        Ok(Value::Object(given)) => given,
        Ok(_) => return Err(malformed("the body is no JSON object")),
        Err(error) => return Err(malformed(format!("the body is no JSON: {error}"))),
    };
    Ok(Fields::new(given, StatusCode::UNPROCESSABLE_ENTITY))
}

async fn read(body: Body) -> Result<bytes::Bytes, Problem> {
    to_bytes(body, LONGEST).await.map_err(|error| {
        let mut source: Option<&dyn Error> = Some(&error);
        while let Some(cause) = source {
            if cause.is::<LengthLimitError>() {
                let detail = format!("the body is too long; allowed are {LONGEST} bytes");
                return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
            }
            source = cause.source();
        }
        malformed("the body broke off")
    })
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let essence = kind.and_then(|it| it.split(|byte| *byte == b';').next()).unwrap_or_default();
    if essence.trim_ascii().eq_ignore_ascii_case(b"application/json") {
        return Ok(());
    }
    let detail = "Content-Type: the body's type has to be application/json";
    let accept = HeaderValue::from_static("application/json");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
        .with_header(header::ACCEPT, accept))
}

fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// Takes a query apart.
pub(super) fn query(query: Option<&str>) -> Fields {
    let mut fields = Fields::new(Map::new(), StatusCode::BAD_REQUEST);
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if fields.given.contains_key(&*name) {
            fields.wrong(&name, &value, "the parameter once");
            continue;
        }
        fields.given.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    fields
}

impl Fields {
    fn new(given: Map<String, Value>, status: StatusCode) -> Self {
        Self { given, asked: Vec::new(), errors: Vec::new(), status }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    pub(super) fn wrong(&mut self, field: &str, value: &str, allowed: impl Into<String>) {
        // What was sent is not sent back at length.
        let shown = value.chars().take(100).collect();
        self.errors.push(FieldError {
            field: field.to_owned(),
            value: shown,
            allowed: allowed.into(),
        });
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.asked.push(name);
        self.given.remove(name)
    }

    /// A text of 1 to 4,096 characters, or 0 if it may be empty.
    pub(super) fn text(&mut self, name: &'static str, may_be_empty: bool) -> Option<String> {
        let least = usize::from(!may_be_empty);
        match self.take(name)? {
            Value::String(text) if (least..=LONGEST_TEXT).contains(&text.chars().count()) => {
                Some(text)
            }
            other => {
                let allowed = format!("a text of {least} to {LONGEST_TEXT} characters");
                self.wrong(name, &shown(&other), allowed);
                None
            }
        }
    }

    /// A text that has to be there.
    pub(super) fn required(&mut self, name: &'static str) -> Option<String> {
        if !self.has(name) {
            self.asked.push(name);
            self.wrong(name, "nothing", format!("a text of 1 to {LONGEST_TEXT} characters"));
            return None;
        }
        self.text(name, false)
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            other => {
                self.wrong(name, &shown(&other), "true or false");
                None
            }
        }
    }

    /// An integer, of an object or a query.
    pub(super) fn integer(&mut self, name: &'static str, least: u64, most: u64) -> Option<u64> {
        let given = self.take(name)?;
        let number = match &given {
            Value::Number(number) => number.as_u64().or_else(|| {
                // 1.0 is an integer, too.
                let number = number.as_f64().filter(|it| it.fract() == 0.0)?;
                (0.0..=9_007_199_254_740_992.0).contains(&number).then_some(number as u64)
            }),
            // A query has texts only.
            Value::String(text) if self.status == StatusCode::BAD_REQUEST => text.parse().ok(),
            _ => None,
        };
        match number.filter(|it| (least..=most).contains(it)) {
            Some(number) => Some(number),
            None => {
                self.wrong(name, &shown(&given), format!("an integer of {least} to {most}"));
                None
            }
        }
    }

    /// A number, or `null`.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        least: f64,
        most: f64,
    ) -> Option<Option<f64>> {
        let given = self.take(name)?;
        match given.as_f64() {
            Some(number) if (least..=most).contains(&number) => Some(Some(number)),
            None if given.is_null() => Some(None),
            _ => {
                self.wrong(name, &shown(&given), format!("a number of {least} to {most}, or null"));
                None
            }
        }
    }

    /// Says what was wrong, if anything was: what nobody has asked for is.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        let allowed = self.asked.join(", ");
        for (name, value) in std::mem::take(&mut self.given) {
            let value = shown(&value);
            self.wrong(&name, &value, format!("no such name; there are {allowed}"));
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::of_fields(self.status, self.errors))
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
