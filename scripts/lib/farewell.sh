# shellcheck shell=bash
# The last lines of `up`: where to look, what to try, where to drop files, how to stop.

# has_files: the data folder holds something to load
has_files() { [ -n "$(find "$ISTHMUS_DATA_DIR" -path "$ISTHMUS_DATA_DIR/var" -prune -o -type f -not -name '.*' -print -quit)" ]; }

# base_url LISTEN: as a client on this machine writes it
base_url() {
  local host=${1%:*}
  [[ $1 != unix:* ]] || { printf 'http://localhost'; return; }
  host=${host#\[}; host=${host%\]}
  case $host in 0.0.0.0) host=127.0.0.1 ;; ::) host=::1 ;; esac
  [[ $host != *:* ]] || host="[$host]"
  printf 'http://%s:%s' "$host" "${1##*:}"
}

# farewell MODE LISTEN [STOP]: STOP is the command that ends it
farewell() {
  local mode=$1 listen=$2 stop=${3:-./scripts/down} url count=0 name='' curl=curl
  url=$(base_url "$listen")
  if has_files; then
    printf 'waiting for the first collections ...\n'
    read -r count name < <(python3 -I "$root/scripts/lib/first_look.py" "$listen" 60) || true
    [ "$count" != 0 ] || warn "no collection yet: see what the loader says, ./scripts/isthmus list"
  fi
  [[ $listen != unix:* ]] || curl="curl --unix-socket ${listen#unix:}"
  printf '\nIsthmus runs in mode %s and serves %s collections.\n\n' "$mode" "$count"
  if [[ $listen == unix:* ]]; then farewell_socket "$curl" "$url"; else
    printf '  landing page    %s/\n  map             %s/map\n' "$url" "$url"
  fi
  printf "  try             %s '%s/collections/%s/items?limit=2'\n" "$curl" "$url" "${name:-NAME}"
  printf '  drop files in   %s\n  command line    ./scripts/isthmus list\n' "$ISTHMUS_DATA_DIR"
  printf '  stop            %s%s\n' "$(stop_prefix)" "$stop"
}

# farewell_socket CURL URL: a browser cannot open a unix socket
farewell_socket() {
  printf '  landing page    %s %s/\n  map             %s %s/map\n' "$1" "$2" "$1" "$2"
  printf '                  (no network in this mode: a browser needs a proxy that forwards to the socket, see docs/networking.md)\n'
}

# stop_prefix: the settings that `down` needs to find a stack of another data folder, or of a name that was given
stop_prefix() {
  [ "$ISTHMUS_DATA_DIR" = "$root/data" ] || printf 'ISTHMUS_DATA_DIR=%q ' "$ISTHMUS_DATA_DIR"
  [ "$ISTHMUS_PROJECT" = "$(default_project)" ] || printf 'ISTHMUS_PROJECT=%q ' "$ISTHMUS_PROJECT"
}
