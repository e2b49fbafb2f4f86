-- Jobs that workers outside lease over the API, and the types that are theirs.
ALTER TABLE "job_types" ADD COLUMN "remote" BOOLEAN NOT NULL DEFAULT false;

-- Null for every other job, so that it costs those nothing.
ALTER TABLE "jobs"
  ADD COLUMN "remote" BOOLEAN,
  ADD COLUMN "lease_until" TIMESTAMPTZ(3),
  ADD COLUMN "worker" TEXT;

-- What is due for the feeder, and what is due for a worker: no job is both. (With its column goes the index.)
ALTER TABLE "jobs" DROP COLUMN "claimable_at";
ALTER TABLE "jobs"
  ADD COLUMN "claimable_at" TIMESTAMPTZ(3) GENERATED ALWAYS AS (CASE WHEN "state" = 'scheduled' AND "remote" IS NOT TRUE THEN "run_at" END) STORED,
  ADD COLUMN "leasable_at" TIMESTAMPTZ(3) GENERATED ALWAYS AS (CASE WHEN "state" = 'scheduled' AND "remote" THEN "run_at" END) STORED;

-- "What is due in this queue, most urgent first?" (claim, and the next due time)
CREATE INDEX "jobs_claim_idx" ON "jobs" ("queue", "priority", "claimable_at", "id") WHERE "claimable_at" IS NOT NULL;
-- "What of this type, in this queue, is due for a worker?" (lease). Ordinary jobs are not in it.
CREATE INDEX "jobs_lease_idx" ON "jobs" ("type", "queue", "priority", "leasable_at", "id") WHERE "leasable_at" IS NOT NULL;
