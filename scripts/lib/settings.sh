# shellcheck shell=bash
# Settings of the scripts: the environment wins over lines of .env, which win over the defaults.
# After load_settings every path is absolute and every name is exported, for compose and for Python.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)

# read_env_file FILE: exports each NAME=VALUE that the environment does not set already
read_env_file() {
  local line name value number=0
  [ -f "$1" ] || return 0
  [ -r "$1" ] || die "cannot read $1"
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1)); line=${line%$'\r'}
    [[ $line =~ ^[[:space:]]*(#|$) ]] && continue
    [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] \
      || die "$1 line $number is not NAME=VALUE: $line"
    name=${BASH_REMATCH[2]}; value=$(env_value "${BASH_REMATCH[3]}") || die "$1 line $number: a quote is not closed: $line"
    [ -n "${!name+set}" ] || export "$name=$value"
  done <"$1"
}

# env_value TEXT: without blanks around it and without quotes; without a trailing comment when it is not quoted
env_value() {
  local text=${1#"${1%%[![:space:]]*}"} quote
  quote=${text:0:1}
  if [[ $quote == '"' || $quote == "'" ]]; then
    text=${text:1}
    [[ $text == *"$quote"* ]] || return 1
    printf '%s' "${text%%"$quote"*}"
  else
    text=${1%%[[:space:]]#*}
    text=${text#"${text%%[![:space:]]*}"}
    printf '%s' "${text%"${text##*[![:space:]]}"}"
  fi
}

# absolute PATH: relative paths are relative to the clone, wherever the script was called from
absolute() {
  case $1 in /*) realpath -m -- "$1" ;; *) realpath -m -- "$root/$1" ;; esac
}

# check_number NAME LOWEST HIGHEST: and writes it without zeros in front, which bash would take for octal
check_number() {
  if ! [[ ${!1} =~ ^[0-9]{1,7}$ ]] || (( 10#${!1} < $2 || 10#${!1} > $3 )); then
    die "$1 must be a number from $2 to $3, not '${!1}'"
  fi
  printf -v "$1" '%d' "$((10#${!1}))"
}

short_hash() { printf '%s' "$1" | sha256sum | cut -c1-8; }

# The clone's own data folder is project `isthmus`; another folder gets a project of its own, so that two
# stacks run side by side. The choice is remembered in the folder (see claim_project in docker.sh).
default_project() {
  if [ -s "$ISTHMUS_DATA_DIR/var/project" ]; then cat -- "$ISTHMUS_DATA_DIR/var/project"
  elif [ "$ISTHMUS_DATA_DIR" = "$root/data" ]; then printf isthmus
  else printf 'isthmus-%s' "$(short_hash "$ISTHMUS_DATA_DIR")"; fi
}

# The services' user: the caller, or 10001 when the caller is root
default_user() {
  local uid gid; uid=$(id -u); gid=$(id -g)
  if [ "$uid" -eq 0 ]; then uid=10001 gid=10001; fi
  ISTHMUS_UID=${ISTHMUS_UID:-$uid} ISTHMUS_GID=${ISTHMUS_GID:-$gid}
}

check_settings() {
  check_number ISTHMUS_PORT 0 65535
  check_number ISTHMUS_DB_HOST_PORT 1 65535
  check_number ISTHMUS_UID 1 4000000
  check_number ISTHMUS_GID 1 4000000
  [[ $ISTHMUS_PROJECT =~ ^[a-z0-9][a-z0-9_-]*$ ]] || die "ISTHMUS_PROJECT must be small letters, digits, - and _, not '$ISTHMUS_PROJECT'"
  [[ $ISTHMUS_BIND =~ ^[0-9a-fA-F.:]+$ ]] || die "ISTHMUS_BIND must be an IP address, not '$ISTHMUS_BIND'"
}

load_settings() {
  read_env_file "$root/.env"
  db_port_chosen=${ISTHMUS_DB_HOST_PORT:+yes}; project_chosen=${ISTHMUS_PROJECT:+yes}
  ISTHMUS_PORT=${ISTHMUS_PORT:-8080}
  ISTHMUS_BIND=${ISTHMUS_BIND:-127.0.0.1}
  ISTHMUS_BRIDGE_VARIANT=${ISTHMUS_DB_HOST_PORT:+db-port}
  ISTHMUS_DB_HOST_PORT=${ISTHMUS_DB_HOST_PORT:-55432}
  ISTHMUS_DATA_DIR=$(absolute "${ISTHMUS_DATA_DIR:-data}")
  ISTHMUS_SECRETS_DIR=$(absolute "${ISTHMUS_SECRETS_DIR:-secrets}")
  ISTHMUS_RUN_DIR=$(absolute "${ISTHMUS_RUN_DIR:-$ISTHMUS_DATA_DIR/var/run}")
  ISTHMUS_PROJECT=${ISTHMUS_PROJECT:-$(default_project)}
  default_user
  check_settings
  export ISTHMUS_PORT ISTHMUS_BIND ISTHMUS_DB_HOST_PORT ISTHMUS_BRIDGE_VARIANT ISTHMUS_DATA_DIR ISTHMUS_SECRETS_DIR \
    ISTHMUS_RUN_DIR ISTHMUS_PROJECT ISTHMUS_UID ISTHMUS_GID
  export db_port_chosen project_chosen
}
