-- Messages that callers left for an agent or a queue, and how each mailbox greets. A message's media is a recording.
CREATE TABLE voicemails (
    sid TEXT COLLATE "C" CONSTRAINT "voicemails.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    workspace TEXT COLLATE "C" NOT NULL,
    mailbox TEXT COLLATE "C" NOT NULL,
    recording TEXT COLLATE "C" NOT NULL,
    heard BIGINT,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX voicemails_of_workspace ON voicemails (workspace, created, sid);
CREATE INDEX voicemails_of_mailbox ON voicemails (mailbox, created, sid);
CREATE INDEX voicemails_of_recording ON voicemails (recording);

CREATE TABLE mailboxes (
    mailbox TEXT COLLATE "C" CONSTRAINT "mailboxes.mailbox" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX mailboxes_of_account ON mailboxes (account);
