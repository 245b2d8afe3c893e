package fakes

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/chaos/fault"
	"backstitch/partition"
	"backstitch/replay/record"
	kafkasink "backstitch/replay/sink/kafka"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "orders"

// inBubble runs test with a broker in memory under virtual time.
func inBubble(t *testing.T, test func(t *testing.T, k *Kafka)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k, err := NewKafka(KafkaConfig{Seed: 1, Topics: map[string]int32{topic: 1}})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		test(t, k)
	})
}

func client(t *testing.T, k *Kafka, node string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(k.Opts(node), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// visible reads the values that a reader of committed data sees, as a client without faults.
func visible(t *testing.T, k *Kafka) []string {
	t.Helper()
	end := k.Cluster.PartitionInfo(topic, 0).LastStableOffset
	at := map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}
	cl := client(t, k, "judge", kgo.ConsumePartitions(at), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out []string
	for next := k.Cluster.PartitionInfo(topic, 0).LogStartOffset; next < end; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatal(err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				out = append(out, string(r.Value))
			}
		})
	}
	return out
}

// refill writes n records through the product's sink in transactions of size each, taking the lane again under the next epoch
// after every error, as workers do.
func refill(t *testing.T, k *Kafka, n, size int) (opened int) {
	t.Helper()
	cfg := kafkasink.DefaultConfig()
	cfg.Client, cfg.Cluster, cfg.Topic, cfg.SourceTopic = k.Opts("node-a"), "test", topic, topic
	slice := partition.Slice{
		ID: partition.SliceID{Job: "bs-ambiguous", N: 0}, Kind: partition.SliceFill, Records: int64(n),
		Ranges: []partition.Range{{From: 0, To: partition.Offset(n)}},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	for epoch := partition.Epoch(1); ; epoch++ {
		done, err := lease(ctx, cfg, slice, epoch, n, size)
		if done {
			return int(epoch)
		}
		if ctx.Err() != nil {
			t.Fatalf("not done after %d leases: %v", epoch, err)
		}
		time.Sleep(500 * time.Millisecond) // of the bubble; the cluster takes longer to grant the next lease
	}
}

func lease(ctx context.Context, cfg kafkasink.Config, slice partition.Slice, epoch partition.Epoch, n, size int) (bool, error) {
	s, err := kafkasink.New(cfg)
	if err != nil {
		return false, err
	}
	defer s.Close()
	w, p, err := s.Open(ctx, slice, epoch)
	if err != nil {
		return false, err
	}
	defer w.Close()
	for int(p.Cursor) < n {
		b := &record.Batch{}
		for i := int(p.Cursor); i < min(n, int(p.Cursor)+size); i++ {
			r := record.Record{Offset: partition.Offset(i), TimestampMs: 1_700_000_000_000 + int64(i), Value: fmt.Append(nil, "v", i)}
			b.Records = append(b.Records, r)
			b.Bytes += r.Size()
			b.Next = r.Offset + 1
		}
		if err := w.Write(ctx, b); err != nil {
			return false, err
		}
		p.Cursor, p.Records = b.Next, p.Records+int64(len(b.Records))
		if err := w.Commit(ctx, p); err != nil {
			return false, err
		}
	}
	return true, nil
}

// sinkSends are the kinds of request of a refill.
var sinkSends = []kmsg.Key{
	kmsg.Metadata, kmsg.FindCoordinator, kmsg.InitProducerID, kmsg.OffsetFetch, kmsg.Produce, kmsg.AddPartitionsToTxn,
	kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn,
}

func TestEveryRequestOfASinkBrokenBeforeAndAfter(t *testing.T) {
	const n, size = 40, 10
	for _, key := range sinkSends {
		for _, after := range []bool{false, true} {
			for skip := range 3 {
				t.Run(fmt.Sprintf("%s after=%t skip=%d", key.Name(), after, skip), func(t *testing.T) {
					inBubble(t, func(t *testing.T, k *Kafka) {
						in, err := k.Inject(Rule{Keys: []kmsg.Key{key}, From: "node-a", Before: !after, After: after, Skip: skip, Count: 1})
						if err != nil {
							t.Fatal(err)
						}
						opened := refill(t, k, n, size)
						if in.Hits() == 0 && skip == 0 {
							t.Error("it hit nothing")
						}
						in.Stop()
						got := visible(t, k)
						if len(got) != n {
							t.Fatalf("got %d visible records after %d leases, want %d: %v", len(got), opened, n, got)
						}
						for i, v := range got {
							if want := fmt.Sprint("v", i); v != want {
								t.Fatalf("record %d: got %s, want %s", i, v, want)
							}
						}
					})
				})
			}
		}
	}
}

func TestAmbiguousProduceWasWritten(t *testing.T) {
	inBubble(t, func(t *testing.T, k *Kafka) {
		in, err := k.Inject(Rule{Keys: []kmsg.Key{kmsg.Produce}, After: true, Count: 1})
		if err != nil {
			t.Fatal(err)
		}
		// Without idempotence the client's second try is a second record: what makes the reply ambiguous.
		cl := client(t, k, "a", kgo.DisableIdempotentWrite(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer cl.Close()
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("once")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if got := visible(t, k); len(got) != 2 || in.Hits() != 1 {
			t.Errorf("got %d records and %d hits, want the record twice and 1 hit", len(got), in.Hits())
		}
	})
}

func TestBrokenBeforeIsNotWritten(t *testing.T) {
	inBubble(t, func(t *testing.T, k *Kafka) {
		in, err := k.Inject(Rule{Keys: []kmsg.Key{kmsg.Produce}, Before: true, Count: 1})
		if err != nil {
			t.Fatal(err)
		}
		cl := client(t, k, "a", kgo.DisableIdempotentWrite(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer cl.Close()
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("once")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if got := visible(t, k); len(got) != 1 || in.Hits() != 1 {
			t.Errorf("got %d records and %d hits, want 1 and 1", len(got), in.Hits())
		}
	})
}

func TestFaultsOfTheTableBite(t *testing.T) {
	for _, text := range []string{
		"broker error not-leader 50%", "broker error coordinator 50%", "broker error fenced 30%", "broker error timeout 30%",
		"broker throttle 300ms", "broker slow 200ms±100ms", "broker cut 20%", "broker ambiguous 20%", "for 3s broker restart",
	} {
		t.Run(text, func(t *testing.T) {
			f, err := fault.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			inBubble(t, func(t *testing.T, k *Kafka) {
				in, err := k.Apply(f, topic)
				if err != nil {
					t.Fatal(err)
				}
				heal := time.AfterFunc(20*time.Second, in.Stop)
				defer heal.Stop()
				refill(t, k, 200, 10)
				if in.Hits() == 0 {
					t.Error("it hit nothing")
				}
				in.Stop()
				if got := visible(t, k); len(got) != 200 {
					t.Errorf("got %d visible records, want 200", len(got))
				}
				if tally := k.Tally(); tally[f.Kind].Injected != 1 || tally[f.Kind].Vacuous != 0 {
					t.Errorf("got tally %v, want one %s", tally, f.Kind)
				}
			})
		})
	}
}

func TestSlowAndThrottledTakeTime(t *testing.T) {
	for _, r := range []Rule{{Keys: []kmsg.Key{kmsg.Produce}, Delay: 400 * time.Millisecond}, {Keys: []kmsg.Key{kmsg.Produce}, Throttle: 400 * time.Millisecond}} {
		t.Run(r.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, k *Kafka) {
				cl := client(t, k, "a", kgo.RecordPartitioner(kgo.ManualPartitioner()))
				defer cl.Close()
				took := func() time.Duration {
					begin := time.Now()
					for range 5 {
						if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
							t.Fatal(err)
						}
					}
					return time.Since(begin)
				}
				free := took()
				in, err := k.Inject(r)
				if err != nil {
					t.Fatal(err)
				}
				if slow := took(); slow < free+1500*time.Millisecond || in.Hits() != 5 {
					t.Errorf("took %s instead of %s, hit %d: want 1.5 s more and 5", slow, free, in.Hits())
				}
			})
		})
	}
}

func TestCutHoldsOneNodeAndArrivesLate(t *testing.T) {
	inBubble(t, func(t *testing.T, k *Kafka) {
		// A connection by hand: when a client gives up, and over which connection it tries, is its own affair.
		conn, err := k.dial(t.Context(), "a", k.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		in, err := k.Cut("a")
		if err != nil {
			t.Fatal(err)
		}
		remove := kmsg.NewPtrDeleteTopicsRequest()
		remove.Version, remove.TopicNames = 1, []string{topic}
		if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, remove, 1)); err != nil {
			t.Fatal(err)
		}
		a := client(t, k, "a")
		defer a.Close()
		begin := time.Now()
		if err := a.Ping(t.Context()); err == nil || time.Since(begin) < dialTimeout {
			t.Errorf("a client of the node that is cut off: got %v after %s, want a timeout", err, time.Since(begin))
		}
		b := client(t, k, "b", kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer b.Close()
		if err := b.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
			t.Errorf("a write of the other node: %v", err)
		}
		if got := visible(t, k); len(got) != 1 || in.Hits() == 0 {
			t.Errorf("got %d records and %d hits, want 1 and some", len(got), in.Hits())
		}
		in.Stop()
		synctest.Wait()
		if k.Cluster.TopicInfo(topic) != nil {
			t.Error("after the cut the topic is still there: what was on the way has to arrive")
		}
		if err := a.Ping(t.Context()); err != nil {
			t.Errorf("after the cut: %v", err)
		}
	})
}

