-- TwiML applications: what answers the calls of browsers.
CREATE TABLE applications (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX applications_of_account ON applications (account, created, sid);
