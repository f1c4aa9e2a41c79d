//! Who asks and what there is to ask for: users that are signed in, and codes.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method};
use rand::RngExt;
use serde_json::{Value, json};

use super::client::{Call, Connection};
use super::mix::Endpoint;
use super::options::{LoadError, Options, Seeded};
use super::plan::{Draw, harmonic};
use super::target::Target;
use crate::seed;

/// Codes of one user that its analytics and changes are about.
const OWN_CODES: usize = 100;
/// Pages of a list that are asked for, and what is on them.
const PAGES: usize = 3;
const PER_PAGE: usize = 20;

#[derive(Debug)]
pub(super) struct World {
    users: Vec<User>,
    /// Most asked for first.
    codes: Vec<String>,
    /// Tells the URLs of two runs apart.
    run: u64,
}

#[derive(Debug)]
struct User {
    authorization: HeaderValue,
    codes: Vec<String>,
}

impl World {
    /// Signs users in and learns which codes there are.
    pub(super) async fn meet(
        target: &Target,
        options: &Options,
        timeout: Duration,
    ) -> Result<Self, LoadError> {
        let mut guide = Guide { connection: Connection::new(target, timeout) };
        let run = rand::rng().random();
        let (users, codes) = match options.seeded {
            Some(seeded) => guide.seeded(seeded, options).await?,
            None => guide.strangers(options, run).await?,
        };
        Ok(Self { users, codes, run })
    }

    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    pub(super) fn codes(&self) -> usize {
        self.codes.len()
    }

    /// The request that `draw`, the one with this number, stands for.
    pub(super) fn call(&self, draw: Draw, number: usize) -> Call {
        let user = &self.users[draw.user];
        let own = user.codes.get(harmonic(draw.more[1], user.codes.len()));
        let call = match draw.endpoint {
            // Anybody may follow a link, so nobody is named.
            Endpoint::Redirect => {
                return Call::get(format!("/api/urls/redirect/{}/", self.codes[draw.code]));
            }
            Endpoint::Nothing => return Call::get("/api/health/live/".into()),
            Endpoint::List => {
                let pages = user.codes.len().div_ceil(PER_PAGE).clamp(1, PAGES);
                let page = harmonic(draw.more[0], pages) + 1;
                Call::get(format!("/api/urls/?page={page}&per_page={PER_PAGE}"))
            }
            Endpoint::Stats => Call::get("/api/urls/stats/".into()),
            // Half of the looks are at everything, half at one code.
            Endpoint::Analytics => Call::get(match own.filter(|_| draw.more[0] < 0.5) {
                Some(code) => format!("/api/urls/analytics/?code={code}&days=30"),
                None => "/api/urls/analytics/?days=30".into(),
            }),
            Endpoint::Profile => Call::get("/api/users/profile/".into()),
            Endpoint::Write => match own.filter(|_| draw.more[0] < 0.5) {
                Some(code) => Call::send(
                    Method::PATCH,
                    format!("/api/urls/{code}/"),
                    &json!({"title": format!("changed {number}")}),
                ),
                None => {
                    let url = format!("https://example.com/load/{:016x}/{number}", self.run);
                    Call::send(Method::POST, "/api/urls/".into(), &json!({ "url": url }))
                }
            },
        };
        call.from(&user.authorization)
    }
}

/// Asks one thing after another before the load begins.
#[derive(Debug)]
struct Guide {
    connection: Connection,
}

impl Guide {
    /// Users of `shortener seed`, and all active codes it wrote.
    async fn seeded(
        &mut self,
        seeded: Seeded,
        options: &Options,
    ) -> Result<(Vec<User>, Vec<String>), LoadError> {
        let plan = seed::Plan::new(options.seed, seeded.users, seeded.urls);
        let mut users = Vec::new();
        for number in 0..options.users.0.min(seeded.users) {
            let credentials = json!({
                "email": seed::email(number),
                "password": seed::PASSWORD,
            });
            let path = "/api/auth/login/".to_owned();
            let body = self.ask(Call::send(Method::POST, path, &credentials)).await?;
            users.push(self.user(&body).await?);
        }
        let active = (0..seeded.urls).map(|number| plan.url(number)).filter(|url| url.active);
        Ok((users, active.map(|url| url.code).collect()))
    }

    /// New users with new URLs: no service needs to know of the load.
    async fn strangers(
        &mut self,
        options: &Options,
        run: u64,
    ) -> Result<(Vec<User>, Vec<String>), LoadError> {
        let (mut users, mut codes) = (Vec::new(), Vec::new());
        let count = options.users.0.min(options.urls.0);
        for number in 0..count {
            let account = json!({
                "name": format!("Load {number}"),
                "email": format!("load-{run:016x}-{number}@example.com"),
                "password": format!("load {run:016x}"),
            });
            let path = "/api/auth/register/".to_owned();
            let body = self.ask(Call::send(Method::POST, path, &account)).await?;
            let authorization = authorization(&body)?;
            // As even as it gets, and all of them.
            let share = (options.urls.0 + count - 1 - number) / count;
            for item in 0..share {
                let url = format!("https://example.com/{run:016x}/{number}/{item}");
                let call = Call::send(Method::POST, "/api/urls/".into(), &json!({ "url": url }));
                let body = self.ask(call.from(&authorization)).await?;
                codes.push(text(&body, "code")?.to_owned());
            }
            users.push(self.user(&body).await?);
        }
        Ok((users, codes))
    }

    /// The user that an answer to a login is about.
    async fn user(&mut self, login: &Value) -> Result<User, LoadError> {
        let authorization = authorization(login)?;
        let path = format!("/api/urls/?page=1&per_page={OWN_CODES}&active=true");
        let list = self.ask(Call::get(path).from(&authorization)).await?;
        let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let codes = items.iter().map(|item| text(item, "code").map(str::to_owned));
        Ok(User { authorization, codes: codes.collect::<Result<_, _>>()? })
    }

    async fn ask(&mut self, call: Call) -> Result<Value, LoadError> {
        let what = format!("{} {}", call.method, call.path);
        let failed = |why: String| LoadError::Preparation { what: what.clone(), why };
        let answer =
            self.connection.send(call).await.map_err(|error| failed(format!("{error:?}")))?;
        if !answer.status.is_success() {
            return Err(failed(format!("{} {}", answer.status, shown(&answer.body))));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| failed(format!("{error} in {}", shown(&answer.body))))
    }
}

fn authorization(login: &Value) -> Result<HeaderValue, LoadError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", text(login, "token")?))
        .map_err(|error| unexpected(&error.to_string()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, LoadError> {
    value[field].as_str().ok_or_else(|| unexpected(&format!("no text `{field}`")))
}

fn unexpected(why: &str) -> LoadError {
    LoadError::Preparation { what: "reading an answer".into(), why: why.into() }
}

/// The front of a body, for an error.
fn shown(body: &Bytes) -> String {
    String::from_utf8_lossy(body).chars().take(200).collect()
}
