# Makes a standby of every pod but postgres-0, before its server starts: copies the primary once, and says to follow it.
# The copy appears whole or not at all, so a pod that ends in between begins anew.
set -eu
case "$POD" in *-0) exit 0 ;; esac
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  until pg_isready --quiet --host="$PRIMARY" --username="$POSTGRES_USER"; do
    echo "waiting for $PRIMARY"
    sleep 2
  done
  rm -rf "$PGDATA" "$PGDATA.copy"
  pg_basebackup --host="$PRIMARY" --username="$POSTGRES_USER" --pgdata="$PGDATA.copy" --wal-method=stream --checkpoint=fast
  touch "$PGDATA.copy/standby.signal"
  sync
  mv "$PGDATA.copy" "$PGDATA"
fi
