package fsm

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"backstitch/fsm/wire"
	"backstitch/partition"
	"backstitch/storage"
)

// BenchmarkApplyBatch applies what a busy cluster sends most: checkpoints, batched per node, in batches as Raft hands them
// over. One operation is one slice's checkpoint.
func BenchmarkApplyBatch(b *testing.B) {
	for _, perNode := range []int{1, 20, 200} {
		b.Run(fmt.Sprintf("slices=%d", perNode), func(b *testing.B) {
			const slices, perBatch = 2000, 16
			dir := b.TempDir()
			db, err := storage.Open(dir, storage.Options{FS: vfs.Default})
			if err != nil {
				b.Fatal(err)
			}
			m, err := Open(db)
			if err != nil {
				b.Fatal(err)
			}
			n := &node{t: b, fs: vfs.Default, db: db, m: m}
			defer n.stop()
			running(n, "bs-a", slices)
			index, cursor := m.Applied(), int64(0)
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; {
				b.StopTimer()
				var logs []*raft.Log
				for range perBatch {
					cmd := SaveCheckpoints{Owner: "a"}
					for range perNode {
						id := partition.SliceID{Job: "bs-a", N: uint32(done % slices)}
						cursor++
						cmd.Entries = append(cmd.Entries, SliceCheckpoint{id, Checkpoint{Epoch: 1, Cursor: cursor, Records: cursor, Bytes: cursor << 9}})
						done++
					}
					index++
					logs = append(logs, logEntry(b, index, Envelope{Actor: "node:a"}, cmd))
				}
				b.StartTimer()
				for _, out := range m.ApplyBatch(logs) {
					if r, ok := out.(*Result); !ok || len(r.Refused) > 0 {
						b.Fatal(out)
					}
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checkpoints/s")
		})
	}
}

func BenchmarkAssignment(b *testing.B) {
	n := newNode(b)
	running(n, "bs-a", 100)
	b.ReportAllocs()
	for b.Loop() {
		n.view(func(v *View) {
			if a, err := v.Assignment("a"); err != nil || len(a.Work) != 100 {
				b.Fatal(len(a.Work), err)
			}
		})
	}
}

func BenchmarkDecodeSliceState(b *testing.B) {
	body, err := wire.Marshal(SliceState{ID: goldenSlice, Owner: "a", Checkpoint: goldenPoint})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var s SliceState
		if err := wire.Unmarshal(body, &s); err != nil {
			b.Fatal(err)
		}
	}
}
