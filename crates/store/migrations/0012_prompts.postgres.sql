-- Audio that callers hear. The media is a file in the data folder, which the record names.
CREATE TABLE prompts (
    sid TEXT COLLATE "C" CONSTRAINT "prompts.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL CONSTRAINT "prompts.name" UNIQUE,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX prompts_of_account ON prompts (account, created, sid);
