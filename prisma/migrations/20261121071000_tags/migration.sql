-- Words to find jobs by. Null for jobs without any, which the index does not hold.
ALTER TABLE "jobs" ADD COLUMN "tags" TEXT[];

-- "Which jobs have these tags?" (list)
CREATE INDEX "jobs_tags_idx" ON "jobs" USING gin ("tags") WHERE "tags" IS NOT NULL;
