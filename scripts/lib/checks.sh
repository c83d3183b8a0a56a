# shellcheck shell=bash
# Checks that come before anything is started.

# check_space FOLDER MIB WHAT. A folder that is not here (of an engine on another machine) cannot be measured.
check_space() {
  local free_mib
  [ -e "$1" ] || return 0
  free_mib=$(df --block-size=1M --output=avail -- "$1" | awk 'NR == 2 {print $1}')
  [ "$free_mib" -ge "$2" ] || die "no space: $1 has $free_mib MiB free, $3 needs $2 MiB"
}

# check_socket PATH: a client could not connect to a longer one
check_socket() {
  local length; length=$(printf '%s' "$1" | wc -c)
  [ "$length" -le 107 ] || die "the socket's path $1 has $length bytes, and 107 is the most: choose a shorter ISTHMUS_RUN_DIR, for example ISTHMUS_RUN_DIR=/run/isthmus"
}

# check_port PORT ADDRESS VARIABLE: free, or held by this very stack
check_port() {
  local port=$1 address=$2 variable=$3 other=$(($1 < 65535 ? $1 + 1 : $1 - 1)) answer status=0 pid name
  [ "$port" -ne 0 ] || return 0
  answer=$(python3 "$root/scripts/lib/port_owner.py" "$address" "$port") || status=$?
  case $status in
    0) return 0 ;;
    1) read -r pid name <<<"$answer" ;;
    *) die "cannot listen on $address port $port ($answer): change ISTHMUS_BIND or $variable" ;;
  esac
  ! port_is_ours "$port" "$pid" || return 0
  [ "$pid" != 0 ] && name="$name, process $pid" || name='a process of another user'
  die "port $port is taken (by $name): stop it, or choose another one, for example $variable=$other ./scripts/up"
}

# port_is_ours PORT PID: PID (0 when it cannot be seen) is a child of this stack's processes, or native mode runs
# with this address, or a container of this project publishes it
port_is_ours() {
  local pid=$2 ours
  ours=$(our_processes)
  while [ "$pid" -gt 1 ]; do
    [[ " $ours " != *" $pid "* ]] || return 0
    pid=$(awk '/^PPid:/ {print $2}' "/proc/$pid/status" 2>/dev/null || printf 0)
  done
  if [ -n "$(native_pid)" ] && [ "$(cat "$(native_state_dir)/listen" 2>/dev/null)" = "$ISTHMUS_BIND:$1" ]; then return; fi
  engine_answers && [ -n "$(docker ps -q --filter "publish=$1" --filter "label=com.docker.compose.project=$ISTHMUS_PROJECT")" ]
}

# our_processes: ids of the native supervisor and of the first process of each of this project's containers
our_processes() {
  local ids
  {
    native_pid || true
    if engine_answers; then
      mapfile -t ids < <(docker ps -q --filter "label=com.docker.compose.project=$ISTHMUS_PROJECT")
      [ "${#ids[@]}" -eq 0 ] || docker inspect -f '{{.State.Pid}}' "${ids[@]}"
    fi
  } | tr '\n' ' '
}
