# The work of one test job. What it did is written to the ledger by the job itself, and is on the disk before it goes on:
# evidence that does not depend on what the services say. Needs LEDGER, JOB_ID and JOB_ATTEMPT.
# $1: seconds of work. $2: attempts up to this one fail.
record() {
  printf '{"job":"%s","attempt":%s,"pid":%s,%s}\n' "$JOB_ID" "$JOB_ATTEMPT" "$$" "$1" |
    dd of="$LEDGER" oflag=append conv=notrunc,fsync status=none || exit 9
}
record "\"start\":$(date +%s%3N)"
sleep "$1"
if [ "$JOB_ATTEMPT" -le "$2" ]; then
  record "\"end\":$(date +%s%3N),\"exit\":1"
  exit 1
fi
record "\"end\":$(date +%s%3N),\"exit\":0"
