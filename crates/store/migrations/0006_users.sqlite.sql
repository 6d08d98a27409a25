-- People who sign in to the desk, and their sessions (by the digest of the token that their browser keeps).
CREATE TABLE users (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    login TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX users_of_account ON users (account, created, sid);

CREATE TABLE user_sessions (
    digest TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    expires INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX user_sessions_of_owner ON user_sessions (owner);
CREATE INDEX user_sessions_by_expiry ON user_sessions (expires);
