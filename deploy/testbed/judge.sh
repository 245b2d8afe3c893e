#!/usr/bin/env bash
# Runs a judge in Java: a program of one file beside this script, with Apache's own readers, writers and Streams on its class path.
#
#   judge.sh fetch              jars into the cache, each checked against judge.sha256
#   judge.sh run NAME ARGS...   judge/NAME.java, compiled on its way
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
libs=$cache/judge-$(sha256sum < "$here/judge.sha256" | cut -c1-16)

fetch() {
  if [ -d "$libs" ] && (cd "$libs" && sha256sum --quiet --status -c "$here/judge.sha256"); then return; fi
  need mvn "install Maven 3.8 or newer"
  local tmp
  tmp=$(mktemp -d "$cache/judge.XXXXXX")
  mvn -q -B -f "$here/judge/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DoutputDirectory="$tmp" -DincludeScope=runtime >&2
  (cd "$tmp" && sha256sum --quiet -c "$here/judge.sha256") || die "a jar differs from judge.sha256; nothing was kept"
  rm -rf "$libs"
  mv "$tmp" "$libs"
}

case ${1:-} in
  fetch) fetch ;;
  run)
    fetch
    need javac "install a Java 17 development kit or newer"
    name=$2; shift 2
    exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$libs/*" "$here/judge/$name.java" "$@" ;;
  *) die "usage: judge.sh fetch | run NAME ARGS..." ;;
esac
