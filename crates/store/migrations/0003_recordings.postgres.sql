-- Conferences are also listed by when they changed last.
ALTER TABLE conferences ADD COLUMN updated BIGINT NOT NULL DEFAULT 0;
UPDATE conferences SET updated = created;

-- A recording's media is a file in the data folder; this is what is told of it. A deleted one stays for the books.
CREATE TABLE recordings (
    sid TEXT COLLATE "C" CONSTRAINT "recordings.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    call TEXT COLLATE "C",
    conference TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    deleted BIGINT,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX recordings_of_account ON recordings (account, created, sid);
CREATE INDEX recordings_of_call ON recordings (call, created, sid) WHERE call IS NOT NULL;
CREATE INDEX recordings_of_conference ON recordings (conference, created, sid) WHERE conference IS NOT NULL;

CREATE TABLE transcriptions (
    sid TEXT COLLATE "C" CONSTRAINT "transcriptions.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    recording TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX transcriptions_of_account ON transcriptions (account, created, sid);
CREATE INDEX transcriptions_of_recording ON transcriptions (recording, created, sid);
