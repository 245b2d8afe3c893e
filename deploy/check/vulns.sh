#!/usr/bin/env bash
# Looks for known holes in what the program is built of, Go's standard library among it, that its code can reach. The database is
# golang.org/x/vulndb, fetched like any other Go module: where modules come from, it comes from.
#
# Exit status: 0 none is known, 3 some are, 75 the database can not be had, so nothing was looked at. Anything else is a fault of this script's run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..

field() { sed -n -E 's/^[[:space:]]*"'"$1"'": "(.*)",?$/\1/p' | head -n 1; }

# Outside of every module: the database must not become anybody's requirement.
got=$(cd / && go mod download -json golang.org/x/vulndb@latest 2>&1) || {
  why=$(field Error <<<"$got")
  case $got in
    *"SECURITY ERROR"* | *"checksum mismatch"*)
      printf 'vulns.sh: the database of known holes is not what it was: %s\n' "${why:-$got}" >&2
      exit 1 ;;
  esac
  printf 'vulns.sh: the database of known holes can not be had, and NOTHING WAS LOOKED AT: %s\n' "${why:-$got}" >&2
  printf 'vulns.sh: it is the Go module golang.org/x/vulndb; let GOPROXY (%s) serve it\n' "$(go env GOPROXY)" >&2
  exit 75
}
database=$(field Dir <<<"$got")/data/osv
go build -C "$here/scanners" -o "$root/bin/govulncheck" golang.org/x/vuln/cmd/govulncheck

# A database that does not know a hole of which everybody knows is none, and would find nothing.
known=$("$root/bin/govulncheck" -db "file://$database" -mode query -json golang.org/x/text@v0.3.0) && grep -q '"GO-2020-0015"' <<<"$known" || {
  printf 'vulns.sh: %s does not know GO-2020-0015: it is no database of holes, or its form is another now\n' "$database" >&2
  exit 1
}
printf 'database: %s, %s entries\n' "$(field Version <<<"$got")" "$(find "$database" -name '*.json' | wc -l)"
cd "$root"

# The standard library that is looked at is that of the toolchain which go.mod asks for. A machine may be told to build with its own.
asked=$(go mod edit -json | field Toolchain)
ours=$(go env GOVERSION)
if [ "$ours" != "$asked" ] && [ "$(printf '%s\n' "$ours" "$asked" | sort -V | tail -n 1)" = "$asked" ]; then
  printf 'vulns.sh: this machine builds with %s (GOTOOLCHAIN=%s); what is said here is of %s. Build what you give to others with GOTOOLCHAIN=auto\n' \
    "$ours" "$(go env GOTOOLCHAIN)" "$asked" >&2
  export GOTOOLCHAIN=$asked
fi
exec bin/govulncheck -db "file://$database" ./...
