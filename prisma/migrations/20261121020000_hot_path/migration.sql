-- What the indexes of the hot path need to know, derived from the state by Postgres itself. No index names the state, so a
-- start, which changes nothing that is indexed, is a HOT update: it writes no index entry and leaves none behind.
ALTER TABLE "jobs"
  ADD COLUMN "claimable_at" TIMESTAMPTZ(3) GENERATED ALWAYS AS (CASE WHEN "state" = 'scheduled' THEN "run_at" END) STORED,
  ADD COLUMN "in_flight_since" TIMESTAMPTZ(3) GENERATED ALWAYS AS (CASE WHEN "state" = 'queued' OR "state" = 'running' THEN "queued_at" END) STORED,
  ADD COLUMN "unfinished_key" TEXT GENERATED ALWAYS AS (CASE WHEN "finished_at" IS NULL THEN "unique_key" END) STORED,
  ADD COLUMN "died_at" TIMESTAMPTZ(3) GENERATED ALWAYS AS (CASE WHEN "state" = 'dead' THEN "finished_at" END) STORED;

DROP INDEX "jobs_claim_idx", "jobs_queued_idx", "jobs_running_idx", "jobs_dead_idx", "jobs_unique_key_idx";

-- "What is due in this queue, most urgent first?" (claim, and the next due time)
CREATE INDEX "jobs_claim_idx" ON "jobs" ("queue", "priority", "claimable_at", "id") WHERE "claimable_at" IS NOT NULL;
-- "What has been handed over, or runs, and since when?" (sweep, reclaim, cancel)
CREATE INDEX "jobs_in_flight_idx" ON "jobs" ("in_flight_since") WHERE "in_flight_since" IS NOT NULL;
-- "What is in the dead-letter queue?"
CREATE INDEX "jobs_dead_idx" ON "jobs" ("id") WHERE "died_at" IS NOT NULL;
-- At most one unfinished job for each key.
CREATE UNIQUE INDEX "jobs_unique_key_idx" ON "jobs" ("unfinished_key") WHERE "unfinished_key" IS NOT NULL;

-- Room on each page for the copy that a start makes.
ALTER TABLE "jobs" SET (fillfactor = 70);

-- Whoever deletes jobs deletes what belongs to them, for many jobs in one step. A foreign key does it job by job.
ALTER TABLE "job_attempts" DROP CONSTRAINT "job_attempts_job_id_fkey";
ALTER TABLE "job_outputs" DROP CONSTRAINT "job_outputs_job_id_fkey";
