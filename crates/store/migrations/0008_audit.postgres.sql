-- What people did to the work of others and to the set-up.
CREATE TABLE audit (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    workspace TEXT,
    created BIGINT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX audit_of_account ON audit (account, created, sid);
CREATE INDEX audit_of_workspace ON audit (workspace, created, sid);
