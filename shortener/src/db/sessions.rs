//! Sessions: who has logged in. A token is never stored, its digest is.

use super::{Db, DbError, on};

/// The digest of a session's token.
pub(crate) type TokenHash = [u8; 32];

/// Somebody who has logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Session {
    pub(crate) user_id: i64,
    pub(crate) expires_ms: i64,
}

pub(crate) async fn insert(db: &Db, hash: &TokenHash, session: Session) -> Result<(), DbError> {
    on!(db.writes(), pool => sqlx::query(
        "INSERT INTO sessions (token_hash, user_id, expires_ms) VALUES ($1, $2, $3)",
    )
    .bind(&hash[..])
    .bind(session.user_id)
    .bind(session.expires_ms)
    .execute(pool)
    .await
    .map(drop))?;
    Ok(())
}

pub(crate) async fn find(db: &Db, hash: &TokenHash) -> Result<Option<Session>, DbError> {
    let session = on!(db.reads(), pool => sqlx::query_as(
        "SELECT user_id, expires_ms FROM sessions WHERE token_hash = $1",
    )
    .bind(&hash[..])
    .fetch_optional(pool)
    .await)?;
    Ok(session)
}

pub(crate) async fn delete(db: &Db, hash: &TokenHash) -> Result<(), DbError> {
    on!(db.writes(), pool => sqlx::query("DELETE FROM sessions WHERE token_hash = $1")
        .bind(&hash[..])
        .execute(pool)
        .await
        .map(drop))?;
    Ok(())
}

/// Ends all sessions of a user but one, and returns those that it has ended.
pub(crate) async fn delete_others(
    db: &Db,
    user: i64,
    keep: &TokenHash,
) -> Result<Vec<Vec<u8>>, DbError> {
    let ended: Vec<(Vec<u8>,)> = on!(db.writes(), pool => sqlx::query_as(
        "DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2 RETURNING token_hash",
    )
    .bind(user)
    .bind(&keep[..])
    .fetch_all(pool)
    .await)?;
    Ok(ended.into_iter().map(|(hash,)| hash).collect())
}

/// Forgets sessions that are over.
pub(crate) async fn delete_expired(db: &Db, now_ms: i64) -> Result<u64, DbError> {
    let deleted = on!(db.writes(), pool => sqlx::query(
        "DELETE FROM sessions WHERE expires_ms <= $1",
    )
    .bind(now_ms)
    .execute(pool)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(deleted)
}
