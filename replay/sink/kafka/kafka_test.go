package kafka

import (
	"fmt"
	"os"
	"testing"
	"time"

	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "orders"

func config(k *replaytest.Kafka) Config {
	cfg := DefaultConfig()
	cfg.Client, cfg.Cluster, cfg.Topic, cfg.SourceTopic = k.Opts(), "test", topic, "archived"
	return cfg
}

func open(tb testing.TB, cfg Config) *Sink {
	tb.Helper()
	s, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func suiteOn(origin bool) func(t *testing.T) replaytest.SinkCase {
	return func(t *testing.T) replaytest.SinkCase {
		k := replaytest.NewKafka(t, topic)
		cfg := config(k)
		cfg.OriginHeaders = origin
		return replaytest.SinkCase{
			New:       func(tb testing.TB) sink.Sink { return open(tb, cfg) },
			Committed: func(_ testing.TB, part int32) []record.Record { return k.Committed(topic, part) },
			Foreign:   func(_ testing.TB, part int32, rs ...record.Record) { k.Produce(topic, part, rs...) },
		}
	}
}

// TestSuiteOnARealBroker runs on the broker that BACKSTITCH_TEST_KAFKA names, host:port. It makes and deletes topics there.
func TestSuiteOnARealBroker(t *testing.T) {
	addr := os.Getenv("BACKSTITCH_TEST_KAFKA")
	if addr == "" {
		t.Skip("BACKSTITCH_TEST_KAFKA names no broker")
	}
	serial := 0
	replaytest.RunSinkSuite(t, func(t *testing.T) replaytest.SinkCase {
		serial++
		topic := fmt.Sprintf("sink-%d-%d", time.Now().UnixNano(), serial)
		k := replaytest.RealKafka(t, addr, topic)
		cfg := config(k)
		cfg.Topic, cfg.Cluster = topic, topic
		return replaytest.SinkCase{
			New:       func(tb testing.TB) sink.Sink { return open(tb, cfg) },
			Committed: func(_ testing.TB, part int32) []record.Record { return k.Committed(topic, part) },
			Foreign:   func(_ testing.TB, part int32, rs ...record.Record) { k.Produce(topic, part, rs...) },
		}
	})
}

func TestSuite(t *testing.T) {
	t.Run("origin headers", func(t *testing.T) { replaytest.RunSinkSuite(t, suiteOn(true)) })
	t.Run("no headers", func(t *testing.T) { replaytest.RunSinkSuite(t, suiteOn(false)) })
}
