-- Something that is done to all jobs that fit a filter, batch by batch, by whichever store holds the lease.
CREATE TABLE "bulk_operations" (
  "id" UUID NOT NULL,
  "action" TEXT NOT NULL,
  "request" JSONB NOT NULL,
  "filter" JSONB NOT NULL,
  "state" TEXT NOT NULL DEFAULT 'running',
  "requested_by" UUID,
  "requester" TEXT,
  "oldest" UUID,
  "cursor" UUID NOT NULL,
  "held" UUID[],
  "matched" INTEGER NOT NULL DEFAULT 0,
  "done" INTEGER NOT NULL DEFAULT 0,
  "skipped" JSONB NOT NULL DEFAULT '{}',
  "runner" UUID,
  "lease_until" TIMESTAMPTZ(3),
  "error" TEXT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "started_at" TIMESTAMPTZ(3),
  "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "finished_at" TIMESTAMPTZ(3),

  CONSTRAINT "bulk_operations_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "bulk_operations_action_check" CHECK ("action" IN ('cancel', 'retry', 'delete', 'reprioritise')),
  CONSTRAINT "bulk_operations_state_check" CHECK ("state" IN ('running', 'done', 'cancelled', 'failed')),
  CONSTRAINT "bulk_operations_finished_check" CHECK (("state" = 'running') = ("finished_at" IS NULL))
) WITH (fillfactor = 50);

-- "What is there to do, and whose turn is it?"
CREATE INDEX "bulk_operations_running_idx" ON "bulk_operations" ("updated_at") WHERE "finished_at" IS NULL;
