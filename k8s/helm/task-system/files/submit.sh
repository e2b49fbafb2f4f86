# Submits the tasks of the Job $1, in the file $2, and follows them to their end. Repeated by the same Job it finds those that
# are there already. Ends well when all of them have succeeded.
set -eu
id=$(triumvir workflow submit -f "$2" --idempotency-key "$1-${JOB_UID:?}")
echo "$1 has submitted:"
triumvir workflow get "$id"
triumvir workflow wait "$id"
