-- Lists by time are in the order of this index; SQLite's twin also lays out the journal's rows anew.
DROP INDEX journal_at;
CREATE INDEX journal_at ON journal (workspace, at, seq);
