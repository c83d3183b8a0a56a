# shellcheck shell=bash
# Commands in the background of a script: their output is kept until they end, and Ctrl-C ends them too.

declare -A job_pid=() job_signal=() job_started=()
job_folder=''

# start_job NAME SIGNAL COMMAND...: in the background, in a process group of its own. SIGNAL stops it (INT, TERM).
start_job() {
  local name=$1 signal=$2; shift 2
  [ -n "$job_folder" ] || { job_folder=$(mktemp -d -t isthmus-jobs.XXXXXX); trap 'stop_jobs; exit 130' INT TERM; trap stop_jobs EXIT; }
  job_signal[$name]=$signal job_started[$name]=$SECONDS
  set -m          # else bash makes it deaf to Ctrl-C's signal, and with it whatever it starts
  "$@" >"$job_folder/$name" 2>&1 </dev/null &
  job_pid[$name]=$!
  set +m
}

# end_job NAME: waits for a job, prints all that it wrote, and returns its status
end_job() {
  local name=$1 status=0
  wait "${job_pid[$name]}" || status=$?
  unset "job_pid[$name]"
  printf '\n===== %s: what it wrote in the background, in %d s =====\n' "$name" $((SECONDS - job_started[$name]))
  cat -- "$job_folder/$name"
  return "$status"
}

# stop_jobs: all that still run, by their process groups; waits, so that they can take down what they started
stop_jobs() {
  local name
  for name in "${!job_pid[@]}"; do kill -"${job_signal[$name]}" -- "-${job_pid[$name]}" 2>/dev/null || true; done
  for name in "${!job_pid[@]}"; do
    wait "${job_pid[$name]}" 2>/dev/null || true
    kill -TERM -- "-${job_pid[$name]}" 2>/dev/null || true   # what was deaf to the signal
  done
  job_pid=()
  [ -z "$job_folder" ] || rm -rf -- "$job_folder"
  job_folder=''
}
