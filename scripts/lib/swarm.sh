# shellcheck shell=bash
# The stack on a swarm (compose/swarm.yaml): the swarm itself, what nodes are for, images with a tag for each state, and
# the way up and down. Its volumes are its own; a stack in containers or native mode never runs beside it, since both
# would load the same files.

stack_name() { printf '%s-swarm' "$ISTHMUS_PROJECT"; }

# swarm_state: `inactive`, `manager`, `worker`, or what else the engine says
swarm_state() {
  case $(docker info -f '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}') in
    'active true') printf manager ;;
    'active false') printf worker ;;
    *) docker info -f '{{.Swarm.LocalNodeState}}' ;;
  esac
}

# swarm_services: names of this stack's services
swarm_services() { docker service ls --filter "label=com.docker.stack.namespace=$(stack_name)" --format '{{.Name}}'; }

# swarm_runs: the stack of this data folder is on the swarm
swarm_runs() { engine_answers && [ "$(swarm_state)" = manager ] && [ -n "$(swarm_services)" ]; }

# swarm_containers: ids on this node, running or not
swarm_containers() { docker ps -aq --filter "label=com.docker.stack.namespace=$(stack_name)"; }

# swarm_task SERVICE: id of a running container of it on this node; nothing when there is none
swarm_task() { docker ps -q --filter "label=com.docker.swarm.service.name=$(stack_name)_$1" | head -n 1; }

# gateway_address: where the ports of tasks are bound on this node. Swarm knows no address for a port; the bridge of its
# tasks does (Docker: "Customize the docker_gwbridge interface").
gateway_address() {
  local address
  address=$(docker network inspect -f '{{index .Options "com.docker.network.bridge.host_binding_ipv4"}}' docker_gwbridge 2>/dev/null) || true
  printf '%s' "${address:-0.0.0.0}"
}

# check_swarm: what can be known to fail before anything is made
check_swarm() {
  engine_answers || die 'the swarm needs Docker, and no engine answers: ./scripts/up --install-docker installs and starts it'
  need_engine swarm
  [ "$ISTHMUS_PORT" -ne 0 ] || die 'ISTHMUS_PORT=0 (a free port) works in bridge and container mode only'
  claim_project
  case $(swarm_state) in
    inactive|manager) ;;
    worker) die 'this node is a worker of its swarm: run this on a manager (docker node ls)' ;;
    *) die "the swarm of this engine is $(swarm_state): docker swarm leave, or docker swarm unlock" ;;
  esac
  check_gateway
  check_space "$ISTHMUS_DATA_DIR" 300 'the data folder'
  check_space "$(docker info -f '{{.DockerRootDir}}')" 3000 'a database and its replicas'
  [ -n "$(docker ps -q --filter "publish=$ISTHMUS_PORT" --filter "label=com.docker.stack.namespace=$(stack_name)")" ] \
    || check_port "$ISTHMUS_PORT" "$ISTHMUS_BIND" ISTHMUS_PORT
}

# check_gateway: a bridge that is here already may bind ports to more than ISTHMUS_BIND allows
check_gateway() {
  docker network inspect docker_gwbridge >/dev/null 2>&1 || return 0
  case $(gateway_address) in
    "$ISTHMUS_BIND") ;;
    0.0.0.0) die "this engine's docker_gwbridge opens ports of a swarm on every address, and ISTHMUS_BIND is $ISTHMUS_BIND: ISTHMUS_BIND=0.0.0.0 ./scripts/swarm up allows that; docs/swarm.md says how to bind the bridge to one address" ;;
    *) die "this engine's docker_gwbridge binds ports of a swarm to $(gateway_address), and ISTHMUS_BIND is $ISTHMUS_BIND: ./scripts/swarm down removes a bridge that scripts/swarm made; else see docs/swarm.md" ;;
  esac
}

