#!/usr/bin/env bash
# Runs one real Apache Kafka broker (KRaft, combined mode) for tests, on loopback unless another address is given.
#
#   kafka.sh fetch              jars into the cache, each checked against kafka.sha256
#   kafka.sh format DIR PORT [IP]   a new data directory and its server.properties
#   kafka.sh run DIR            the broker in the foreground; it ends on SIGTERM
#   kafka.sh console PORT ...   Kafka's own console consumer, with the arguments given
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
version=4.1.2
libs=$cache/kafka-$version

fetch() {
  if [ -d "$libs" ] && (cd "$libs" && sha256sum --quiet --status -c "$here/kafka.sha256"); then return; fi
  need mvn "install Maven 3.8 or newer"
  local tmp
  tmp=$(mktemp -d "$cache/kafka.XXXXXX")
  mvn -q -B -f "$here/kafka-pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DoutputDirectory="$tmp" -DincludeScope=runtime >&2
  (cd "$tmp" && sha256sum --quiet -c "$here/kafka.sha256") || die "a jar differs from kafka.sha256; nothing was kept"
  rm -rf "$libs"
  mv "$tmp" "$libs"
}

java_run() { # heap class args...
  local heap=$1; shift
  need java "install a Java 17 runtime or newer"
  exec java -Xmx"$heap" -XX:+UseSerialGC -cp "$libs/*" "$@"
}

format() {
  local dir=$1 port=$2 ip=${3:-127.0.0.1}
  mkdir -p "$dir"
  cat > "$dir/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$ip:$((port + 1))
listeners=PLAINTEXT://$ip:$port,CONTROLLER://$ip:$((port + 1))
advertised.listeners=PLAINTEXT://$ip:$port
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/data
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.check.interval.ms=1000
P
  (java_run 256m kafka.tools.StorageTool format -t "$(java_run 128m kafka.tools.StorageTool random-uuid)" -c "$dir/server.properties") >&2
}

case ${1:-} in
  fetch) fetch ;;
  format) fetch; format "$2" "$3" "${4:-}" ;;
  run) fetch; java_run 1g kafka.Kafka "$2/server.properties" ;;
  console) fetch; port=$2; shift 2; java_run 512m org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "127.0.0.1:$port" "$@" ;;
  *) die "usage: kafka.sh fetch | format DIR PORT [IP] | run DIR | console PORT ARGS..." ;;
esac
