-- Lists and searches by states that few jobs are in. A job that is submitted, runs and succeeds is never in the index, and a
-- start changes nothing of it, so it stays a HOT update.
ALTER TABLE "jobs" ADD COLUMN "set_aside" TEXT
  GENERATED ALWAYS AS (CASE WHEN "state" IN ('blocked', 'cancelled', 'expired') THEN "state" END) STORED;

-- "Which are the newest jobs in this state?" The dead ones have jobs_dead_idx.
CREATE INDEX "jobs_set_aside_idx" ON "jobs" ("set_aside", "id") WHERE "set_aside" IS NOT NULL;
