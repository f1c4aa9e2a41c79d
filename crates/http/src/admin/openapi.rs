//! The API, described as OpenAPI has it: schemas from the types, operations from this table.

use super::{builder::State, input::query, model, problem::Problem, read::Json};
use ::axum::extract::{OriginalUri, RawQuery, State as Of};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(components(schemas(
    model::Cleared,
    model::Configure,
    model::Function,
    model::Health,
    model::Invalidate,
    model::Invalidated,
    model::Keys,
    model::Performance,
    model::Problem,
    model::Rule,
    model::Sample,
    model::Session,
    model::Settings,
    model::Stats,
)))]
struct Schemas;

/// Which token an operation needs.
#[derive(Clone, Copy)]
enum Needs {
    /// It takes no notice of any.
    Nothing,
    /// A request has one or has none; one that is wrong is an error.
    ValidIfAny,
    /// One of this scope.
    Scope(&'static str),
}

/// What an operation is, beside what all of them have in common.
struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    parameters: Value,
    body: Option<&'static str>,
    /// Media type and schema of what it answers if all is well.
    answer: (&'static str, Value),
    /// Status and description of what else it may answer.
    others: &'static [(&'static str, &'static str)],
    needs: Needs,
}

const JSON: &str = "application/json";
const BAD_QUERY: (&str, &str) = ("400", "A parameter is wrong");
const UNKNOWN: (&str, &str) = ("404", "There is no cache of this name");
const OF_BODIES: [(&str, &str); 5] = [
    ("400", "The body is not JSON"),
    ("408", "The body came too slowly"),
    ("413", "The body is too long"),
    ("415", "The body's type is not application/json"),
    ("422", "A field is wrong"),
];

fn of(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn list(schema: &str) -> Value {
    json!({ "type": "array", "items": of(schema) })
}

fn read(path: &'static str, id: &'static str, summary: &'static str, answer: Value) -> Operation {
    Operation {
        method: "get",
        path,
        id,
        summary,
        parameters: json!([]),
        body: None,
        answer: (JSON, answer),
        others: &[],
        needs: Needs::Scope("read"),
    }
}

fn operations() -> Vec<Operation> {
    let text = json!({ "type": "string" });
    let keys = json!([
        { "name": "cache", "in": "query", "required": true, "description": "The cache", "example": "url",
          "schema": { "type": "string", "minLength": 1, "maxLength": 64 } },
        { "name": "prefix", "in": "query", "description": "What the keys begin with", "schema": { "type": "string", "maxLength": 4096 } },
        { "name": "limit", "in": "query", "description": "How many keys, 100 if nothing is said",
          "schema": { "type": "integer", "minimum": 1, "maximum": 1000 } },
    ]);
    let name = json!([
        { "name": "type", "in": "path", "required": true, "description": "The cache", "example": "url",
          "schema": { "type": "string", "minLength": 1, "maxLength": 64 } },
    ]);
    let change = |method, path, id, summary, answer| Operation {
        method,
        needs: Needs::Scope("admin"),
        ..read(path, id, summary, of(answer))
    };
    vec![
        Operation {
            needs: Needs::ValidIfAny,
            ..read("/session/", "session", "What the request's token allows", of("Session"))
        },
        Operation {
            answer: ("text/html", text.clone()),
            needs: Needs::Nothing,
            ..read("/dashboard/", "dashboard", "A page that shows all this", Value::Null)
        },
        read("/stats/", "stats", "How all caches have done", of("Stats")),
        Operation {
            others: &[("503", "As 200, and something is critical")],
            ..read(
                "/health/",
                "health",
                "Whether the caches are well, and if not, why",
                of("Health"),
            )
        },
        read("/performance/", "performance", "How the caches have done lately", of("Performance")),
        read("/functions/", "functions", "The memoized functions", list("Function")),
        read("/rules/", "rules", "The rules for HTTP responses", list("Rule")),
        Operation {
            parameters: keys,
            others: &[BAD_QUERY, UNKNOWN],
            ..read("/keys/", "keys", "Keys of a cache, those used most first", of("Keys"))
        },
        Operation {
            answer: ("text/plain", text.clone()),
            ..read("/metrics/", "metrics", "The numbers as Prometheus reads them", Value::Null)
        },
        Operation {
            answer: ("text/event-stream", text),
            others: &[("503", "Too many clients listen")],
            ..read(
                "/events/",
                "events",
                "An event `sample` each second, whose data is a Sample",
                Value::Null,
            )
        },
        read("/openapi.json", "openapi", "This document", json!({ "type": "object" })),
        change("post", "/clear/", "clear_all", "Empties all caches", "Cleared"),
        Operation {
            parameters: name,
            others: &[UNKNOWN],
            ..change("post", "/clear/{type}/", "clear", "Empties a cache", "Cleared")
        },
        Operation {
            body: Some("Invalidate"),
            others: &[
                ("404", "There is no cache, or no rule, of this name"),
                ("409", "No layer for HTTP responses belongs to the API"),
            ],
            ..change(
                "post",
                "/invalidate/",
                "invalidate",
                "Makes entries stale, or counts them",
                "Invalidated",
            )
        },
        Operation {
            body: Some("Configure"),
            others: &[UNKNOWN, ("409", "The cache cannot have so much, or so little")],
            ..change("put", "/config/", "configure", "Changes settings of a cache", "Settings")
        },
    ]
}

fn problem(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/problem+json": { "schema": of("Problem") } },
    })
}

