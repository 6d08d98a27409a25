-- Conferences are also listed by when they changed last.
ALTER TABLE conferences ADD COLUMN updated INTEGER NOT NULL DEFAULT 0;
UPDATE conferences SET updated = created;

-- A recording's media is a file in the data folder; this is what is told of it. A deleted one stays for the books.
CREATE TABLE recordings (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    call TEXT,
    conference TEXT,
    status TEXT NOT NULL,
    deleted INTEGER,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX recordings_of_account ON recordings (account, created, sid);
CREATE INDEX recordings_of_call ON recordings (call, created, sid) WHERE call IS NOT NULL;
CREATE INDEX recordings_of_conference ON recordings (conference, created, sid) WHERE conference IS NOT NULL;

CREATE TABLE transcriptions (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    recording TEXT NOT NULL,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX transcriptions_of_account ON transcriptions (account, created, sid);
CREATE INDEX transcriptions_of_recording ON transcriptions (recording, created, sid);
