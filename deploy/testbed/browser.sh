#!/usr/bin/env bash
# What tests of the web page need: a Chromium, from the system's packages, and axe-core 4.14.1 (MPL-2.0), which finds what people can not use.
#
#   browser.sh fetch    both, axe-core checked and in the cache
#   browser.sh axe      prints the path of axe.min.js
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
sum=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c
file=$cache/axe-core-4.14.1.min.js

matches() { [ -f "$1" ] && [ "$(sha256sum < "$1" | cut -d' ' -f1)" = "$sum" ]; }

axe() {
  if ! matches "$file"; then
    need npm "install Node.js"
    tmp=$(mktemp -d "$cache/axe.XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    npm pack --silent --pack-destination "$tmp" axe-core@4.14.1 >&2
    tar -xzf "$tmp"/axe-core-4.14.1.tgz -C "$tmp" package/axe.min.js
    matches "$tmp/package/axe.min.js" || die "axe.min.js differs from its checksum"
    mv "$tmp/package/axe.min.js" "$file"
  fi
  printf '%s\n' "$file"
}

chromium() {
  type -P chromium >/dev/null && return # -P: this function has the same name
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || die "chromium is not installed; install it, e.g. apt-get install chromium"
  apt-get -qq update >&2
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >&2
}

case ${1:-} in
  fetch) chromium; axe >/dev/null ;;
  axe) axe ;;
  *) die "usage: browser.sh fetch | axe" ;;
esac
