//! What handlers ask: the database, through the caches or past them.

use crate::{
    caching::Caches,
    db::{
        Db, DbError,
        analytics::{self, Analytics, Stats, Totals},
        sessions::{self, Session, TokenHash},
        urls::{self, Changes, Filter, Target, Updated, UrlPage, UrlRow},
        users::{self, User},
    },
    domain::Day,
};
use std::sync::Arc;

/// The data of the service. Clones share them.
///
/// With caches or without, each method returns the same; what has changed is seen by whoever asks
/// when the method has returned.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    db: Db,
    caches: Option<Caches>,
}

/// Calls a query through its cache, if there are caches.
macro_rules! query {
    ($store:ident, $module:ident :: $query:ident ( $($argument:expr),* )) => {
        match $store.caches {
            Some(_) => $module::$query(&$store.db, $($argument),*).await,
            None => $module::$query::uncached(&$store.db, $($argument),*).await,
        }
    };
}

impl Store {
    pub(crate) fn new(db: Db, caches: Option<Caches>) -> Self {
        Self { db, caches }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn caches(&self) -> Option<&Caches> {
        self.caches.as_ref()
    }

    pub(crate) async fn page(&self, user: i64, filter: &Filter) -> Result<Arc<UrlPage>, DbError> {
        query!(self, urls::page(user, filter))
    }

    pub(crate) async fn item(&self, user: i64, code: &str) -> Result<Option<UrlRow>, DbError> {
        query!(self, urls::item(user, code))
    }

    pub(crate) async fn target(&self, code: &str) -> Result<Option<Target>, DbError> {
        query!(self, urls::target(code))
    }

    pub(crate) async fn totals(&self, user: i64) -> Result<Totals, DbError> {
        query!(self, analytics::totals(user))
    }

    pub(crate) async fn stats(&self, user: i64) -> Result<Arc<Stats>, DbError> {
        query!(self, analytics::stats(user, Day::today()))
    }

    pub(crate) async fn analytics(
        &self,
        user: i64,
        code: Option<&str>,
        first: Day,
        last: Day,
    ) -> Result<Option<Arc<Analytics>>, DbError> {
        query!(self, analytics::analytics(user, code, first, last))
    }

    /// Makes an address. `None` if the code is somebody's.
    pub(crate) async fn create(
        &self,
        user: i64,
        code: &str,
        url: &str,
        title: &str,
    ) -> Result<Option<UrlRow>, DbError> {
        let row = urls::insert(&self.db, user, code, url, title).await;
        if !matches!(row, Ok(None)) {
            self.urls_changed(user, &[code]);
        }
        row
    }

    pub(crate) async fn update(
        &self,
        user: i64,
        code: &str,
        changes: &Changes,
    ) -> Result<Updated, DbError> {
        let new_code = changes.code.as_deref().unwrap_or(code);
        let updated = urls::update(&self.db, user, code, new_code, changes).await;
        if !matches!(updated, Ok(Updated::Missing | Updated::Taken)) {
            self.urls_changed(user, &[code, new_code]);
        }
        updated
    }

    pub(crate) async fn delete(&self, user: i64, code: &str) -> Result<bool, DbError> {
        let deleted = urls::delete(&self.db, user, code).await;
        if !matches!(deleted, Ok(false)) {
            self.urls_changed(user, &[code]);
        }
        deleted
    }

    pub(crate) async fn user(&self, id: i64) -> Result<Option<Arc<User>>, DbError> {
        let load = async { users::find(&self.db, id).await.map(|user| user.map(Arc::new)) };
        let Some(caches) = &self.caches else { return load.await };
        if let Some(user) = caches.users.get(&id) {
            return Ok(Some(user));
        }
        let load = async { load.await?.ok_or(Absent::Missing) };
        found(caches.users.try_get_with_async(&id, load).await)
    }

    pub(crate) async fn update_user(
        &self,
        id: i64,
        name: Option<&str>,
        password_hash: Option<&str>,
    ) -> Result<Option<User>, DbError> {
        let updated = users::update(&self.db, id, name, password_hash).await;
        if let Some(caches) = &self.caches {
            caches.user_changed(id);
        }
        updated
    }

    /// Returns a session, whether it is over or not.
    pub(crate) async fn session(&self, hash: &TokenHash) -> Result<Option<Session>, DbError> {
        let Some(caches) = &self.caches else { return sessions::find(&self.db, hash).await };
        if let Some(session) = caches.sessions.get(hash) {
            return Ok(Some(session));
        }
        let load = async { sessions::find(&self.db, hash).await?.ok_or(Absent::Missing) };
        found(caches.sessions.try_get_with_async(hash, load).await)
    }

    pub(crate) async fn begin_session(
        &self,
        hash: &TokenHash,
        session: Session,
    ) -> Result<(), DbError> {
        sessions::insert(&self.db, hash, session).await?;
        if let Some(caches) = &self.caches {
            caches.sessions.insert(hash, session);
        }
        Ok(())
    }

    pub(crate) async fn end_session(&self, hash: &TokenHash) -> Result<(), DbError> {
        let ended = sessions::delete(&self.db, hash).await;
        if let Some(caches) = &self.caches {
            caches.sessions.remove(hash);
        }
        ended
    }

    /// Ends all sessions of a user but one.
    pub(crate) async fn end_other_sessions(
        &self,
        user: i64,
        keep: &TokenHash,
    ) -> Result<(), DbError> {
        let ended = sessions::delete_others(&self.db, user, keep).await?;
        if let Some(caches) = &self.caches {
            for hash in ended.iter().filter_map(|hash| TokenHash::try_from(&hash[..]).ok()) {
                caches.sessions.remove(&hash);
            }
        }
        Ok(())
    }

    /// The clicks of a user's addresses have been written.
    pub(crate) fn counts_changed(&self, user: i64) {
        if let Some(caches) = &self.caches {
            caches.counts_changed(user);
        }
    }

    /// To be called whatever came of a change, unless it is certain that nothing was written: a
    /// query may have been heard that failed. Who tries to change what is not theirs takes nothing
    /// of others out of the cache.
    fn urls_changed(&self, user: i64, codes: &[&str]) {
        if let Some(caches) = &self.caches {
            caches.urls_changed(user, codes);
        }
    }
}

/// Why a load has brought nothing.
enum Absent {
    Missing,
    Failed(DbError),
}

impl From<DbError> for Absent {
    fn from(error: DbError) -> Self {
        Self::Failed(error)
    }
}

fn found<V>(loaded: Result<V, Arc<Absent>>) -> Result<Option<V>, DbError> {
    match loaded {
        Ok(value) => Ok(Some(value)),
        Err(absent) => match &*absent {
            Absent::Missing => Ok(None),
            Absent::Failed(error) => Err(error.clone()),
        },
    }
}
