package replaytest_test

import (
	"bytes"
	"fmt"
	"testing"

	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/connect"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	archivesource "backstitch/replay/source/archive"
	"backstitch/replay/source/confluent"
	kafkasource "backstitch/replay/source/kafka"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The suites for every source live here, because siblings do not know each other.

func TestMemory(t *testing.T) {
	replaytest.RunSourceSuite(t, func(t *testing.T) replaytest.SourceCase {
		rs := replaytest.Records(replaytest.Seed(t), 50, 60)
		m := &replaytest.Memory{Records: map[int32][]record.Record{1: rs}}
		return replaytest.SourceCase{Source: m, Slice: replaytest.FillSlice("bs-a", 0, 1, rs), Want: rs}
	})
}

// topicOf makes a topic whose partition 0 holds records in several batches.
func topicOf(t *testing.T) (*replaytest.Kafka, []record.Record) {
	k := replaytest.NewKafka(t, "orders")
	rs := replaytest.Records(replaytest.Seed(t), 0, 60)
	for i := 0; i < len(rs); i += 15 {
		k.Produce("orders", 0, rs[i:i+15]...)
	}
	return k, k.Committed("orders", 0)
}

func TestKafka(t *testing.T) {
	replaytest.RunSourceSuite(t, func(t *testing.T) replaytest.SourceCase {
		k, rs := topicOf(t)
		s, err := kafkasource.New(k.Client(), kafkasource.Config{Topic: "orders"})
		if err != nil {
			t.Fatal(err)
		}
		return replaytest.SourceCase{Source: s, Slice: replaytest.FillSlice("bs-a", 0, 0, rs), Want: rs}
	})
}

func TestArchive(t *testing.T) {
	replaytest.RunSourceSuite(t, func(t *testing.T) replaytest.SourceCase {
		k, rs := topicOf(t)
		b, err := connect.Bucket(t.Context(), t.TempDir(), connect.S3{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Copy(t.Context(), k.Client(), b, archive.Options{Topic: "orders"}); err != nil {
			t.Fatal(err)
		}
		objects, err := archivesource.Catalog(t.Context(), b, "orders", archivesource.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := archivesource.New(b, archivesource.Config{Topic: "orders"})
		if err != nil {
			t.Fatal(err)
		}
		slice := replaytest.FillSlice("bs-a", 0, 0, rs)
		slice.Objects = objects[0]
		return replaytest.SourceCase{Source: s, Slice: slice, Want: rs}
	})
}

func TestConfluent(t *testing.T) {
	replaytest.RunSourceSuite(t, func(t *testing.T) replaytest.SourceCase {
		b, err := connect.Bucket(t.Context(), t.TempDir(), connect.S3{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var rs []record.Record
		for o := range 3 {
			var text bytes.Buffer
			for i := range 15 {
				n := 20*o + i // objects do not touch: offsets have holes
				value := fmt.Sprintf(`{"n":%d}`, n)
				fmt.Fprintln(&text, value)
				rs = append(rs, record.Record{Offset: partition.Offset(n), Value: []byte(value)})
			}
			if _, err := b.PutNew(t.Context(), fmt.Sprintf("topics/orders/partition=0/orders+0+%010d.json", 20*o), text.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		s, err := confluent.New(b, confluent.DefaultConfig("orders"))
		if err != nil {
			t.Fatal(err)
		}
		listing, err := s.Catalog(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		slice := replaytest.FillSlice("bs-a", 0, 0, rs)
		slice.Objects = listing.Objects[0]
		return replaytest.SourceCase{Source: s, Slice: slice, Want: rs}
	})
}
