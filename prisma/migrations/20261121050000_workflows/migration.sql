-- Jobs that were created together, some of them waiting for others.
CREATE TABLE "workflows" (
  "id" UUID NOT NULL,
  "name" TEXT,
  "job_count" INTEGER NOT NULL,
  "counts" JSONB,
  "version" INTEGER NOT NULL DEFAULT 1,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "cancel_requested_at" TIMESTAMPTZ(3),
  "finished_at" TIMESTAMPTZ(3),

  CONSTRAINT "workflows_pkey" PRIMARY KEY ("id"),
  -- What has become of it is written down once, when all of its jobs have ended.
  CONSTRAINT "workflows_finished_check" CHECK (("finished_at" IS NOT NULL) = ("counts" IS NOT NULL))
);

-- "Which are not over?" (keeper)
CREATE INDEX "workflows_open_idx" ON "workflows" ("id") WHERE "finished_at" IS NULL;

-- An edge of a workflow. It is told of its parent's end once, by whoever ends the parent.
CREATE TABLE "job_dependencies" (
  "parent_id" UUID NOT NULL,
  "child_id" UUID NOT NULL,
  "on_failure" TEXT NOT NULL,
  "state" TEXT NOT NULL DEFAULT 'pending',

  CONSTRAINT "job_dependencies_pkey" PRIMARY KEY ("parent_id", "child_id"),
  CONSTRAINT "job_dependencies_on_failure_check" CHECK ("on_failure" IN ('cancel', 'run', 'hold')),
  CONSTRAINT "job_dependencies_state_check" CHECK ("state" IN ('pending', 'met', 'failed', 'waived'))
) WITH (fillfactor = 70);

-- "What does this job depend on?"
CREATE INDEX "job_dependencies_child_id_idx" ON "job_dependencies" ("child_id");

-- Null in jobs that belong to no workflow, so that those pay nothing.
ALTER TABLE "jobs"
  ADD COLUMN "workflow_id" UUID,
  ADD COLUMN "waits_for" INTEGER,
  ADD COLUMN "awaited" BOOLEAN,
  ADD COLUMN "unfinished_workflow" UUID GENERATED ALWAYS AS (CASE WHEN "finished_at" IS NULL THEN "workflow_id" END) STORED,
  ADD COLUMN "unsettled_since" TIMESTAMPTZ(3) GENERATED ALWAYS AS (CASE WHEN "awaited" THEN "finished_at" END) STORED,
  ADD CONSTRAINT "jobs_waits_for_check" CHECK ("waits_for" >= 0);

-- "Which jobs has this workflow?"
CREATE INDEX "jobs_workflow_idx" ON "jobs" ("workflow_id", "id") WHERE "workflow_id" IS NOT NULL;
-- "Which of them have not ended?" A start leaves the column as it is, so it stays a HOT update.
CREATE INDEX "jobs_unfinished_workflow_idx" ON "jobs" ("unfinished_workflow") WHERE "unfinished_workflow" IS NOT NULL;
-- "Which have ended without those being told that wait for them?" (keeper)
CREATE INDEX "jobs_unsettled_idx" ON "jobs" ("unsettled_since") WHERE "unsettled_since" IS NOT NULL;

-- The attempt that a retried workflow had cancelled is history too.
ALTER TABLE "job_attempts"
  DROP CONSTRAINT "job_attempts_outcome_check",
  ADD CONSTRAINT "job_attempts_outcome_check" CHECK ("outcome" IN ('failed', 'timed_out', 'lost', 'cancelled'));
