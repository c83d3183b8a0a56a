# shellcheck shell=bash
# The Docker engine: whether it answers, how to install and start it, and compose for this project.

# engine_answers: asked once per run of a script
engine_answers() {
  if [ -z "${engine_state:-}" ]; then
    engine_state=no
    if command -v docker >/dev/null && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then engine_state=yes; fi
  fi
  [ "$engine_state" = yes ]
}

need_engine() {
  engine_answers || die "mode $1 needs Docker, and no engine answers: ./scripts/up $1 --install-docker installs and starts it; ./scripts/up native needs none"
  docker compose version >/dev/null 2>&1 || need_packages "mode $1" docker-compose
  docker buildx version >/dev/null 2>&1 || need_packages "mode $1" docker-buildx
}

install_docker() {
  if engine_answers; then say 'a Docker engine answers already'; return; fi
  command -v dockerd >/dev/null || need_packages 'Docker' "${packages_docker[@]}"
  [ "$(id -u)" -eq 0 ] || die 'starting Docker needs root: sudo systemctl start docker'
  need_packages 'Docker' "${packages_docker[@]}"
  step 'starting the Docker engine' start_engine || die 'the Docker engine did not start'
  engine_state=''
  engine_answers || die 'the Docker engine was started but does not answer'
}

# drop_stale_pid NAME FILE: an engine that was killed leaves its number behind, which another process may have by now
drop_stale_pid() {
  local pid; pid=$(cat -- "$2" 2>/dev/null) || return 0
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] || rm -f -- "$2"
}

start_engine() {
  local log=/var/log/isthmus-dockerd.log try
  if [ -d /run/systemd/system ]; then
    systemctl start docker
  else
    drop_stale_pid dockerd /var/run/docker.pid
    drop_stale_pid containerd /var/run/docker/containerd/containerd.pid
    setsid --fork dockerd >>"$log" 2>&1 </dev/null 9>&-
  fi
  for try in $(seq 60); do
    if docker version --format '{{.Server.Version}}' 2>/dev/null; then return 0; fi
    sleep 0.5
  done
  printf 'no answer after %s tries\n' "$try"; tail -n 20 "$log" 2>/dev/null
  return 1
}

# compose ARGUMENT...: always this project, always from the clone's root
compose() { (cd -- "$root" && docker compose -p "$ISTHMUS_PROJECT" "$@"); }

# compose_mode: the mode whose containers run (or stopped) in this project; nothing when there are none
compose_mode() {
  engine_answers || return 0
  docker ps -a --filter "label=com.docker.compose.project=$ISTHMUS_PROJECT" --format '{{.Label "isthmus.mode"}}' | sort -u | head -n 1
}

# claim_project: the name is ours, or free, or the user is told. Without ISTHMUS_PROJECT another name is
# taken and remembered in the data folder when `isthmus` already belongs to another one.
claim_project() {
  local owner; owner=$(project_owner)
  if [ -n "$owner" ] && [ "$owner" != "$ISTHMUS_DATA_DIR" ]; then
    [ -z "$project_chosen" ] || die "project $ISTHMUS_PROJECT belongs to the data folder $owner: choose another ISTHMUS_PROJECT, or end that one with ISTHMUS_DATA_DIR=$owner ./scripts/down --volumes"
    say "project $ISTHMUS_PROJECT belongs to the data folder $owner; this one is isthmus-$(short_hash "$ISTHMUS_DATA_DIR")"
    ISTHMUS_PROJECT=isthmus-$(short_hash "$ISTHMUS_DATA_DIR")
  fi
}

remember_project() { [ -n "$project_chosen" ] || printf '%s\n' "$ISTHMUS_PROJECT" >"$ISTHMUS_DATA_DIR/var/project"; }

# project_owner: the data folder of this project's volume or of its containers; nothing when there are none
project_owner() {
  local owner
  owner=$(docker volume inspect -f '{{index .Labels "isthmus.data"}}' "${ISTHMUS_PROJECT}_pgdata" 2>/dev/null || true)
  [ -n "$owner" ] || owner=$(docker ps -a --filter "label=com.docker.compose.project=$ISTHMUS_PROJECT" --format '{{.Label "isthmus.data"}}' | head -n 1)
  printf '%s' "$owner"
}
