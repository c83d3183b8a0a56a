# shellcheck shell=bash
# Everything in this folder, in an order in which each part only needs those before it.

lib=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/say.sh
. "$lib/say.sh"
# shellcheck source=scripts/lib/settings.sh
. "$lib/settings.sh"
# shellcheck source=scripts/lib/packages.sh
. "$lib/packages.sh"
# shellcheck source=scripts/lib/venv.sh
. "$lib/venv.sh"
# shellcheck source=scripts/lib/jobs.sh
. "$lib/jobs.sh"
# shellcheck source=scripts/lib/docker.sh
. "$lib/docker.sh"
# shellcheck source=scripts/lib/checks.sh
. "$lib/checks.sh"
# shellcheck source=scripts/lib/folders.sh
. "$lib/folders.sh"
# shellcheck source=scripts/lib/base_image.sh
. "$lib/base_image.sh"
# shellcheck source=scripts/lib/images.sh
. "$lib/images.sh"
# shellcheck source=scripts/lib/stack.sh
. "$lib/stack.sh"
# shellcheck source=scripts/lib/swarm.sh
. "$lib/swarm.sh"
# shellcheck source=scripts/lib/native.sh
. "$lib/native.sh"
# shellcheck source=scripts/lib/archives.sh
. "$lib/archives.sh"
# shellcheck source=scripts/lib/farewell.sh
. "$lib/farewell.sh"
