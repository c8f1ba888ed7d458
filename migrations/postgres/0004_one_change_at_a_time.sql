-- What an operation changes: of those that are open, one at a time. A lease without end says that nobody goes on with it.

ALTER TABLE operations ADD COLUMN subject TEXT;

CREATE UNIQUE INDEX operations_one_change ON operations (subject)
WHERE subject IS NOT NULL
  AND (status = 'running' OR (status = 'unknown_outcome' AND lease_until < 9223372036854775807));
