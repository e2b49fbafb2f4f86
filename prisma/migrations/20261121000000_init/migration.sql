-- One unit of work and where it stands.
CREATE TABLE "jobs" (
  "id" UUID NOT NULL,
  "name" TEXT,
  "type" TEXT NOT NULL,
  "queue" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "priority" SMALLINT NOT NULL,
  "run_at" TIMESTAMPTZ(3) NOT NULL,
  "delivery" INTEGER NOT NULL DEFAULT 0,
  "attempt" INTEGER NOT NULL DEFAULT 0,
  "max_attempts" INTEGER NOT NULL,
  "timeout_ms" BIGINT NOT NULL,
  "retry" JSONB,
  "payload" JSONB NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "queued_at" TIMESTAMPTZ(3),
  "started_at" TIMESTAMPTZ(3),
  "finished_at" TIMESTAMPTZ(3),
  "executor_id" UUID,
  "deadline" TIMESTAMPTZ(3),
  "cancel_requested_at" TIMESTAMPTZ(3),
  "result" JSONB,
  "error" JSONB,

  CONSTRAINT "jobs_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "jobs_state_check" CHECK ("state" IN
    ('blocked', 'scheduled', 'queued', 'running', 'succeeded', 'dead', 'cancelled', 'expired')),
  CONSTRAINT "jobs_priority_check" CHECK ("priority" BETWEEN 0 AND 9),
  CONSTRAINT "jobs_attempt_check" CHECK ("attempt" BETWEEN 0 AND "max_attempts"),
  -- A running job belongs to somebody, and its time is bounded.
  CONSTRAINT "jobs_running_check" CHECK ("state" <> 'running' OR ("executor_id" IS NOT NULL AND "deadline" IS NOT NULL)),
  CONSTRAINT "jobs_finished_check" CHECK (("state" IN ('succeeded', 'dead', 'cancelled', 'expired')) = ("finished_at" IS NOT NULL))
) WITH (
  -- A row is copied by each change of state: larger payloads live beside it, and dead copies are cleared early.
  toast_tuple_target = 256,
  fillfactor = 85,
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.02,
  autovacuum_vacuum_cost_delay = 1
);

-- Each index serves one question and holds only the rows that question is about.
-- "What is due in this queue, most urgent first?" (claim, and the next due time)
CREATE INDEX "jobs_claim_idx" ON "jobs" ("queue", "priority", "run_at", "id") WHERE "state" = 'scheduled';
-- "How much has been handed over, and since when?" (depth of a queue, sweep)
CREATE INDEX "jobs_queued_idx" ON "jobs" ("queue", "queued_at") WHERE "state" = 'queued';
-- "What does this executor hold?" (reclaim, cancel)
CREATE INDEX "jobs_running_idx" ON "jobs" ("executor_id") WHERE "state" = 'running';
-- "What is in the dead-letter queue?"
CREATE INDEX "jobs_dead_idx" ON "jobs" ("id") WHERE "state" = 'dead';

CREATE TABLE "job_attempts" (
  "job_id" UUID NOT NULL,
  "attempt" INTEGER NOT NULL,
  "outcome" TEXT NOT NULL,
  "executor_id" UUID,
  "started_at" TIMESTAMPTZ(3),
  "finished_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "error" JSONB,

  CONSTRAINT "job_attempts_pkey" PRIMARY KEY ("job_id", "attempt"),
  CONSTRAINT "job_attempts_outcome_check" CHECK ("outcome" IN ('failed', 'timed_out', 'lost')),
  CONSTRAINT "job_attempts_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "jobs" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "job_outputs" (
  "job_id" UUID NOT NULL,
  "attempt" INTEGER NOT NULL,
  "seq" INTEGER NOT NULL,
  "stream" TEXT NOT NULL,
  "text" TEXT NOT NULL,
  "omitted_bytes" BIGINT NOT NULL DEFAULT 0,

  CONSTRAINT "job_outputs_pkey" PRIMARY KEY ("job_id", "attempt", "seq"),
  CONSTRAINT "job_outputs_stream_check" CHECK ("stream" IN ('out', 'err')),
  CONSTRAINT "job_outputs_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "jobs" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "leader_epochs" (
  "election" TEXT NOT NULL,
  "epoch" BIGINT NOT NULL,
  "czxid" BIGINT NOT NULL,
  "holder" TEXT NOT NULL,
  "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

  CONSTRAINT "leader_epochs_pkey" PRIMARY KEY ("election"),
  CONSTRAINT "leader_epochs_epoch_check" CHECK ("epoch" > 0)
);

CREATE TABLE "executors" (
  "id" UUID NOT NULL,
  "instance" TEXT NOT NULL,
  "host" TEXT NOT NULL,
  "pid" INTEGER NOT NULL,
  "slots" INTEGER NOT NULL,
  "queues" TEXT[],
  "types" TEXT[],
  "mean_ms" JSONB NOT NULL DEFAULT '{}',
  "draining" BOOLEAN NOT NULL DEFAULT false,
  "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "lease_until" TIMESTAMPTZ(3) NOT NULL,

  CONSTRAINT "executors_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "executors_slots_check" CHECK ("slots" > 0)
) WITH (fillfactor = 50);

CREATE TABLE "queues" (
  "name" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

  CONSTRAINT "queues_pkey" PRIMARY KEY ("name")
);

CREATE TABLE "job_types" (
  "type" TEXT NOT NULL,
  "payload_schema" JSONB NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

  CONSTRAINT "job_types_pkey" PRIMARY KEY ("type")
);
