-- A job that has not started before it expires never starts.
ALTER TABLE "jobs"
  ADD COLUMN "expires_at" TIMESTAMPTZ(3),
  -- Derived, for the jobs that can still expire: they have an expiry, wait for no other job, and have neither started nor
  -- ended. For every other job it is null, so a start of a job without an expiry stays a HOT update.
  ADD COLUMN "expirable_at" TIMESTAMPTZ(3) GENERATED ALWAYS AS (CASE
    WHEN "expires_at" IS NOT NULL AND "started_at" IS NULL AND "finished_at" IS NULL AND "state" <> 'blocked' THEN "expires_at"
  END) STORED;

-- "What has expired, and when will the next?" (expire)
CREATE INDEX "jobs_expiry_idx" ON "jobs" ("expirable_at") WHERE "expirable_at" IS NOT NULL;
