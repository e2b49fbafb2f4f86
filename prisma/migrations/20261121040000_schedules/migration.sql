-- Recurring definitions that make jobs.
CREATE TABLE "schedules" (
  "id" UUID NOT NULL,
  "name" TEXT NOT NULL,
  "definition" JSONB NOT NULL,
  "paused" BOOLEAN NOT NULL DEFAULT false,
  "next_due_at" TIMESTAMPTZ(3),
  "waiting_due_at" TIMESTAMPTZ(3),
  "fired_count" INTEGER NOT NULL DEFAULT 0,
  "version" INTEGER NOT NULL DEFAULT 1,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

  CONSTRAINT "schedules_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "schedules_fired_count_check" CHECK ("fired_count" >= 0)
);

-- Names are what people and files know schedules by.
CREATE UNIQUE INDEX "schedules_name_key" ON "schedules" ("name");
-- "What is due, and when is the next?" (fire)
CREATE INDEX "schedules_due_idx" ON "schedules" ("next_due_at") WHERE NOT "paused" AND "next_due_at" IS NOT NULL;
-- "What waits for a job to finish?" (fire)
CREATE INDEX "schedules_waiting_idx" ON "schedules" ("id") WHERE NOT "paused" AND "waiting_due_at" IS NOT NULL;

-- The ledger: what became of each due time. Its key is why nothing is fired twice.
CREATE TABLE "occurrences" (
  "schedule_id" UUID NOT NULL,
  "due_at" TIMESTAMPTZ(3) NOT NULL,
  "outcome" TEXT NOT NULL,
  "reason" TEXT,
  "lateness_ms" BIGINT NOT NULL,
  "run_at" TIMESTAMPTZ(3),
  "job_id" UUID,
  "job_open" BOOLEAN NOT NULL DEFAULT false,
  "recorded_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

  CONSTRAINT "occurrences_pkey" PRIMARY KEY ("schedule_id", "due_at"),
  CONSTRAINT "occurrences_outcome_check" CHECK ("outcome" IN ('fired', 'caught-up', 'skipped')),
  CONSTRAINT "occurrences_reason_check" CHECK ("reason" IN
    ('missed', 'missed-rest', 'overlap', 'superseded', 'waited', 'manual')),
  -- What was fired has a job, what was skipped has a reason.
  CONSTRAINT "occurrences_job_check" CHECK (CASE WHEN "outcome" = 'skipped' THEN "job_id" IS NULL AND "reason" IS NOT NULL ELSE "job_id" IS NOT NULL END),
  CONSTRAINT "occurrences_schedule_id_fkey" FOREIGN KEY ("schedule_id") REFERENCES "schedules" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- "Which of this schedule's jobs may not have finished?" (overlap)
CREATE INDEX "occurrences_open_idx" ON "occurrences" ("schedule_id") WHERE "job_open";
-- "What has had its day?" (prune)
CREATE INDEX "occurrences_recorded_at_idx" ON "occurrences" ("recorded_at");
