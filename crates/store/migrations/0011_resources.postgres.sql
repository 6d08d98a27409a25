-- Small configuration that other records refer to: SIP domains and what protects them, verified caller IDs.
CREATE TABLE resources (
    sid TEXT COLLATE "C" CONSTRAINT "resources.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    parent TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" CONSTRAINT "resources.name" UNIQUE,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX resources_of_parent ON resources (account, kind, parent, created, sid);
