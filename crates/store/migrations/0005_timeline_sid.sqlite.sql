-- A line of a timeline has a name of its own, so that a commit that is repeated does not write it twice. Null for lines
-- from before.
ALTER TABLE timeline ADD COLUMN sid TEXT;
CREATE UNIQUE INDEX timeline_sid ON timeline (sid);
