-- Who drains a queue: all executors that share it, or its elected leader alone and in strict order.
ALTER TABLE "queues"
  ADD COLUMN "drain" TEXT NOT NULL DEFAULT 'shared',
  -- The job whose turn it is: nobody overtakes it until it has ended.
  ADD COLUMN "turn_of" UUID,
  ADD CONSTRAINT "queues_drain_check" CHECK ("drain" IN ('shared', 'leader')),
  -- One job at a time leaves nothing for these to limit.
  ADD CONSTRAINT "queues_drain_alone_check" CHECK ("drain" = 'shared' OR ("concurrency" IS NULL AND "rate_limit" IS NULL));
