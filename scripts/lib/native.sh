# shellcheck shell=bash
# Native mode: the same three processes on the host, kept alive by supervisor.

supervisor_conf=$root/scripts/native/supervisord.conf
requirements_native=("$root"/services/{api,loader}/requirements.txt "$root/scripts/native/requirements.txt")

# native_state_dir: sockets and pid file. Socket paths are at most 107 bytes long, so that a data folder deep
# in the tree gets a folder in /tmp.
native_state_dir() {
  local dir=$ISTHMUS_DATA_DIR/var/run
  [ "${#dir}" -le 80 ] || dir=/tmp/isthmus-$(short_hash "$ISTHMUS_DATA_DIR")
  printf '%s' "$dir"
}

# as_services COMMAND...: as the services' user
as_services() { service_user; "${as_user[@]}" "$@"; }

# service_user: sets as_user, the words before a command that is to run as the services' user: with no capability of root,
# and with ways to what it reads where that lies below a folder of root's.
service_user() {
  as_user=()
  [ "$(id -u)" -eq 0 ] || return 0
  local places; mapfile -t places < <(native_places)
  as_user=("$root/scripts/native/with-ways" "${places[@]}" --)
  as_user+=(setpriv --reuid "$ISTHMUS_UID" --regid "$ISTHMUS_GID" --clear-groups --inh-caps=-all --no-new-privs)
  ! setpriv --bounding-set=-all true 2>/dev/null || as_user+=(--bounding-set=-all)
}

# native_places: the folders that the services read and write: the clone, its Python, the data and the passwords
native_places() {
  local place interpreter=$venv/bin/python
  [ -x "$interpreter" ] || interpreter=$python
  for place in "$root" "$venv" "$("$interpreter" -c 'import sys; print(sys.base_prefix)')" "$ISTHMUS_DATA_DIR" "$ISTHMUS_SECRETS_DIR"; do
    [ ! -d "$place" ] || printf '%s\n' "$(readlink -f -- "$place")" "$place"
  done | awk '!seen[$0]++'
}

check_native() {
  check_python
  check_space "$ISTHMUS_DATA_DIR" 1000 'the database'
  [ "$ISTHMUS_PORT" -ne 0 ] || die 'ISTHMUS_PORT=0 (a free port) works in bridge and container mode only'
  check_port "$ISTHMUS_PORT" "$ISTHMUS_BIND" ISTHMUS_PORT
  [ -z "$db_port_chosen" ] || check_port "$ISTHMUS_DB_HOST_PORT" 127.0.0.1 ISTHMUS_DB_HOST_PORT
  need_packages 'native mode' "${packages_native[@]}"
  as_services test -r "$root/services/postgis/entrypoint" \
    || die "user $ISTHMUS_UID, which the services run as, cannot read $root: chmod -R go+rX it, or move it, for example to /srv"
  as_services test -x "$ISTHMUS_DATA_DIR" \
    || die "user $ISTHMUS_UID, which the services run as, cannot enter $ISTHMUS_DATA_DIR"
}

# What the three processes share; supervisord.conf adds what differs.
export_native_settings() {
  state_dir=$(native_state_dir)
  export ISTHMUS_ROOT=$root ISTHMUS_STATE_DIR=$state_dir ISTHMUS_VENV=$venv ISTHMUS_LOG_DIR=$ISTHMUS_DATA_DIR/var/log
  export ISTHMUS_MODE=native ISTHMUS_LISTEN=$ISTHMUS_BIND:$ISTHMUS_PORT
  export PGDATA=$ISTHMUS_DATA_DIR/var/pg/17 PGPORT=5432 ISTHMUS_PG_LISTEN='' ISTHMUS_PG_SOCKET_DIR=$state_dir
  [ -z "$db_port_chosen" ] || export PGPORT=$ISTHMUS_DB_HOST_PORT ISTHMUS_PG_LISTEN=127.0.0.1
  export ISTHMUS_DB_HOST=$state_dir ISTHMUS_DB_PORT=$PGPORT ISTHMUS_DB_NAME=isthmus
  export ISTHMUS_OWNER_PASSWORD_FILE=$ISTHMUS_SECRETS_DIR/owner_password
  export ISTHMUS_READER_PASSWORD_FILE=$ISTHMUS_SECRETS_DIR/reader_password
  export PYTHONPATH=$root/services PYTHONUNBUFFERED=1 LANG=C.UTF-8
}

