# shellcheck shell=bash
# System packages: installed when the caller is root, else the exact command is printed.

packages_native=(postgresql-17 postgresql-17-postgis-3 libnss-wrapper python3-venv)
packages_docker=(docker.io docker-cli docker-compose docker-buildx iptables)

has_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# missing_packages NAME...: those that are not installed, one a line
missing_packages() {
  local name
  for name in "$@"; do has_package "$name" || printf '%s\n' "$name"; done
}

# need_packages REASON NAME...: installs what is missing, or says how and stops
need_packages() {
  local reason=$1 missing; shift
  command -v apt-get >/dev/null || die "$reason needs $* but this system has no apt-get: install them by hand"
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  [ "$(id -u)" -eq 0 ] || die "$reason needs system packages: sudo apt-get install --no-install-recommends ${missing[*]}"
  step "installing system packages: ${missing[*]}" install_packages "${missing[@]}" \
    || die "apt-get could not install: ${missing[*]}"
}

install_packages() {
  local no_cluster=/etc/postgresql-common/createcluster.d/isthmus.conf status=0
  export DEBIAN_FRONTEND=noninteractive
  if ! [ -e /etc/postgresql-common/createcluster.conf ]; then    # Debian would start a cluster of its own on 5432
    mkdir -p "$(dirname "$no_cluster")"; printf 'create_main_cluster = false\n' >"$no_cluster"
  fi
  apt-get update -q && apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@" || status=$?
  rm -f "$no_cluster"
  return "$status"
}
