# shellcheck shell=bash
# The three images: built when their inputs changed, which a digest in a label of the image tells.

# inputs_digest SERVICE FOLDER...: of the base image and of every file that the build reads
inputs_digest() {
  local service=$1; shift
  {
    docker image inspect -f '{{.Id}}' "$base_image"
    [ "$service" != postgis ] || printf '%s\n' "${POSTGIS_IMAGE:-}"
    cd -- "$root/services" && find "$@" -type f -not -name '*.pyc' -not -name README.md -print0 | sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-16
}

image_inputs() { docker image inspect -f '{{index .Config.Labels "isthmus.inputs"}}' "isthmus-$1:local" 2>/dev/null || true; }

image_builder() { docker image inspect -f '{{index .Config.Labels "com.docker.compose.project"}}' "isthmus-$1:local" 2>/dev/null || true; }

# forget_builder SERVICE: Compose writes the project that built an image into its labels, which every container inherits,
# also of `docker run` and of a Swarm. Compose would take those for the project's own, count them as healthy, and remove them.
forget_builder() {
  printf 'FROM isthmus-%s:local\n' "$1" | docker build --quiet --tag "isthmus-$1:local" \
    --label com.docker.compose.project= --label com.docker.compose.service= -
}

# need_images: builds those that are missing or older than this clone's files
need_images() {
  local service stale=()
  need_base_image
  ISTHMUS_INPUTS_POSTGIS=$(inputs_digest postgis postgis)
  ISTHMUS_INPUTS_API=$(inputs_digest api api core)
  ISTHMUS_INPUTS_LOADER=$(inputs_digest loader loader core cli)
  export ISTHMUS_INPUTS_POSTGIS ISTHMUS_INPUTS_API ISTHMUS_INPUTS_LOADER
  for service in postgis api loader; do
    local name=ISTHMUS_INPUTS_${service^^}
    [ "$(image_inputs "$service")" = "${!name}" ] || stale+=("$service")
  done
  [ "${#stale[@]}" -eq 0 ] || build_images "${stale[@]}"
  for service in postgis api loader; do
    [ -z "$(image_builder "$service")" ] || forget_builder "$service" >/dev/null || die "could not label the image isthmus-$service:local"
  done
}

# build_images SERVICE...
build_images() {
  [ -n "$(image_inputs postgis)" ] || check_space "$(docker info -f '{{.DockerRootDir}}')" 4000 'building the images'
  step "building images: $* (the first time: two or three minutes)" \
    compose --profile bridge --progress plain build "$@" || die 'the images could not be built'
}
