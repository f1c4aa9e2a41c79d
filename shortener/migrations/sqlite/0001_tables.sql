-- Times are milliseconds since 1970, days are days since then, all in UTC.
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- A code may change, so nothing refers to it.
CREATE TABLE urls (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    title TEXT NOT NULL,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    clicks BIGINT NOT NULL DEFAULT 0,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);
CREATE INDEX urls_of_user ON urls (user_id, created_ms DESC, id DESC);

-- The digest stands for the token, which is nowhere.
CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_end ON sessions (expires_ms);

-- Each click, for whoever wants to look closer than analytics do.
CREATE TABLE clicks (
    id INTEGER PRIMARY KEY,
    url_id BIGINT NOT NULL REFERENCES urls (id) ON DELETE CASCADE,
    at_ms BIGINT NOT NULL,
    day BIGINT NOT NULL,
    referrer TEXT NOT NULL,
    country TEXT NOT NULL,
    browser TEXT NOT NULL
);
CREATE INDEX clicks_of_url ON clicks (url_id);

-- What analytics read: the clicks of a day, all of them (kind 0, name ''), and by referrer (1), country (2) and
-- browser (3).
CREATE TABLE click_counts (
    url_id BIGINT NOT NULL REFERENCES urls (id) ON DELETE CASCADE,
    kind BIGINT NOT NULL,
    day BIGINT NOT NULL,
    name TEXT NOT NULL,
    clicks BIGINT NOT NULL,
    PRIMARY KEY (url_id, kind, day, name)
) WITHOUT ROWID;
