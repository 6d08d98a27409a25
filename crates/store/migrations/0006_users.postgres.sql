-- People who sign in to the desk, and their sessions (by the digest of the token that their browser keeps).
CREATE TABLE users (
    sid TEXT COLLATE "C" CONSTRAINT "users.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    login TEXT COLLATE "C" NOT NULL CONSTRAINT "users.login" UNIQUE,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX users_of_account ON users (account, created, sid);

CREATE TABLE user_sessions (
    digest TEXT COLLATE "C" CONSTRAINT "user_sessions.digest" PRIMARY KEY,
    owner TEXT COLLATE "C" NOT NULL,
    expires BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX user_sessions_of_owner ON user_sessions (owner);
CREATE INDEX user_sessions_by_expiry ON user_sessions (expires);
