-- What becomes of a job whose executor died, and at most one unfinished job for each key.
ALTER TABLE "jobs"
  ADD COLUMN "on_lost" TEXT NOT NULL DEFAULT 'retry',
  ADD COLUMN "unique_key" TEXT,
  ADD CONSTRAINT "jobs_on_lost_check" CHECK ("on_lost" IN ('retry', 'fail', 'hold'));

CREATE UNIQUE INDEX "jobs_unique_key_idx" ON "jobs" ("unique_key")
  WHERE "unique_key" IS NOT NULL AND "state" IN ('blocked', 'scheduled', 'queued', 'running');

-- Which job a submission with an Idempotency-Key has made, so that its repetition makes no second one.
CREATE TABLE "idempotency_keys" (
  "key" TEXT NOT NULL,
  "request_hash" TEXT NOT NULL,
  "job_id" UUID NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

  CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("key")
);

-- "Which keys have had their day?" (prune)
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys" ("created_at");
