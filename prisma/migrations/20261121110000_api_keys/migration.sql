-- Keys of the API, and who changed what. A key itself is not kept, only its SHA-256. Revoked keys stay: the log names them.
CREATE TABLE "api_keys" (
  "id" UUID NOT NULL,
  "name" TEXT NOT NULL,
  "digest" BYTEA NOT NULL,
  "scopes" TEXT[],
  "queues" TEXT[],
  "rate_requests" INTEGER,
  "rate_window_s" INTEGER,
  "from_environment" BOOLEAN NOT NULL DEFAULT false,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "expires_at" TIMESTAMPTZ(3),
  "revoked_at" TIMESTAMPTZ(3),
  "last_used_at" TIMESTAMPTZ(3),

  CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "api_keys_digest_check" CHECK (octet_length("digest") = 32),
  CONSTRAINT "api_keys_scopes_check" CHECK ("scopes" IS NOT NULL AND "queues" IS NOT NULL AND cardinality("scopes") > 0),
  CONSTRAINT "api_keys_rate_check" CHECK (("rate_requests" IS NULL) = ("rate_window_s" IS NULL))
);

CREATE UNIQUE INDEX "api_keys_digest_key" ON "api_keys" ("digest");

-- Ids are UUIDv7: newest first, and pruning, go by the primary key.
CREATE TABLE "audit_log" (
  "id" UUID NOT NULL,
  "at" TIMESTAMPTZ(3) NOT NULL,
  "key_id" UUID,
  "who" TEXT NOT NULL,
  "address" TEXT NOT NULL,
  "action" TEXT NOT NULL,
  "target" TEXT NOT NULL,
  "outcome" TEXT NOT NULL,
  "details" JSONB,

  CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);

-- The key that submitted a job. Null costs nothing: rows have a null bitmap anyway.
ALTER TABLE "jobs" ADD COLUMN "created_by" UUID;
