-- How far running jobs are. A table of its own: a job that tells nothing has no row, and the rows of jobs stay as narrow
-- as they are.
CREATE TABLE job_progress (
  job_id     UUID PRIMARY KEY,
  attempt    INTEGER NOT NULL,
  percent    DOUBLE PRECISION NOT NULL CHECK (percent BETWEEN 0 AND 100),
  message    TEXT,
  updated_at TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITH (fillfactor = 70);
