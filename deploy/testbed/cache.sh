# Sourced by the scripts beside it: where fetched programs and data are kept, outside the checkout.
cache=${BACKSTITCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/backstitch}
mkdir -p "$cache"

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
need() { command -v "$1" >/dev/null 2>&1 || die "$1 is not installed; $2"; }
