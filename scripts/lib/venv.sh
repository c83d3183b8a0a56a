# shellcheck shell=bash
# The clone's Python environment, .venv: made once, and again only when a requirements file changes.

venv=$root/.venv
python=python3
system_python=/usr/bin/python3

# choose_python: sets python. The system's, when it will do: the images have it, and it is built for speed, which one that was
# compiled at home need not be (a tenth more CPU for a request). Else the first on the PATH.
choose_python() {
  python=python3
  if is_new "$system_python" && has_ensurepip "$system_python"; then python=$system_python; fi
}

check_python() {
  choose_python
  command -v "$python" >/dev/null || need_packages 'Isthmus' python3
  is_new "$python" || die "Python 3.11 or later is needed, python3 is $("$python" -V 2>&1)"
}

# is_new PYTHON: it is there, and of a version that Isthmus runs on
is_new() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# has_ensurepip PYTHON: python3-venv is there (Debian splits it off)
has_ensurepip() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# requirements_digest FILE...: changes with their content and with the interpreter
requirements_digest() { { "$python" -c 'import sys; print(sys.version, sys.executable)'; cat -- "$@"; } | sha256sum | cut -c1-16; }

# same_python: .venv is there and was made by the interpreter of today
same_python() {
  local version='import sys; print(sys.version)'
  [ "$("$venv/bin/python" -c "$version" 2>/dev/null)" = "$("$python" -c "$version")" ]
}

# need_venv NAME FILE...: makes sure that .venv holds the packages of these requirements files. NAME says
# which set that is; each set has a stamp of its own, so a test run does not undo `up` and the other way round.
need_venv() {
  local stamp=$venv/isthmus-$1.stamp digest lock; shift
  check_python
  digest=$(requirements_digest "$@")
  ! has_packages "$stamp" "$digest" || return 0
  [ -w "$root" ] || die "cannot write to $root, where the Python environment .venv goes"
  if [ -L "$venv" ] && ! same_python; then   # making it anew would empty a folder of somebody else's
    die ".venv is a link to $(readlink -- "$venv"), which another Python made: remove the link, and it is made here"
  fi
  has_ensurepip "$python" || need_packages 'the Python environment' python3-venv
  exec {lock}>"$venv.lock"
  flock -n "$lock" || { say 'waiting for another script, which makes the Python environment'; flock "$lock"; }
  has_packages "$stamp" "$digest" || fill_venv "$stamp" "$digest" "$@"
  exec {lock}>&-
}

# has_packages STAMP DIGEST: .venv is there, with the packages that a digest of requirements stands for
has_packages() { [ -x "$venv/bin/python" ] && [ "$(cat -- "$1" 2>/dev/null)" = "$2" ]; }

# fill_venv STAMP DIGEST FILE...: installs the packages, and notes that they are there
fill_venv() {
  local stamp=$1 digest=$2 file args=(); shift 2
  for file in "$@"; do args+=(-r "$file"); done
  same_python || step 'making the Python environment .venv' make_venv || die "$python -m venv failed"
  step 'installing Python packages (the first time: a minute or two)' \
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes "${args[@]}" || die 'pip could not install the Python packages'
  printf '%s' "$digest" >"$stamp"
}

# The .pth file lets `core`, `api`, `loader` and `cli` be imported from services/ with nothing installed
make_venv() {
  "$python" -m venv --clear "$venv" || return
  printf '%s/services\n' "$root" >"$(echo "$venv"/lib/python3*/site-packages)/isthmus.pth"
}
