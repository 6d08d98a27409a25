-- Small configuration that other records refer to: SIP domains and what protects them, verified caller IDs.
CREATE TABLE resources (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent TEXT NOT NULL,
    name TEXT,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX resources_by_name ON resources (name);
CREATE INDEX resources_of_parent ON resources (account, kind, parent, created, sid);
