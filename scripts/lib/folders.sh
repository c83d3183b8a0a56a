# shellcheck shell=bash
# Folders and secrets that the services need, with the owner and mode that they need.

user_name() { id -un 2>/dev/null || true; }

# own PATH...: to the services' user, when the caller may
own() { [ "$(id -u)" -ne 0 ] || chown -- "$ISTHMUS_UID:$ISTHMUS_GID" "$@"; }

# check_data_dir: before anything is made. A missing folder is made only by the name the user gave.
check_data_dir() {
  local dir=$ISTHMUS_DATA_DIR
  if ! [ -e "$dir" ]; then
    mkdir -p -- "$dir" 2>/dev/null || die "cannot make the data folder $dir as $(user_name)"
  fi
  [ -d "$dir" ] || die "ISTHMUS_DATA_DIR is not a folder: $dir"
  if ! [ -r "$dir" ] || ! [ -x "$dir" ] || ! [ -w "$dir" ]; then
    die "no rights on the data folder $dir: user $(user_name) must be able to read and write it"
  fi
  [ ! -e "$dir/var" ] || [ -w "$dir/var" ] \
    || die "no rights on $dir/var, which belongs to $(stat -c %U "$dir/var"): sudo chown -R $(id -u):$(id -g) '$dir/var'"
  open_data_dir
}

# As root the services run as another user, which a folder of mode 0700 would shut out
open_data_dir() {
  local dir=$ISTHMUS_DATA_DIR
  [ "$(id -u)" -eq 0 ] || return 0
  if ! readable_to_services "$dir"; then
    chgrp -- "$ISTHMUS_GID" "$dir" && chmod g+rx -- "$dir"
    say "the data folder was closed to the services (user $ISTHMUS_UID): its group may now read it"
  fi
}

# readable_to_services DIR: by the folder's own mode; what lies above it does not matter to a bind mount
readable_to_services() {
  local mode owner group; read -r mode owner group < <(stat -c '%a %u %g' -- "$1")
  mode=$((8#$mode))
  if [ "$owner" = "$ISTHMUS_UID" ]; then (( (mode & 8#500) == 8#500 ))
  elif [ "$group" = "$ISTHMUS_GID" ]; then (( (mode & 8#050) == 8#050 ))
  else (( (mode & 8#005) == 8#005 )); fi
}

make_data_folders() {
  local dir=$ISTHMUS_DATA_DIR/var name
  for name in '' /reports /run /log /pg; do
    [ -d "$dir$name" ] || mkdir -p -- "$dir$name"
    [ "$(id -u)" -ne 0 ] || [ "$(stat -c %u "$dir$name")" = "$ISTHMUS_UID" ] || own "$dir$name"
  done
  [ -d "$ISTHMUS_RUN_DIR" ] || mkdir -p -- "$ISTHMUS_RUN_DIR"
  own "$ISTHMUS_RUN_DIR"
}

# make_secrets [NAME...]: random passwords, made once. Mode 0600 and the services' user: docker mounts the file as it is.
make_secrets() {
  local dir=$ISTHMUS_SECRETS_DIR name
  [ $# -gt 0 ] || set -- owner_password reader_password
  if ! [ -d "$dir" ]; then (umask 077 && mkdir -p -- "$dir"); fi
  [ -w "$dir" ] || die "cannot write to the secrets folder $dir"
  chmod 0700 -- "$dir" 2>/dev/null || true; own "$dir"
  for name in "$@"; do
    if ! [ -s "$dir/$name" ]; then (umask 077 && random_password >"$dir/$name"); fi
    own "$dir/$name"
    chmod 0600 -- "$dir/$name" 2>/dev/null || die "cannot set the mode of $dir/$name, which belongs to $(stat -c %U "$dir/$name")"
  done
}

random_password() { python3 -c 'import secrets; print(secrets.token_urlsafe(24))'; }

# A normal user's stack runs as that user; plain `docker compose` learns it from .env
remember_user() {
  [ "$(id -u)" -ne 0 ] || return 0
  [ "$ISTHMUS_UID" = "$(id -u)" ] || return 0
  ! grep -q '^ISTHMUS_UID=' "$root/.env" 2>/dev/null || return 0
  if [ -n "$(tail -c 1 -- "$root/.env" 2>/dev/null)" ]; then echo >>"$root/.env"; fi   # its last line may have no end
  printf 'ISTHMUS_UID=%s\nISTHMUS_GID=%s\n' "$ISTHMUS_UID" "$ISTHMUS_GID" >>"$root/.env"
  say "the services run as you: wrote ISTHMUS_UID=$ISTHMUS_UID and ISTHMUS_GID=$ISTHMUS_GID to .env"
}
