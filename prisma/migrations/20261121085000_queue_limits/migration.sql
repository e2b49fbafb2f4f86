-- What a queue may do, and the keys of jobs that its limits and fair turns go by. An ordinary job has no key, is in no new
-- index and has NULL in each new column.
ALTER TABLE "queues"
  ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN "paused" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "concurrency" INTEGER,
  ADD COLUMN "concurrency_per_key" INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN "rate_limit" INTEGER,
  ADD COLUMN "rate_interval_ms" BIGINT,
  ADD COLUMN "rate_next_at" TIMESTAMPTZ(6),
  ADD COLUMN "keyed" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "settled" BOOLEAN NOT NULL DEFAULT true,
  ADD COLUMN "claims" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ADD CONSTRAINT "queues_concurrency_check" CHECK ("concurrency" > 0),
  ADD CONSTRAINT "queues_concurrency_per_key_check" CHECK ("concurrency_per_key" > 0),
  ADD CONSTRAINT "queues_rate_limit_check" CHECK ("rate_limit" > 0 AND "rate_interval_ms" > 0),
  ADD CONSTRAINT "queues_rate_whole_check" CHECK (("rate_limit" IS NULL) = ("rate_interval_ms" IS NULL));

-- The row of a limited queue changes with each claim: room for the copies on its own page.
ALTER TABLE "queues" SET (fillfactor = 50);

-- A claim names the settings that it was made under, and changes no row once they are others.
ALTER TABLE "leader_epochs" ADD COLUMN "settings_version" BIGINT NOT NULL DEFAULT 0;

ALTER TABLE "jobs"
  ADD COLUMN "concurrency_key" TEXT,
  ADD COLUMN "fairness_key" TEXT,
  ADD COLUMN "limited" BOOLEAN;

-- "What is due in this queue, most urgent first?" for jobs without a key. Those with one are in the lanes below.
DROP INDEX "jobs_claim_idx";
CREATE INDEX "jobs_claim_idx" ON "jobs" ("queue", "priority", "claimable_at", "id")
  WHERE "claimable_at" IS NOT NULL AND "fairness_key" IS NULL AND "concurrency_key" IS NULL;
-- "Which lanes has this queue, and what is due in each?" A lane is a pair of keys.
CREATE INDEX "jobs_lane_idx" ON "jobs"
  ("queue", (coalesce("fairness_key", '')), (coalesce("concurrency_key", '')), "priority", "claimable_at", "id")
  WHERE "claimable_at" IS NOT NULL AND ("fairness_key" IS NOT NULL OR "concurrency_key" IS NOT NULL);
-- "When is the next job with a key due?"
CREATE INDEX "jobs_lane_due_idx" ON "jobs" ("queue", "claimable_at")
  WHERE "claimable_at" IS NOT NULL AND ("fairness_key" IS NOT NULL OR "concurrency_key" IS NOT NULL);
-- "Who holds the limits of this queue, or of this key?"
CREATE INDEX "jobs_limited_idx" ON "jobs" ("queue", "concurrency_key") WHERE "limited" AND "in_flight_since" IS NOT NULL;
