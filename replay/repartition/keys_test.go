package repartition

import (
	"fmt"
	"io"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
)

// seen reads all of a reference twice, as a scan may.
func seen(t *testing.T, k *Keys, ref map[int32][]record.Record) Seen {
	t.Helper()
	src := k.Over(&replaytest.Memory{Records: ref})
	for range 2 {
		for p, rs := range ref {
			r, err := src.Open(t.Context(), partition.Slice{Partition: p, Ranges: partition.Ranges{{From: 0, To: int64(len(rs))}}}, 0)
			if err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, err = r.Next(t.Context())
			}
			if err != io.EOF {
				t.Fatal(err)
			}
		}
	}
	return k.Seen()
}

func TestKeysInSeveralPartitionsAreCounted(t *testing.T) {
	put := func(place func(key []byte, i int64) int32) map[int32][]record.Record {
		ref := map[int32][]record.Record{0: nil, 1: nil, 2: nil}
		for i := range int64(300) {
			var key []byte
			if i%10 != 0 {
				key = fmt.Appendf(nil, "k%d", i%27)
			}
			p := place(key, i)
			ref[p] = append(ref[p], record.Record{Offset: int64(len(ref[p])), Key: key})
		}
		return ref
	}
	byKey := func(key []byte, i int64) int32 {
		if key == nil {
			return int32(i % 3)
		}
		return KeyPartition(key, 3)
	}
	for name, c := range map[string]struct {
		place  func(key []byte, i int64) int32
		limit  int64
		split  int64
		astray bool
	}{
		"by murmur2":                       {byKey, maxKeys, 0, false},
		"by murmur2, too many to remember": {byKey, 5, 0, false},
		"by another rule":                  {func(key []byte, _ int64) int32 { return int32(len(key)+1) % 3 }, maxKeys, 0, true},
		"by another rule, too many":        {func(key []byte, _ int64) int32 { return int32(len(key)+1) % 3 }, 5, -1, true},
		"one key elsewhere for a while": {func(key []byte, i int64) int32 {
			if string(key) == "k4" && i > 100 {
				return (byKey(key, i) + 1) % 3
			}
			return byKey(key, i)
		}, maxKeys, 1, true},
		"any": {func(_ []byte, i int64) int32 { return int32(i/10) % 3 }, maxKeys, 27, true},
	} {
		k := NewKeys(3)
		k.limit = c.limit
		got := seen(t, k, put(c.place))
		if got.Split != c.split || got.Astray > 0 != c.astray || got.Keyless != 30 {
			t.Errorf("%s: got %+v, want %d keys in several, astray %t, 30 without a key", name, got, c.split, c.astray)
		}
	}
}