# need_swarm: makes a swarm of this one node where the engine is in none, and remembers that in a label of the node
need_swarm() {
  if [ "$(swarm_state)" = inactive ]; then
    step 'making a swarm of this one node' make_swarm || die 'docker swarm init failed'
  fi
  label_node
}

make_swarm() {
  docker network inspect docker_gwbridge >/dev/null 2>&1 || docker network create --label isthmus.swarm=made \
    --opt com.docker.network.bridge.name=docker_gwbridge --opt com.docker.network.bridge.enable_icc=false \
    --opt com.docker.network.bridge.enable_ip_masquerade=true \
    --opt "com.docker.network.bridge.host_binding_ipv4=$ISTHMUS_BIND" docker_gwbridge || return
  docker swarm init --advertise-addr 127.0.0.1 || return
  docker node update --label-add isthmus.swarm=made "$(this_node)"
}

this_node() { docker info -f '{{.Swarm.NodeID}}'; }

# nodes_with LABEL: ids
nodes_with() { docker node ls -q --filter "node.label=$1"; }

# label_node: on a swarm where nobody said which node does what, this one does all
label_node() {
  local label
  for label in isthmus.primary isthmus.data isthmus.edge; do
    [ -n "$(nodes_with "$label=true")" ] || docker node update --label-add "$label=true" "$(this_node)" >/dev/null
  done
}

# need_swarm_images: those of every mode and the edge's, each with its inputs as the tag, so that new code is a new spec
need_swarm_images() {
  local try
  need_images
  ISTHMUS_INPUTS_EDGE=$(inputs_digest edge edge)
  export ISTHMUS_INPUTS_EDGE
  if [ "$(image_inputs edge)" != "$ISTHMUS_INPUTS_EDGE" ]; then
    step 'building image: edge' build_edge || die 'the image of the edge could not be built'
  fi
  for try in 1 2 3; do
    if tag_images; then push_images; return; fi
    [ "$try" -lt 3 ] || die 'another clone builds images of the same names: run it again when that is done'
    need_images
  done
}

# tag_images: unless another clone built one of them meanwhile
tag_images() {
  local service tag
  for service in postgis api loader edge; do
    tag=ISTHMUS_INPUTS_${service^^}
    [ "$(image_inputs "$service")" = "${!tag}" ] || return 1
    docker tag "isthmus-$service:local" "${ISTHMUS_REGISTRY:-}isthmus-$service:${!tag}"
  done
}

# push_images: to the registry that the nodes ask, when there is one
push_images() {
  local service tag
  [ -n "${ISTHMUS_REGISTRY:-}" ] || return 0
  for service in postgis api loader edge; do
    tag=ISTHMUS_INPUTS_${service^^}
    step "sending $service to $ISTHMUS_REGISTRY" docker push "${ISTHMUS_REGISTRY}isthmus-$service:${!tag}" \
      || die "cannot push to ISTHMUS_REGISTRY=$ISTHMUS_REGISTRY"
  done
}

build_edge() {
  docker build --progress plain --build-arg "BASE=$base_image" --label "isthmus.inputs=$ISTHMUS_INPUTS_EDGE" \
    --file "$root/services/edge/Dockerfile" --tag isthmus-edge:local "$root"
}

digest_of() { cat -- "$@" | sha256sum | cut -c1-12; }

# export_stack: what compose/swarm.yaml needs to know beside the settings
export_stack() {
  local secrets=$ISTHMUS_SECRETS_DIR
  ISTHMUS_STACK=$(stack_name)
  ISTHMUS_SECRETS_DIGEST=$(digest_of "$secrets/owner_password" "$secrets/reader_password" "$secrets/replication_password")
  ISTHMUS_EDGE_DIGEST=$(digest_of "$root/compose/haproxy.cfg")
  export ISTHMUS_STACK ISTHMUS_SECRETS_DIGEST ISTHMUS_EDGE_DIGEST
}

swarm_deploy() {
  docker stack deploy --detach=true --prune --resolve-image never ${ISTHMUS_REGISTRY:+--with-registry-auth} \
    --compose-file "$root/compose/swarm.yaml" "$(stack_name)"
}

