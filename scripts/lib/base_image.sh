# shellcheck shell=bash
# The image that every Dockerfile starts from.

base_image=${ISTHMUS_BASE:-debian:trixie-slim}

has_base_image() { docker image inspect "$base_image" >/dev/null 2>&1; }

pull_base_image() { step "asking for the image $base_image" timeout 60 docker pull --quiet "$base_image" 2>/dev/null; }

# need_base_image: there, pulled, or made
need_base_image() {
  has_base_image || pull_base_image || make_base_image
}

make_base_image() {
  [ "$base_image" = debian:trixie-slim ] || die "the base image $base_image is neither here nor at a registry"
  [ "$(id -u)" -eq 0 ] || die "no registry answers, and making $base_image needs root: sudo ./scripts/base-image"
  need_packages 'the base image' debootstrap
  step "no registry answers: making $base_image with debootstrap (about a minute)" bootstrap_base_image \
    || die "could not make $base_image"
}

# debian_sources: lines for sources.list, as this machine's apt has them (network sources of trixie only)
debian_sources() {
  if [ -n "${ISTHMUS_DEBIAN_MIRROR:-}" ]; then printf 'deb %s trixie main\n' "$ISTHMUS_DEBIAN_MIRROR"; return; fi
  # shellcheck disable=SC2016
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
    | grep -E '^deb https?://[^ ]+ trixie(-updates|-security)? main$' | sort -u
}

# apt_options: what this machine's apt needs to reach its sources (proxy, clock), for the image's apt too
apt_options() { apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date|Retries)\b' || true; }

# Without apt's caches, without documents and translations: about 100 MB
bootstrap_base_image() {
  local work mirror status=0
  mirror=$(debian_sources | awk '$3 == "trixie" {print $2; exit}')
  [ -n "$mirror" ] || { echo 'this machine has no network source of Debian trixie: set ISTHMUS_DEBIAN_MIRROR'; return 1; }
  work=$(mktemp -d)
  fill_base_image "$work/root" "$mirror" && import_base_image "$work/root" || status=$?
  rm -rf --one-file-system -- "$work"
  return "$status"
}

fill_base_image() {
  debootstrap --variant=minbase trixie "$1" "$2" || return
  debian_sources >"$1/etc/apt/sources.list"
  apt_options >"$1/etc/apt/apt.conf.d/90host"
  printf 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n' >"$1/etc/apt/apt.conf.d/90slim"
  printf 'path-exclude %s\n' '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' '/usr/share/info/*' \
    >"$1/etc/dpkg/dpkg.cfg.d/90slim"
  rm -rf -- "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* \
    "$1"/usr/share/{doc,man,locale,info}/*
}

import_base_image() {
  tar --create --numeric-owner --directory="$1" . \
    | docker import --change 'CMD ["bash"]' --change 'ENV LANG=C.UTF-8' --message 'debootstrap, minbase' - "$base_image"
}
