# shellcheck shell=bash
# What scripts tell people: progress on standard output, trouble as one line on standard error.

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${script_name:-isthmus}" "$*" >&2; }

# die MESSAGE [CODE]: one line on standard error, then exit
die() { warn "$1"; exit "${2:-1}"; }

# step TEXT COMMAND...: runs a command with its output in $log_file; prints how long it took, a sign of
# life every ten seconds, and the last lines of the output when it fails. Without $log_file a log of its own
# is kept only when the command failed. Returns the command's status.
step() {
  local text=$1 started=$SECONDS pid status=0 from own_log=''; shift
  if [ -z "${log_file:-}" ]; then own_log=$(mktemp -t isthmus-log.XXXXXX); local log_file=$own_log; fi
  from=$(wc -c 2>/dev/null <"$log_file" || printf 0)
  printf '%s ...\n' "$text"
  "$@" >>"$log_file" 2>&1 </dev/null &
  pid=$!
  while sleep 0.2 && kill -0 "$pid" 2>/dev/null; do
    if (( SECONDS - started > 0 && (SECONDS - started) % 10 == 0 )); then
      printf '  still at it (%d s)\n' $((SECONDS - started)); sleep 1
    fi
  done
  wait "$pid" || status=$?
  if [ "$status" -ne 0 ]; then
    tail -c "+$((from + 1))" "$log_file" | tail -n 25 >&2
    warn "failed after $((SECONDS - started)) s: $text (the whole log is in $log_file)"
  elif (( SECONDS - started > 2 )); then
    printf '  done (%d s)\n' $((SECONDS - started))
  fi
  if [ "$status" -eq 0 ] && [ -n "$own_log" ]; then rm -f -- "$own_log"; fi
  return "$status"
}
