#!/usr/bin/env bash
# Runs Apicurio Registry, which speaks Confluent's protocol under /apis/ccompat/v7, on loopback for tests. What it keeps is in memory.
#
#   registry.sh fetch       the program into the cache, checked
#   registry.sh run PORT    in the foreground; it ends on SIGTERM
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
version=2.6.13.Final # the last line that a Java 17 runs
sum=3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba
libs=$cache/apicurio-$version

fetch() {
  [ -d "$libs" ] && return
  need mvn "install Maven 3.8 or newer"
  tmp=$(mktemp -d "$cache/apicurio.XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact=io.apicurio:apicurio-registry-app:$version:tar.gz:all \
    -DoutputDirectory="$tmp" >&2
  local archive=$tmp/apicurio-registry-app-$version-all.tar.gz
  [ "$(sha256sum < "$archive" | cut -d' ' -f1)" = "$sum" ] || die "the archive differs from its checksum; nothing was kept"
  mkdir "$tmp/app"
  tar -xzf "$archive" -C "$tmp/app"
  mv "$tmp/app" "$libs"
  rm -rf "$tmp"
  trap - EXIT
}

case ${1:-} in
  fetch) fetch ;;
  run)
    fetch
    need java "install a Java 17 runtime or newer"
    export QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT=$2 QUARKUS_LOG_LEVEL=WARN QUARKUS_LOG_CATEGORY__IO_APICURIO__LEVEL=WARN
    exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -jar "$libs/apicurio-registry-app-$version-runner.jar" ;;
  *) die "usage: registry.sh fetch | run PORT" ;;
esac
