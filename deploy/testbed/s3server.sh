#!/usr/bin/env bash
# Runs versitygw, an S3 server over a directory, on loopback for tests. Built from the versions in s3server/go.sum.
#
#   s3server.sh build            the program into the cache; prints its path
#   s3server.sh run DIR PORT     in the foreground, keys from ROOT_ACCESS_KEY and ROOT_SECRET_KEY; it ends on SIGTERM
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
need go "install the Go that go.mod names"
program=$cache/versitygw-$(cat "$here"/s3server/go.mod "$here"/s3server/go.sum | sha256sum | cut -c1-16)

build() {
  [ -x "$program" ] && return
  GOFLAGS=-mod=readonly go build -C "$here/s3server" -o "$program.tmp" github.com/versity/versitygw/cmd/versitygw >&2
  mv "$program.tmp" "$program"
}

case ${1:-} in
  build) build; printf '%s\n' "$program" ;;
  run) build; mkdir -p "$2" "$2.versions"; exec "$program" --port "127.0.0.1:$3" posix --versioning-dir "$2.versions" "$2" ;;
  *) die "usage: s3server.sh build | run DIR PORT" ;;
esac
