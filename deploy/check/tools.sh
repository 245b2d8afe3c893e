#!/usr/bin/env bash
# What the tests of deploy/ need besides Go: systemd-analyze, and promtool, both from Debian. Nothing of Prometheus is installed: one file of
# its package is kept in the cache.
#
#   tools.sh            install what is missing
#   tools.sh promtool   print the path of promtool
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../testbed/cache.sh"
promtool=$(command -v promtool || printf '%s/promtool' "$cache")

quietly() { "$@" >"$log" 2>&1 || { cat "$log" >&2; die "$* failed"; }; }

if [ "${1:-}" = promtool ]; then
  printf '%s\n' "$promtool"
  exit
fi
command -v systemd-analyze >/dev/null && [ -x "$promtool" ] && exit

need apt-get "this is no Debian: install promtool (of Prometheus) and systemd-analyze (of systemd) by hand"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
chmod 755 "$work" # apt downloads as somebody else
quietly apt-get update
if ! command -v systemd-analyze >/dev/null; then
  quietly apt-get install -y --no-install-recommends systemd
fi
if [ ! -x "$promtool" ]; then
  (cd "$work" && quietly apt-get download prometheus)
  quietly dpkg-deb -x "$work"/prometheus_*.deb "$work/out"
  cp "$work/out/usr/bin/promtool" "$promtool.tmp"
  mv "$promtool.tmp" "$promtool"
fi
"$promtool" --version >/dev/null 2>&1 || die "$promtool does not run here"
