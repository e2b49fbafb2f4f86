-- What workers outside have come for lately, so that a job can say whether anybody asks for it. Not logged: after a crash of
-- Postgres they come again.
CREATE UNLOGGED TABLE "worker_polls" (
  -- Hash of the types and queues, which may be too long for an index.
  "id" TEXT NOT NULL,
  "types" TEXT[],
  -- Empty is all.
  "queues" TEXT[],
  -- Until when they count as asking.
  "until" TIMESTAMPTZ(3) NOT NULL,

  CONSTRAINT "worker_polls_pkey" PRIMARY KEY ("id")
) WITH (fillfactor = 50);