# native_digest: changes with the settings, the code and the packages, so that `up` restarts what is stale
native_digest() {
  {
    env | grep -E '^(ISTHMUS_|PG)' | sort
    cat -- "${requirements_native[@]}" "$supervisor_conf"
    find "$root/services" -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-16
}

native_up() {
  local digest
  export_native_settings
  need_venv native "${requirements_native[@]}"
  make_state_dir
  digest=$(native_digest)
  if [ -n "$(native_pid)" ] && [ "$(cat "$state_dir/digest" 2>/dev/null)" = "$digest" ]; then
    step 'looking whether it answers' wait_native || native_failed
    return
  fi
  native_down
  service_user
  setsid --fork "${as_user[@]}" "$venv/bin/python" -X "isthmus=$state_dir" -m supervisor.supervisord --configuration="$supervisor_conf" \
    >>"$ISTHMUS_LOG_DIR/supervisord.out" 2>&1 </dev/null
  step 'starting PostgreSQL, the API and the loader' wait_native || native_failed
  printf '%s' "$digest" >"$state_dir/digest"
  printf '%s' "$ISTHMUS_LISTEN" >"$state_dir/listen"
}

make_state_dir() {
  [ -d "$state_dir" ] || mkdir -m 0700 -- "$state_dir"
  own "$state_dir"
  [ "$(stat -c %u "$state_dir")" = "$ISTHMUS_UID" ] || [ -O "$state_dir" ] || die "$state_dir belongs to somebody else"
}

# wait_native: until the API reaches the database and the loader beats. Gives up after two minutes, or when
# a program does not stay up.
wait_native() {
  local started=$SECONDS why
  while ! why=$(native_answers 2>&1); do
    if [ $((SECONDS - started)) -gt 5 ] && [ -z "$(native_pid)" ]; then echo 'the supervisor ended'; return 1; fi
    if [ $((SECONDS - started)) -gt 30 ] && native_status | grep -E 'FATAL|BACKOFF'; then return 1; fi
    if [ $((SECONDS - started)) -gt 120 ]; then printf 'no answer after 120 s: %s\n' "$why"; return 1; fi
    sleep 0.3
  done
}

native_answers() {
  python3 -I "$root/services/api/server/healthcheck.py" "$ISTHMUS_LISTEN" /health/ready && native_cli watch --check
}

native_status() { "$venv/bin/python" -m supervisor.supervisorctl --configuration="$supervisor_conf" status 2>&1 || true; }

# native_cli ARGUMENT...: the command line as the services' user, with the owner's rights on the database
native_cli() {
  export ISTHMUS_DB_USER=isthmus_owner ISTHMUS_DB_PASSWORD_FILE=$ISTHMUS_OWNER_PASSWORD_FILE
  as_services "$venv/bin/python" -m cli "$@"
}

native_failed() {
  local name file
  native_status | sed 's/^/    /' >&2
  for name in supervisord.out postgis.log api.log loader.log; do
    file=$ISTHMUS_LOG_DIR/$name
    [ -s "$file" ] || continue
    warn "last lines of $file:"
    tail -n 10 "$file" | sed 's/^/    /' >&2
  done
  native_down
  die 'native mode did not start; everything was stopped again, the data is kept'
}

# native_pid: of the supervisor of this data folder, when it runs
native_pid() {
  local dir pid; dir=$(native_state_dir)
  pid=$(cat "$dir/supervisord.pid" 2>/dev/null) || return 0
  if is_native_process "$pid" "$dir"; then printf '%s\n' "$pid"; fi
}

# is_native_process PID STATE_DIR: by an argument that only this folder's processes have (`python -X isthmus=DIR`,
# `postgres -D DIR`), never by name; the command line is readable where the environment is not
is_native_process() {
  grep -qzxF -e "isthmus=$2" -e "$ISTHMUS_DATA_DIR/var/pg/17" "/proc/$1/cmdline" 2>/dev/null
}

# native_processes: ids of every process of this data folder, the supervisor and what it left behind
native_processes() {
  local dir process; dir=$(native_state_dir)
  for process in /proc/[0-9]*; do
    process=${process#/proc/}
    [ "$process" = "$$" ] || [ "$process" = "$BASHPID" ] || ! is_native_process "$process" "$dir" || printf '%s\n' "$process"
  done
}

# native_down: by process id. The supervisor stops its programs; what is left after a kill -9 of the
# supervisor is asked next (SIGINT: PostgreSQL's fast shutdown), and killed after 30 s.
native_down() {
  local pid; pid=$(native_pid)
  if [ -n "$pid" ]; then
    kill -TERM "$pid"
    wait_until_ended 90 "$pid" || warn "the supervisor (process $pid) does not end"
  fi
  mapfile -t left < <(native_processes)
  [ "${#left[@]}" -gt 0 ] || return 0
  kill -INT "${left[@]}" 2>/dev/null || true
  wait_until_ended 30 "${left[@]}" || kill -KILL "${left[@]}" 2>/dev/null || true
}

# wait_until_ended SECONDS PID...
wait_until_ended() {
  local deadline=$((SECONDS + $1)) pid; shift
  for pid in "$@"; do
    while [ -d "/proc/$pid" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null; do
      [ "$SECONDS" -lt "$deadline" ] || return 1
      sleep 0.1
    done
  done
}