func TestRetentionAndRecreation(t *testing.T) {
	inBubble(t, func(t *testing.T, k *Kafka) {
		refill(t, k, 40, 10)
		in, err := k.Apply(fault.Fault{Kind: fault.Retention, Percent: 50}, topic)
		if err != nil {
			t.Fatal(err)
		}
		if got := visible(t, k); len(got) != 20 || in.Hits() != 22 { // 40 records and 4 ends of transactions
			t.Errorf("got %d records and %d hits, want 20 and 22", len(got), in.Hits())
		}
		before := k.Cluster.TopicInfo(topic).TopicID
		if in, err = k.Apply(fault.Fault{Kind: fault.TopicRecreated}, topic); err != nil {
			t.Fatal(err)
		}
		if got := k.Cluster.TopicInfo(topic).TopicID; got == before || in.Hits() != 22 {
			t.Errorf("got id %x as before %x, and %d hits, want another and 22", got, before, in.Hits())
		}
		if in, err = k.Apply(fault.Fault{Kind: fault.Retention, Percent: 50}, topic); err != nil {
			t.Fatal(err)
		}
		if in.Hits() != 0 {
			t.Errorf("retention of an empty topic: got %d hits, want 0", in.Hits())
		}
	})
}

func TestLoopback(t *testing.T) {
	k, err := NewKafka(KafkaConfig{Topics: map[string]int32{topic: 1}, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	in, err := k.Inject(Rule{Keys: []kmsg.Key{kmsg.EndTxn}, Delay: time.Millisecond, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	refill(t, k, 20, 10)
	if got := visible(t, k); len(got) != 20 || in.Hits() != 1 {
		t.Errorf("got %d records and %d hits, want 20 and 1", len(got), in.Hits())
	}
	if _, err := k.Cut("a"); !errors.Is(err, ErrCannot) {
		t.Errorf("cut of one node on loopback: got %v, want ErrCannot", err)
	}
}

func TestRulesThatSayNothingAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, k *Kafka) {
		for _, r := range []Rule{
			{}, {Before: true, After: true}, {Err: kerr.NotLeaderForPartition, From: "a"}, {Before: true, Percent: 101},
			{Delay: time.Second, Jitter: 2 * time.Second}, {After: true, Count: -1},
		} {
			if in, err := k.Inject(r); err == nil {
				t.Errorf("rule %+v: got %s, want an error", r, in)
			}
		}
		for _, kind := range []fault.Kind{fault.UncleanElection, fault.AbortedTx} {
			f := kind.Spec().Typical
			f.Kind = kind
			if _, err := k.Apply(f, topic); !errors.Is(err, ErrCannot) {
				t.Errorf("%s: got %v, want ErrCannot", kind, err)
			}
		}
	})
}
