# shellcheck shell=bash
# The archive of tiles that `isthmus export` makes: the services' user may write next to nowhere, so the command writes to
# its standard output, and this shell, as whoever called it, to the file.

# take_output ARGUMENT...: sets `arguments`, and `output`: the archive, empty for none or for standard output
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
    if is_archive "$option" "$argument"; then
      [ -z "$output" ] || die 'one archive at a time: its tiles are kept, so the second one takes less'
      output=$argument argument=-
    fi
    arguments+=("$argument") option=$argument
  done
}

# is_archive OPTION ARGUMENT: the argument names a file of the kind that the option writes
is_archive() { [[ $1 == --pmtiles && $2 == *.pmtiles ]] || [[ $1 == --mbtiles && $2 == *.mbtiles ]]; }

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
