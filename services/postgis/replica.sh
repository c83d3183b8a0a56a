# shellcheck shell=bash
# Part of the entrypoint: servers that follow a primary, and what a primary needs for it. Only the swarm uses it.
#
# A replica is a copy of its primary that goes on applying its log. Its slot keeps the log that it has not seen yet, up
# to $keep_log; a replica that was away for longer, or whose primary is another one now, is copied anew.

slot=${ISTHMUS_PG_SLOT:-replica_1}
keep_log=4000MB                         # of ISTHMUS_PG_WAL_MB; beyond it the slot is given up: the disk comes first
wait_s=600                              # for a primary to copy; then the restart policy tries again

is_replica() { [ -n "${ISTHMUS_PG_PRIMARY:-}" ]; }

allows_replicas() { [ -n "${ISTHMUS_REPLICATION_PASSWORD_FILE:-}" ]; }

check_replica_settings() {
  check_password_file ISTHMUS_REPLICATION_PASSWORD_FILE
  [[ $slot =~ ^[a-z0-9_]{1,63}$ ]] || die 78 "ISTHMUS_PG_SLOT must be small letters, digits and _, not '$slot'"
}

let_replicas_follow() {
  hba_file=$here/pg_hba_replication.conf
  arguments+=(-c max_slot_wal_keep_size="$keep_log")
}

# libpq reads the password from a file of this user's own, for as long as the server runs. PostgreSQL's own receiver of
# the log heeds no connect_timeout: a SYN to a primary that is gone without a word would go out for two minutes, and a
# swarm kills who does not follow for half a minute. tcp_user_timeout ends that, and waiting for what was sent.
write_passfile() {
  passfile=$socket_dir/replication.pass
  rm -f -- "$passfile"
  (umask 077 && sed 's/[\\:]/\\&/g; s/^/*:*:*:isthmus_replication:/' "$ISTHMUS_REPLICATION_PASSWORD_FILE" >"$passfile")
  primary="host=$ISTHMUS_PG_PRIMARY port=5432 user=isthmus_replication passfile=$passfile connect_timeout=5 tcp_user_timeout=5000"
  primary+=" keepalives_idle=10 keepalives_interval=5 keepalives_count=3 application_name=$slot"
}

# ask_primary COMMAND: of the replication protocol; the answer's columns with | between them
ask_primary() { "$bin/psql" --no-psqlrc -Atq --dbname="$primary replication=true" --command="$1" 2>"$private_dir/primary.log"; }

wait_for_primary() {
  local deadline=$((SECONDS + wait_s))
  until ask_primary IDENTIFY_SYSTEM >/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || die 69 "no primary to copy: $(head -n 1 "$private_dir/primary.log")"
    sleep 1
  done
}

# has_slot: the primary still keeps the log that this replica needs. A slot that was given up has no place in the log.
has_slot() { [[ $(ask_primary "READ_REPLICATION_SLOT $slot") == physical\|*/* ]]; }

make_slot() {
  ! has_slot || return 0
  ask_primary "DROP_REPLICATION_SLOT $slot WAIT" >/dev/null || true      # given up, or not there
  ask_primary "CREATE_REPLICATION_SLOT $slot PHYSICAL RESERVE_WAL" >/dev/null \
    || die 74 "the primary gave no slot: $(head -n 1 "$private_dir/primary.log")"
}

# copy_primary: aside, and renamed when it is whole
copy_primary() {
  local fresh=$PGDATA.new
  rm -rf -- "$fresh"
  make_slot
  say "copying the primary $ISTHMUS_PG_PRIMARY"
  "$bin/pg_basebackup" --dbname="$primary" --pgdata="$fresh" --slot="$slot" --checkpoint=fast >"$private_dir/copy.log" 2>&1 \
    || { cat "$private_dir/copy.log" >&2; die 74 "the primary $ISTHMUS_PG_PRIMARY could not be copied"; }
  : >"$fresh/standby.signal"
  [ ! -d "$PGDATA" ] || rm -rf --one-file-system -- "$PGDATA"
  put_in_place "$fresh"
}

system_of_copy() { LC_ALL=C "$bin/pg_controldata" -D "$PGDATA" | sed -n 's/^Database system identifier: *//p'; }

# is_copy_or_empty: a cluster that is no copy is never replaced by one, whatever the primary says
is_copy_or_empty() { [ ! -s "$PGDATA/PG_VERSION" ] || [ -e "$PGDATA/standby.signal" ]; }

# must_copy: there is no copy, or the primary says that this one cannot follow it. Without an answer it is kept: an
# old copy that serves is better than none.
must_copy() {
  local system
  [ -s "$PGDATA/PG_VERSION" ] || return 0
  system=$(ask_primary IDENTIFY_SYSTEM) || { say "no answer from $ISTHMUS_PG_PRIMARY: serving the copy that is here"; return 1; }
  [ "${system%%|*}" = "$(system_of_copy)" ] || { say 'the primary is another database now'; return 0; }
  has_slot || { say "the primary no longer keeps the log that this replica needs"; return 0; }
  return 1
}

become_replica() {
  is_copy_or_empty || die 78 "$PGDATA is no replica's: unset ISTHMUS_PG_PRIMARY, or delete its volume"
  write_passfile
  if must_copy; then
    wait_for_primary
    copy_primary
  fi
  check_cluster
  drop_stale_pid_file
  arguments+=(-c primary_conninfo="$primary" -c primary_slot_name="$slot")
  arguments+=(-c hot_standby_feedback=on -c wal_receiver_status_interval=1s -c wal_receiver_timeout=10s)
  arguments+=(-c wal_retrieve_retry_interval=1s)
}
