//! Signing up, logging in and out, and the profile.

use super::{
    Problem, Shared,
    extract::{Body, MaybeAccount},
    problem::Checks,
    to_the_end,
};
use crate::{
    auth::Token,
    db::{
        sessions::Session,
        users::{self, User},
    },
    domain::{check_email, check_name, check_password, now_ms},
    edge::{Account, Client, cookie},
    limits::network,
};
use axum::{Json, extract::State, response::IntoResponse};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    name: String,
    email: String,
    password: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    email: String,
    password: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileChange {
    name: Option<String>,
    password: Option<String>,
    current_password: Option<String>,
}

#[derive(Debug, Serialize)]
struct SignedIn {
    token: String,
    user: UserView,
}

#[derive(Debug, Serialize)]
struct UserView {
    id: i64,
    name: String,
    email: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Profile {
    id: i64,
    name: String,
    email: String,
    created_ms: i64,
    urls: i64,
    clicks: i64,
}

pub(super) async fn register(
    State(service): State<Shared>,
    client: Client,
    Body(registration): Body<Registration>,
) -> Result<impl IntoResponse, Problem> {
    let mut checks = Checks::default();
    let name = checks.check("name", check_name(&registration.name));
    let email = checks.check("email", check_email(&registration.email));
    checks.check("password", check_password(&registration.password));
    checks.done()?;
    service.limits.registrations.take(network(client.0)).map_err(Problem::too_many)?;
    let hash = service.passwords.hash(registration.password).await?;
    to_the_end(async move {
        let Some(user) = users::insert(service.store.db(), &name, &email, &hash).await? else {
            return Err(Problem::conflict("email", "somebody has signed up with it"));
        };
        let signed_in = begin_session(&service, user).await?;
        Ok((StatusCode::CREATED, signed_in))
    })
    .await
}

pub(super) async fn login(
    State(service): State<Shared>,
    client: Client,
    Body(login): Body<Login>,
) -> Result<impl IntoResponse, Problem> {
    // An address that cannot be one is nobody's.
    let email = check_email(&login.email).unwrap_or_default();
    let limits = &service.limits;
    limits.logins_of_address.take(network(client.0)).map_err(Problem::too_many)?;
    limits.logins_of_account.take(email.clone()).map_err(Problem::too_many)?;
    let found = users::credentials(service.store.db(), &email).await?;
    let (id, hash) = found.unzip();
    let is_right = check_password(&login.password).is_ok()
        && service.passwords.verify(login.password, hash).await?;
    let refused = || Problem::unauthorized("e-mail or password are wrong");
    let id = id.filter(|_| is_right).ok_or_else(refused)?;
    to_the_end(async move {
        let user = service.store.user(id).await?.ok_or_else(refused)?;
        begin_session(&service, (*user).clone()).await
    })
    .await
}

type SessionResponse = ([(HeaderName, HeaderValue); 2], Json<SignedIn>);

async fn begin_session(service: &Shared, user: User) -> Result<SessionResponse, Problem> {
    let token = Token::random();
    let lifetime = service.config.auth.session_lifetime;
    let millis = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
    let session = Session { user_id: user.id, expires_ms: now_ms().saturating_add(millis) };
    service.store.begin_session(&token.hash(), session).await?;
    let cookie = cookie(service, token.reveal(), lifetime.as_secs());
    let user = UserView { id: user.id, name: user.name, email: user.email };
    let signed_in = SignedIn { token: token.reveal().to_owned(), user };
    Ok(([(header::SET_COOKIE, cookie), no_store()], Json(signed_in)))
}

fn no_store() -> (HeaderName, HeaderValue) {
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

pub(super) async fn logout(
    State(service): State<Shared>,
    MaybeAccount(account): MaybeAccount,
) -> Result<impl IntoResponse, Problem> {
    let cookie = cookie(&service, "", 0);
    to_the_end(async move {
        if let Some(account) = account {
            service.store.end_session(&account.token_hash).await?;
        }
        Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie), no_store()]))
    })
    .await
}

pub(super) async fn profile(
    State(service): State<Shared>,
    account: Account,
) -> Result<Json<Profile>, Problem> {
    profile_of(&service, &account).await
}

async fn profile_of(service: &Shared, account: &Account) -> Result<Json<Profile>, Problem> {
    let Some(user) = service.store.user(account.id).await? else {
        return Err(Problem::unauthorized("there is no such user any more"));
    };
    let totals = service.store.totals(account.id).await?;
    Ok(Json(Profile {
        id: user.id,
        name: user.name.clone(),
        email: user.email.clone(),
        created_ms: user.created_ms,
        urls: totals.urls,
        clicks: totals.clicks,
    }))
}

pub(super) async fn change(
    State(service): State<Shared>,
    account: Account,
    Body(change): Body<ProfileChange>,
) -> Result<Json<Profile>, Problem> {
    let mut checks = Checks::default();
    let name = change.name.map(|name| checks.check("name", check_name(&name)));
    if let Some(password) = &change.password {
        checks.check("password", check_password(password));
        checks.ensure(
            "current_password",
            change.current_password.is_some(),
            "it is needed for a new password",
        );
    }
    let changes = name.is_some() || change.password.is_some();
    checks.ensure("name", changes, "there is nothing to change; allowed are name and password");
    checks.done()?;
    let hash = match change.password {
        None => None,
        Some(password) => {
            let current = change.current_password.unwrap_or_default();
            Some(new_hash(&service, &account, current, password).await?)
        }
    };
    to_the_end(async move {
        let store = &service.store;
        store.update_user(account.id, name.as_deref(), hash.as_deref()).await?;
        if hash.is_some() {
            store.end_other_sessions(account.id, &account.token_hash).await?;
        }
        profile_of(&service, &account).await
    })
    .await
}

async fn new_hash(
    service: &Shared,
    account: &Account,
    current: String,
    password: String,
) -> Result<String, Problem> {
    let email = service.store.user(account.id).await?.map(|user| user.email.clone());
    let email = email.unwrap_or_default();
    service.limits.logins_of_account.take(email.clone()).map_err(Problem::too_many)?;
    let hash = users::credentials(service.store.db(), &email).await?.map(|(_, hash)| hash);
    if !service.passwords.verify(current, hash).await? {
        let mut checks = Checks::default();
        checks.ensure("current_password", false, "it is another one");
        checks.done()?;
    }
    Ok(service.passwords.hash(password).await?)
}
