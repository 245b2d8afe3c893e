#!/usr/bin/env bash
# Prints the path of flights-3m.parquet: about three million US domestic flights of the Bureau of Transportation Statistics
# (public domain), as packaged in vega-datasets 3.2.1 (BSD-3-Clause). Fetched once, checked, kept in the cache.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
sum=dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0
file=$cache/flights-3m.parquet

matches() { [ -f "$1" ] && [ "$(sha256sum < "$1" | cut -d' ' -f1)" = "$sum" ]; }

if ! matches "$file"; then
  need npm "install Node.js"
  tmp=$(mktemp -d "$cache/flights.XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  npm pack --silent --pack-destination "$tmp" vega-datasets@3.2.1 >&2
  tar -xzf "$tmp"/vega-datasets-3.2.1.tgz -C "$tmp" package/data/flights-3m.parquet
  matches "$tmp/package/data/flights-3m.parquet" || die "flights-3m.parquet differs from its checksum"
  mv "$tmp/package/data/flights-3m.parquet" "$file"
fi
printf '%s\n' "$file"
