-- What happened to jobs, for those who listen. Recorded only while somebody does, kept for minutes, and not logged: after a
-- crash of Postgres it is empty, which listeners are told.
CREATE UNLOGGED TABLE "job_events" (
  "seq" BIGSERIAL NOT NULL,
  -- The transaction that made the change. Readers go by what they can see, not by seq alone: commits come in any order.
  "xid" BIGINT NOT NULL,
  "job_id" UUID NOT NULL,
  "type" TEXT NOT NULL,
  "queue" TEXT NOT NULL,
  "workflow_id" UUID,
  "change" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "attempt" INTEGER NOT NULL,
  "delivery" INTEGER NOT NULL,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

  CONSTRAINT "job_events_pkey" PRIMARY KEY ("xid", "seq"),
  CONSTRAINT "job_events_change_check" CHECK ("change" IN ('state', 'cancel-requested', 'deleted'))
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1, autovacuum_analyze_scale_factor = 0.2);

-- Whether events are wanted: one row, looked up once by each statement that changes jobs.
CREATE UNLOGGED TABLE "event_demand" (
  "one_row" BOOLEAN NOT NULL DEFAULT true,
  -- Which uninterrupted stretch of recording this is. An event id of another one cannot be gone on from.
  "generation" BIGINT NOT NULL,
  -- The transaction that began it.
  "opened" BIGINT NOT NULL,
  -- Every statement that may have begun before it has ended: from here on nothing is missing.
  "complete" BOOLEAN NOT NULL DEFAULT false,
  "until" TIMESTAMPTZ(3) NOT NULL,
  -- Whether those who write wake those who read. Under load readers look for themselves.
  "hinting" BOOLEAN NOT NULL DEFAULT true,
  -- Of transactions before this one, events have been deleted.
  "pruned_below" BIGINT NOT NULL DEFAULT 0,

  CONSTRAINT "event_demand_pkey" PRIMARY KEY ("one_row"),
  CONSTRAINT "event_demand_one_row_check" CHECK ("one_row")
) WITH (fillfactor = 10);

-- What running attempts have written so far, of those jobs alone whose output somebody follows.
CREATE UNLOGGED TABLE "live_outputs" (
  "job_id" UUID NOT NULL,
  "delivery" INTEGER NOT NULL,
  "seq" INTEGER NOT NULL,
  "stream" TEXT NOT NULL,
  -- Bytes that the attempt wrote to this stream before these.
  "position" BIGINT NOT NULL,
  "bytes" BYTEA NOT NULL,
  -- The attempt writes nothing more.
  "final" BOOLEAN NOT NULL DEFAULT false,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

  CONSTRAINT "live_outputs_pkey" PRIMARY KEY ("job_id", "delivery", "seq"),
  CONSTRAINT "live_outputs_stream_check" CHECK ("stream" IN ('out', 'err'))
);

-- "What has had its day?" (prune)
CREATE INDEX "live_outputs_at_idx" ON "live_outputs" ("at");
