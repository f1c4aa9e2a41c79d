//! Users.

use super::{Db, DbError, on, unless_taken};
use crate::domain::now_ms;

/// A user, as everybody may know them who is this user.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct User {
    /// Their number.
    pub(crate) id: i64,
    /// What they are called.
    pub(crate) name: String,
    /// Where they read mail, in lower case.
    pub(crate) email: String,
    /// When they have signed up.
    pub(crate) created_ms: i64,
}

/// Makes a user. `None` if there is one with this address of e-mail.
pub(crate) async fn insert(
    db: &Db,
    name: &str,
    email: &str,
    password_hash: &str,
) -> Result<Option<User>, DbError> {
    let result = on!(db.writes(), pool => sqlx::query_as(
        "INSERT INTO users (name, email, password_hash, created_ms) VALUES ($1, $2, $3, $4) \
         RETURNING id, name, email, created_ms",
    )
    .bind(name)
    .bind(email)
    .bind(password_hash)
    .bind(now_ms())
    .fetch_one(pool)
    .await);
    unless_taken(result)
}

/// Returns a user.
pub(crate) async fn find(db: &Db, id: i64) -> Result<Option<User>, DbError> {
    let user = on!(db.reads(), pool => sqlx::query_as(
        "SELECT id, name, email, created_ms FROM users WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(pool)
    .await)?;
    Ok(user)
}

/// Returns the number of the user who has this address, and the hash of the password.
pub(crate) async fn credentials(db: &Db, email: &str) -> Result<Option<(i64, String)>, DbError> {
    let found = on!(db.reads(), pool => sqlx::query_as(
        "SELECT id, password_hash FROM users WHERE email = $1",
    )
    .bind(email)
    .fetch_optional(pool)
    .await)?;
    Ok(found)
}

/// Changes what is said, and returns the user. `None` if there is none.
pub(crate) async fn update(
    db: &Db,
    id: i64,
    name: Option<&str>,
    password_hash: Option<&str>,
) -> Result<Option<User>, DbError> {
    let user = on!(db.writes(), pool => sqlx::query_as(
        "UPDATE users SET name = COALESCE($2, name), password_hash = COALESCE($3, password_hash) \
         WHERE id = $1 RETURNING id, name, email, created_ms",
    )
    .bind(id)
    .bind(name)
    .bind(password_hash)
    .fetch_optional(pool)
    .await)?;
    Ok(user)
}

/// Whether there is nobody yet.
pub(crate) async fn are_none(db: &Db) -> Result<bool, DbError> {
    let found: Option<(i64,)> = on!(db.reads(), pool => sqlx::query_as(
        "SELECT id FROM users LIMIT 1",
    )
    .fetch_optional(pool)
    .await)?;
    Ok(found.is_none())
}
