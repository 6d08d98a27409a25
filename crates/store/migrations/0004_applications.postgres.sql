-- TwiML applications: what answers the calls of browsers.
CREATE TABLE applications (
    sid TEXT COLLATE "C" CONSTRAINT "applications.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    friendly_name TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX applications_of_account ON applications (account, created, sid);
