-- Operations a worker may go on with: those that run, and those of unknown outcome.

CREATE INDEX operations_open ON operations (lease_until, id) WHERE status IN ('running', 'unknown_outcome');