fn described(operation: &Operation) -> Value {
    let (kind, schema) = &operation.answer;
    let good = json!({ "description": "OK", "content": { *kind: { "schema": schema } } });
    let mut responses = Map::new();
    let unknown = ("401", "There is no token, or it is not known");
    let locked = ("429", "Too many wrong tokens");
    let (refusals, description) = match operation.needs {
        Needs::Nothing => (vec![], "Needs no token.".to_owned()),
        Needs::ValidIfAny => (
            vec![("401", "The token is not known"), locked],
            "Needs no token; one that comes with the request has to be valid.".to_owned(),
        ),
        Needs::Scope(scope) => (
            vec![unknown, ("403", "The token's scope is not enough"), locked],
            format!("Needs a token of the scope `{scope}`."),
        ),
    };
    for (status, description) in refusals {
        responses.insert(status.to_owned(), problem(description));
    }
    if operation.body.is_some() {
        for (status, description) in OF_BODIES {
            responses.insert(status.to_owned(), problem(description));
        }
    }
    for (status, description) in operation.others {
        // Health that is critical is no error of the API.
        let answer = if operation.id == "health" { good.clone() } else { problem(description) };
        responses.insert((*status).to_owned(), answer);
    }
    responses.insert("200".to_owned(), good);
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "description": description,
        "parameters": operation.parameters,
        "responses": responses,
    });
    // Where nothing is said, the document's own security holds.
    match operation.needs {
        Needs::Nothing => described["security"] = json!([]),
        Needs::ValidIfAny => described["security"] = json!([{}, { "bearer": [] }]),
        Needs::Scope(_) => {}
    }
    if let Some(body) = operation.body {
        described["requestBody"] =
            json!({ "required": true, "content": { JSON: { "schema": of(body) } } });
    }
    described
}

/// The document of an API that is at `server`.
pub(super) fn document(server: &str) -> Value {
    let mut document = serde_json::to_value(Schemas::openapi()).expect("it has texts for keys");
    document["info"] = json!({
        "title": "larder: management of caches",
        "version": env!("CARGO_PKG_VERSION"),
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    });
    document["servers"] = json!([{ "url": server }]);
    document["security"] = json!([{ "bearer": [] }]);
    document["components"]["securitySchemes"] =
        json!({ "bearer": { "type": "http", "scheme": "bearer" } });
    let mut paths = Map::new();
    for operation in operations() {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method] = described(&operation);
    }
    document["paths"] = Value::Object(paths);
    document
}

/// `GET openapi.json`
pub(super) async fn openapi(
    Of(_): Of<Arc<State>>,
    OriginalUri(uri): OriginalUri,
    RawQuery(given): RawQuery,
) -> Result<Json<Value>, Problem> {
    query(given.as_deref()).finish()?;
    let path = uri.path().trim_end_matches('/');
    let server = path.strip_suffix("/openapi.json").unwrap_or_default();
    Ok(Json(document(if server.is_empty() { "/" } else { server })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::router::endpoints;
    use std::collections::BTreeSet;

    #[test]
    fn each_endpoint_is_described_and_each_description_has_an_endpoint() {
        let document = document("/api/cache");
        let described: BTreeSet<_> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let path = path.trim_end_matches('/').to_owned();
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| (path.clone(), method.clone())).collect::<Vec<_>>()
            })
            .collect();
        let open = ["/session", "/dashboard"].map(|path| (path.to_owned(), "get".to_owned()));
        let there: BTreeSet<_> = endpoints()
            .iter()
            .map(|it| (it.path.to_owned(), it.method.as_str().to_ascii_lowercase()))
            .chain(open)
            .collect();
        assert_eq!(described, there);
    }

    #[test]
    fn each_reference_of_the_document_leads_somewhere() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    fields.values().for_each(|it| references(it, found));
                }
                Value::Array(values) => values.iter().for_each(|it| references(it, found)),
                _ => {}
            }
        }
        let document = document("/");
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 20, "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
