-- What the Events resource shows of an event and statistics are made of: the API's type, the task channel, and the
-- parameters of its callback. Null for events that the API does not know.
ALTER TABLE journal ADD COLUMN told TEXT;
ALTER TABLE journal ADD COLUMN channel TEXT;
ALTER TABLE journal ADD COLUMN parameters TEXT;
