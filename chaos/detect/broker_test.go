package detect

import (
	"errors"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// broker is a Kafka cluster, in the process or a real one.
type broker struct {
	t       testing.TB
	address string // of all brokers
	opts    []kgo.Opt
	adm     *kadm.Client
	writer  *kgo.Client
	txn     *kgo.Client // made when it is needed
	id      string      // transactional
	prefix  string      // of topics: a real broker is shared
}

// limit is how long a broker may take for anything.
const limit = 20 * time.Second

// inProcess starts a cluster that nobody else uses.
func inProcess(t testing.TB, opts ...kfake.Opt) *broker {
	t.Helper()
	k := replaytest.NewKafkaWith(t, opts...)
	return newBroker(t, strings.Join(k.ListenAddrs(), ","), "")
}

func newBroker(t testing.TB, address, prefix string) *broker {
	t.Helper()
	b := &broker{t: t, address: address, opts: []kgo.Opt{kgo.SeedBrokers(strings.Split(address, ",")...)}, id: prefix + "detect", prefix: prefix}
	b.connect()
	return b
}

// connect makes new clients: one that has seen a topic goes on with the id that it had.
func (b *broker) connect() {
	b.writer, b.txn = b.client(kgo.RecordPartitioner(kgo.ManualPartitioner())), nil
	b.adm = kadm.NewClient(b.writer)
}

func (b *broker) client(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	cl, err := kgo.NewClient(append(opts, b.opts...)...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(cl.Close)
	return cl
}

// create makes a topic that keeps records however old they are.
func (b *broker) create(topic string, parts int32) {
	b.t.Helper()
	forever := "-1"
	var err error
	testbed.Eventually(b.t, limit, "topic "+topic, func() bool { // one that was deleted goes away when it goes
		_, err = b.adm.CreateTopic(b.t.Context(), parts, 1, map[string]*string{"retention.ms": &forever}, b.prefix+topic)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			b.t.Fatalf("create topic %s: %v", topic, err)
		}
		return err == nil
	})
	testbed.Eventually(b.t, limit, "leaders of "+topic, func() bool { // a broker answers before it knows the topic everywhere
		offs, err := b.adm.ListEndOffsets(b.t.Context(), b.prefix+topic)
		return err == nil && offs.Error() == nil && len(offs[b.prefix+topic]) == int(parts)
	})
}

func (b *broker) drop(topic string) {
	b.t.Helper()
	if _, err := b.adm.DeleteTopic(b.t.Context(), b.prefix+topic); err != nil {
		b.t.Fatal(err)
	}
	b.connect()
}

// write writes stretches into one partition, and returns the offsets of the records that are committed, in their order.
func (b *broker) write(topic string, part int32, list []stretch) []record.Record {
	b.t.Helper()
	var out []record.Record
	for _, s := range list {
		if s.fate == plain {
			out = append(out, b.produce(b.writer, topic, part, s.records)...)
			continue
		}
		if b.txn == nil {
			b.txn = b.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(b.id))
		}
		if err := b.txn.BeginTransaction(); err != nil {
			b.t.Fatal(err)
		}
		rs := b.produce(b.txn, topic, part, s.records)
		if err := b.txn.EndTransaction(b.t.Context(), kgo.TransactionEndTry(s.fate == committed)); err != nil {
			b.t.Fatal(err)
		}
		if s.fate == committed {
			out = append(out, rs...)
		}
	}
	if b.txn != nil {
		b.settled(topic, part)
	}
	return out
}

// settled waits until no transaction is open: a real broker answers the end of one before readers see it.
func (b *broker) settled(topic string, part int32) {
	b.t.Helper()
	testbed.Eventually(b.t, limit, "the end of transactions in "+topic, func() bool {
		end, err := b.adm.ListEndOffsets(b.t.Context(), b.prefix+topic)
		stable, serr := b.adm.ListCommittedOffsets(b.t.Context(), b.prefix+topic)
		if err != nil || serr != nil {
			return false
		}
		e, _ := end.Lookup(b.prefix+topic, part)
		s, ok := stable.Lookup(b.prefix+topic, part)
		return ok && s.Offset == e.Offset
	})
}

func (b *broker) produce(cl *kgo.Client, topic string, part int32, rs []record.Record) []record.Record {
	b.t.Helper()
	list := make([]*kgo.Record, len(rs))
	for i, r := range rs {
		list[i] = &kgo.Record{Topic: b.prefix + topic, Partition: part, Key: r.Key, Value: r.Value, Timestamp: time.UnixMilli(r.TimestampMs)}
		for _, h := range r.Headers {
			list[i].Headers = append(list[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
	}
	if err := cl.ProduceSync(b.t.Context(), list...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
	out := make([]record.Record, len(rs))
	for i, r := range rs {
		r.Offset = list[i].Offset
		out[i] = r
	}
	return out
}

// behead deletes what lies before an offset.
func (b *broker) behead(topic string, part int32, to int64) {
	b.t.Helper()
	offs := kadm.Offsets{}
	offs.AddOffset(b.prefix+topic, part, to, -1)
	resp, err := b.adm.DeleteRecords(b.t.Context(), offs)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// set changes a setting of a topic.
func (b *broker) set(topic, name, value string) {
	b.t.Helper()
	resp, err := b.adm.AlterTopicConfigs(b.t.Context(), []kadm.AlterConfig{{Name: name, Value: &value}}, b.prefix+topic)
	if err == nil {
		err = resp[0].Err
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