swarm_up() {
  local since
  need_swarm
  need_swarm_images
  remember_project
  export_stack
  since=$(date -u +%Y-%m-%dT%H:%M:%S)
  step 'deploying the stack' swarm_deploy || die 'docker stack deploy failed'
  python3 -I "$root/scripts/lib/swarm_wait.py" "$(stack_name)" 600 "$since" || die 'not everything came up; what served before still serves. Mend it and run it again, or ./scripts/swarm down'
  forget_old
}

# forget_old: secrets and configs of earlier deployments, which nobody uses; the engine keeps those that somebody does
forget_old() {
  local kind
  for kind in secret config; do
    docker "$kind" ls --filter "label=com.docker.stack.namespace=$(stack_name)" --format '{{.Name}}' \
      | { grep -vE -- "-($ISTHMUS_SECRETS_DIGEST|$ISTHMUS_EDGE_DIGEST)\$" || true; } \
      | xargs -r docker "$kind" rm >/dev/null 2>&1 || true
  done
}

# swarm_down: the services and what belongs to them; volumes stay
swarm_down() {
  local deadline=$((SECONDS + 120))
  docker stack rm "$(stack_name)" || return
  while [ -n "$(swarm_containers)$(docker network ls -q --filter "label=com.docker.stack.namespace=$(stack_name)")" ]; do
    [ "$SECONDS" -lt "$deadline" ] || { printf 'its containers do not end\n'; return 1; }
    sleep 0.5
  done
}

delete_swarm_volumes() {
  docker volume ls -q --filter "label=com.docker.stack.namespace=$(stack_name)" | xargs -r docker volume rm
}

# forget_tags: the names that need_swarm_images gave; an image that nothing else names goes with them
forget_tags() {
  docker image ls --format '{{.Repository}}:{{.Tag}}' | { grep -E '^isthmus-(postgis|api|loader|edge):[0-9a-f]{16}$' || true; } \
    | xargs -r docker image rm >/dev/null 2>&1 || true
}

# swarm_holds: what is in it beside this node, one a line. Fails when the engine does not say.
swarm_holds() {
  local nodes overlays
  nodes=$(docker node ls -q | wc -l) || return
  [ "$nodes" -eq 1 ] || printf '%s nodes\n' "$nodes"
  docker service ls --format 'service {{.Name}}' || return
  docker secret ls --format 'secret {{.Name}}' || return
  docker config ls --format 'config {{.Name}}' || return
  overlays=$(docker network ls --filter driver=overlay --format 'network {{.Name}}') || return
  printf '%s\n' "$overlays" | sed '/^$/d; /^network ingress$/d'
}

# named_networks_in_use: where other containers know each other by name. An engine that leaves a swarm forgets those names
# (moby/moby#45144), until the containers are restarted.
named_networks_in_use() {
  docker network ls -q --filter driver=bridge --filter type=custom \
    | xargs -r docker network inspect -f '{{if .Containers}}{{.Name}}{{end}}' | { grep -vx docker_gwbridge || true; } | sed '/^$/d'
}

# why_stay: why the swarm is not left, in one line; nothing when it can be
why_stay() {
  local holds others
  holds=$(swarm_holds) || { printf 'the engine does not say what is in it'; return; }
  others=$(named_networks_in_use) || { printf 'the engine does not say which networks are in use'; return; }
  if [ -n "$holds" ]; then printf 'it has %s' "$(paste -sd , <<<"$holds" | sed 's/,/, /g')"
  elif [ -n "$others" ]; then printf 'leaving it would make this engine forget the names of containers that run in %s' "$(paste -sd ' ' <<<"$others")"
  fi
}

leave_swarm() {
  docker swarm leave --force || return
  [ "$(docker network inspect -f '{{index .Labels "isthmus.swarm"}}' docker_gwbridge 2>/dev/null)" != made ] \
    || docker network rm docker_gwbridge
}
