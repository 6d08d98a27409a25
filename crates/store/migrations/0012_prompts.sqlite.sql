-- Audio that callers hear. The media is a file in the data folder, which the record names.
CREATE TABLE prompts (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX prompts_by_name ON prompts (name);
CREATE INDEX prompts_of_account ON prompts (account, created, sid);
