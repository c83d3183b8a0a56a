# shellcheck shell=bash
# Archives of tiles that `isthmus export` writes outside the data folder, which the services' user cannot: the command
# writes to its standard output, and this shell, as whoever called it, to the file.

# take_output ARGUMENT...: sets `arguments`, and `output` where an archive is to lie outside the data folder
take_output() {
  local argument option='' words=()
  arguments=() output=''
  for argument in "$@"; do
    case $argument in
      --pmtiles=*|--mbtiles=*) words+=("${argument%%=*}" "${argument#*=}") ;;
      *) words+=("$argument") ;;
    esac
  done
  for argument in "${words[@]}"; do
    if is_archive "$option" "$argument" && ! lies_in_data "$argument"; then
      [ -z "$output" ] || die 'one archive can lie outside the data folder: export the other one by itself'
      output=$argument argument=-
    fi
    arguments+=("$argument") option=$argument
  done
}

# is_archive OPTION ARGUMENT: the argument names a file of the kind that the option writes
is_archive() { [[ $1 == --pmtiles && $2 == *.pmtiles ]] || [[ $1 == --mbtiles && $2 == *.mbtiles ]]; }

# lies_in_data PATH: below the data folder, whether it exists or not
lies_in_data() {
  case $(realpath -m -- "$1") in "$ISTHMUS_DATA_DIR"/*) return 0 ;; esac
  return 1
}

# with_output COMMAND...: its standard output becomes `output`, whole or not at all
with_output() {
  [ -n "$output" ] || { "$@"; return; }
  local status=0
  part=$(mktemp -- "$(dirname -- "$output")/.$(basename -- "$output").XXXXXX") || die "$output cannot be written"
  trap 'rm -f -- "$part"' EXIT
  "$@" >"$part" || status=$?
  [ "$status" -eq 0 ] || exit "$status"
  chmod "$(printf '%o' $((0666 & ~0$(umask))))" -- "$part"
  mv -- "$part" "$output"
}
