-- The journal is written far more often than anything else, a kilobyte or two for each event. In a table without row numbers
-- such a row spills into a page of its own, and every index repeats the key; with them rows lie densely one after the other.
CREATE TABLE journal_rows (
    workspace TEXT NOT NULL,
    seq INTEGER NOT NULL,
    sid TEXT NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    task TEXT,
    worker TEXT,
    reservation TEXT,
    queue TEXT,
    workflow TEXT,
    event TEXT NOT NULL,
    told TEXT,
    channel TEXT,
    parameters TEXT
);
INSERT INTO journal_rows (workspace, seq, sid, at, type, task, worker, reservation, queue, workflow, event, told, channel,
                          parameters)
    SELECT workspace, seq, sid, at, type, task, worker, reservation, queue, workflow, event, told, channel, parameters
    FROM journal ORDER BY workspace, seq;
DROP TABLE journal;
ALTER TABLE journal_rows RENAME TO journal;
CREATE UNIQUE INDEX journal_seq ON journal (workspace, seq);
-- With `seq`, which the key no longer brings: lists by time are in this order.
CREATE INDEX journal_at ON journal (workspace, at, seq);
CREATE INDEX journal_sid ON journal (sid);
CREATE INDEX journal_task ON journal (task, seq) WHERE task IS NOT NULL;
CREATE INDEX journal_worker ON journal (worker, seq) WHERE worker IS NOT NULL;
CREATE INDEX journal_reservation ON journal (reservation, seq) WHERE reservation IS NOT NULL;
