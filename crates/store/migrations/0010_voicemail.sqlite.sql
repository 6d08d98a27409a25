-- Messages that callers left for an agent or a queue, and how each mailbox greets. A message's media is a recording.
CREATE TABLE voicemails (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    workspace TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    recording TEXT NOT NULL,
    heard INTEGER,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX voicemails_of_workspace ON voicemails (workspace, created, sid);
CREATE INDEX voicemails_of_mailbox ON voicemails (mailbox, created, sid);
CREATE INDEX voicemails_of_recording ON voicemails (recording);

CREATE TABLE mailboxes (
    mailbox TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX mailboxes_of_account ON mailboxes (account);
