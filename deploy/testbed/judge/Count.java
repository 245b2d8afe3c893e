import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.Stores;

/**
 * Counts the records of topics by key, by key and window of event time with a grace that takes all that is late, and by the same windows without
 * any grace, with Kafka Streams: BROKER DIRECTORY SIZE GRACE TOPIC... where SIZE and GRACE are milliseconds. It ends when every topic was
 * counted up to its end, and prints "topic what key [window] count", a line each.
 */
public class Count {
  static final Duration PATIENCE = Duration.ofSeconds(60);

  public static void main(String[] args) throws Exception {
    Duration size = Duration.ofMillis(Long.parseLong(args[2])), grace = Duration.ofMillis(Long.parseLong(args[3]));
    Map<String, KafkaStreams> apps = new HashMap<>();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
      List<String> topics = List.of(args).subList(4, args.length);
      for (String topic : topics) apps.put(topic, start(args[0], args[1], topic, size, grace));
      PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
      for (String topic : topics) {
        await(admin, topic, apps.get(topic));
        print(out, topic, apps.get(topic), size, grace);
      }
      out.flush();
    } finally {
      for (KafkaStreams app : apps.values()) app.close(Duration.ofSeconds(5));
    }
  }

  static KafkaStreams start(String broker, String dir, String topic, Duration size, Duration grace) {
    Properties p = new Properties();
    p.put(StreamsConfig.APPLICATION_ID_CONFIG, group(topic));
    p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, broker);
    p.put(StreamsConfig.STATE_DIR_CONFIG, dir);
    p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    p.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    p.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
    p.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    p.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    StreamsBuilder b = new StreamsBuilder();
    var keyed = b.<String, byte[]>stream(topic).groupByKey();
    keyed.count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("keys")).withLoggingDisabled());
    windows(keyed, "windows", size, grace);
    windows(keyed, "punctual", size, Duration.ZERO);
    KafkaStreams app = new KafkaStreams(b.build(), p);
    app.start();
    return app;
  }

  static void windows(org.apache.kafka.streams.kstream.KGroupedStream<String, byte[]> keyed, String name, Duration size, Duration grace) {
    keyed.windowedBy(TimeWindows.ofSizeAndGrace(size, grace))
        .count(Materialized.<String, Long>as(Stores.inMemoryWindowStore(name, size.plus(grace).plusDays(365), size, false)).withLoggingDisabled());
  }

  static String group(String topic) { return "count-" + topic; }

  /** Waits until the application has committed the end of each partition. */
  static void await(Admin admin, String topic, KafkaStreams app) throws Exception {
    var partitions = new HashMap<TopicPartition, OffsetSpec>();
    for (var p : admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()) {
      partitions.put(new TopicPartition(topic, p.partition()), OffsetSpec.latest());
    }
    var ends = admin.listOffsets(partitions, new org.apache.kafka.clients.admin.ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).all().get();
    Instant until = Instant.now().plus(PATIENCE);
    for (boolean there = false; !there; Thread.sleep(50)) {
      if (Instant.now().isAfter(until) || app.state() == KafkaStreams.State.ERROR) {
        throw new IllegalStateException(topic + " was not counted to its end; the application is " + app.state());
      }
      var committed = admin.listConsumerGroupOffsets(group(topic)).partitionsToOffsetAndMetadata().get();
      there = ends.entrySet().stream().allMatch(e -> e.getValue().offset() == 0 || committed.get(e.getKey()) != null && committed.get(e.getKey()).offset() >= e.getValue().offset());
    }
  }

  static void print(PrintStream out, String topic, KafkaStreams app, Duration size, Duration grace) {
    var keys = app.store(StoreQueryParameters.fromNameAndType("keys", QueryableStoreTypes.<String, Long>keyValueStore()));
    try (var all = keys.all()) {
      while (all.hasNext()) {
        KeyValue<String, Long> e = all.next();
        out.println(topic + " keys " + e.key + " " + e.value);
      }
    }
    for (String name : List.of("windows", "punctual")) {
      var store = app.store(StoreQueryParameters.fromNameAndType(name, QueryableStoreTypes.<String, Long>windowStore()));
      try (var all = store.all()) {
        while (all.hasNext()) {
          var e = all.next();
          out.println(topic + " " + name + " " + e.key.key() + " " + e.key.window().start() + " " + e.value);
        }
      }
    }
  }
}
