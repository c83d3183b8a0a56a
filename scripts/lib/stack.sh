# shellcheck shell=bash
# The stack in containers: one mode up, every mode down.

# service NAME MODE: the compose service of that mode (`api` in bridge, `api-host`, ...)
service() { if [ "$2" = bridge ]; then printf '%s' "$1"; else printf '%s-%s' "$1" "$2"; fi; }

# check_stack MODE: what can be known to fail before anything is started
check_stack() {
  local mode=$1
  need_engine "$mode"
  claim_project
  check_space "$ISTHMUS_DATA_DIR" 300 'the data folder'
  check_space "$(docker info -f '{{.DockerRootDir}}')" 1000 'the database'
  case $mode in
    bridge|container) check_port "$ISTHMUS_PORT" "$ISTHMUS_BIND" ISTHMUS_PORT ;;
    host)
      [ "$ISTHMUS_PORT" -ne 0 ] || die 'ISTHMUS_PORT=0 (a free port) works in bridge and container mode only'
      check_port "$ISTHMUS_PORT" "$ISTHMUS_BIND" ISTHMUS_PORT
      check_port "$ISTHMUS_DB_HOST_PORT" 127.0.0.1 ISTHMUS_DB_HOST_PORT ;;
    none) check_socket "$ISTHMUS_RUN_DIR/api.sock" ;;
  esac
  if [ "$mode" = bridge ] && [ -n "$db_port_chosen" ]; then
    check_port "$ISTHMUS_DB_HOST_PORT" 127.0.0.1 ISTHMUS_DB_HOST_PORT
  fi
}

stack_up() {
  local mode=$1 running
  need_images
  running=$(compose_mode)
  if [ -n "$running" ] && [ "$running" != "$mode" ]; then
    step "taking mode $running down first (the data stays)" stack_down || die "could not take mode $running down"
  fi
  [ "$mode" != container ] || rejoin_namespace
  restart_ill
  remember_project
  if ! step "starting the containers in mode $mode" compose --profile "$mode" up -d --no-build --wait --wait-timeout 240; then
    show_failed_containers
    # shellcheck disable=SC2119
    stack_down >/dev/null 2>&1 || warn 'could not take everything down again: ./scripts/down'
    die "mode $mode did not start; everything was taken down again, the data is kept"
  fi
}

# When the holder of the namespace restarted after the others joined it, they have no network card any more
# and compose does not notice: restart them, so that they join the new namespace.
rejoin_namespace() {
  local name holder_started left=()
  holder_started=$(container_started net)
  [ -n "$holder_started" ] || return 0
  for name in postgis-container api-container loader-container; do
    [[ ! $(container_started "$name") < $holder_started ]] || left+=("$name")
  done
  [ "${#left[@]}" -eq 0 ] || step 'joining the restarted network namespace again' compose --profile container restart "${left[@]}"
}

# restart_ill: `compose up --wait` gives up at once where a container that it leaves alone is unhealthy
restart_ill() {
  local ill
  mapfile -t ill < <(docker ps --filter health=unhealthy --filter "label=com.docker.compose.project=$ISTHMUS_PROJECT" --format '{{.Names}}')
  [ "${#ill[@]}" -eq 0 ] || step "restarting what is unhealthy: ${ill[*]}" docker restart "${ill[@]}" || die 'could not restart them'
}

# container_id SERVICE: of this project, running or not
container_id() {
  docker ps -aq --filter "label=com.docker.compose.project=$ISTHMUS_PROJECT" --filter "label=com.docker.compose.service=$1"
}

# container_started SERVICE: time as text that sorts, or nothing
container_started() {
  local id; id=$(container_id "$1")
  [ -z "$id" ] || docker inspect -f '{{.State.StartedAt}}' "$id"
}

show_failed_containers() {
  local id name health
  while read -r id; do
    read -r name health < <(docker inspect -f '{{.Name}} {{.State.Status}}/{{if .State.Health}}{{.State.Health.Status}}{{end}}' "$id")
    [ "$health" != running/healthy ] || continue
    warn "last lines of ${name#/} ($health):"
    docker logs --tail 15 "$id" 2>&1 | sed 's/^/    /' >&2
    docker inspect -f '{{with .State.Health}}{{with .Log}}{{(index . 0).Output}}{{end}}{{end}}' "$id" | sed '/^$/d; s/^/    health check: /' >&2
  done < <(docker ps -aq --filter "label=com.docker.compose.project=$ISTHMUS_PROJECT")
}

# stack_down [--volumes]: every mode, since `down` without a service's profile does nothing and says nothing
# shellcheck disable=SC2120
stack_down() { compose --profile '*' --progress plain down --remove-orphans "$@"; }

# stack_exists: containers, networks or volumes of this project are there
stack_exists() {
  local filter="label=com.docker.compose.project=$ISTHMUS_PROJECT"
  [ -n "$(docker ps -aq --filter "$filter")$(docker network ls -q --filter "$filter")$(docker volume ls -q --filter "$filter")" ]
}

# stack_listen MODE: where the API answers, as ISTHMUS_LISTEN says it
stack_listen() {
  case $1 in
    none) printf 'unix:%s/api.sock' "$ISTHMUS_RUN_DIR" ;;
    host) printf '%s:%s' "$ISTHMUS_BIND" "$ISTHMUS_PORT" ;;
    bridge) compose --profile bridge port api 8080 ;;
    container) compose --profile container port net 8080 ;;
  esac
}
