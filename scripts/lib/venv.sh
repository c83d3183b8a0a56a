# shellcheck shell=bash
# The clone's Python environment, .venv: made once, and again only when a requirements file changes.

venv=$root/.venv

check_python() {
  command -v python3 >/dev/null || need_packages 'Isthmus' python3
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || die "Python 3.11 or later is needed, python3 is $(python3 -V 2>&1)"
}

# has_ensurepip: python3-venv is there (Debian splits it off)
has_ensurepip() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

# requirements_digest FILE...: changes with their content and with the interpreter
requirements_digest() { { python3 -c 'import sys; print(sys.version, sys.executable)'; cat -- "$@"; } | sha256sum | cut -c1-16; }

# same_python: .venv is there and was made by the python3 of today
same_python() {
  local version='import sys; print(sys.version)'
  [ "$("$venv/bin/python" -c "$version" 2>/dev/null)" = "$(python3 -c "$version")" ]
}

# need_venv NAME FILE...: makes sure that .venv holds the packages of these requirements files. NAME says
# which set that is; each set has a stamp of its own, so a test run does not undo `up` and the other way round.
need_venv() {
  local stamp=$venv/isthmus-$1.stamp digest file args=(); shift
  check_python
  digest=$(requirements_digest "$@")
  if [ -x "$venv/bin/python" ] && [ "$(cat -- "$stamp" 2>/dev/null)" = "$digest" ]; then return; fi
  [ -w "$root" ] || die "cannot write to $root, where the Python environment .venv goes"
  has_ensurepip || need_packages 'the Python environment' python3-venv
  for file in "$@"; do args+=(-r "$file"); done
  same_python || step 'making the Python environment .venv' make_venv || die 'python3 -m venv failed'
  step 'installing Python packages (the first time: a minute or two)' \
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${args[@]}" || die 'pip could not install the Python packages'
  printf '%s' "$digest" >"$stamp"
}

# The .pth file lets `core`, `api`, `loader` and `cli` be imported from services/ with nothing installed
make_venv() {
  python3 -m venv --clear "$venv" || return
  printf '%s/services\n' "$root" >"$(echo "$venv"/lib/python3*/site-packages)/isthmus.pth"
}
