package worker_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/replaytest"
	"backstitch/replay/verify"
	"backstitch/replay/worker"
)

// book takes what scans report, and notes in which order.
type book struct {
	*replaytest.NodeControl
	answer fsm.Code // to schemas

	mu    sync.Mutex
	told  []string
	ended chan struct{}
}

func (b *book) SaveSchemas(_ context.Context, cmd fsm.SaveSchemas) (fsm.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, "schemas "+cmd.Schemas[0].Name)
	return fsm.Result{Code: b.answer}, nil
}

func (b *book) FinishScanSlice(context.Context, fsm.FinishScanSlice) (fsm.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, "end")
	close(b.ended)
	return fsm.Result{}, nil
}

// met is a scanner that has met a schema.
type met struct{ worker.Scanner }

func (met) Scan(_ context.Context, w fsm.Work, _ func(int64, int64)) (fsm.ScanPart, []fsm.SeenSchema, error) {
	return fsm.ScanPart{Partition: w.Slice.Partition}, []fsm.SeenSchema{{Name: "7"}}, nil
}

// Schemas are kept before the slice ends, since nobody owns it then. A cluster that does not know them gets the findings all the same.
func TestSchemasAreKeptBeforeTheSliceEnds(t *testing.T) {
	for _, answer := range []fsm.Code{fsm.OK, fsm.NeedsVersion} {
		control := replaytest.NewControl()
		b := &book{NodeControl: control.Node("n1"), answer: answer, ended: make(chan struct{})}
		w, err := worker.New(config("n1"), worker.Deps{
			Control: b, Opener: &kafkaEnds{}, Verifier: verify.New(verify.DefaultConfig()), Scanner: met{}, Now: time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		control.Grant("n1", partition.Slice{ID: partition.SliceID{Job: job, N: 1}, Kind: partition.SliceScan, Partition: 3}, nil)
		select {
		case <-b.ended:
		case <-ctx.Done():
			t.Error("the slice did not end")
		}
		cancel()
		<-done
		b.mu.Lock()
		if want := []string{"schemas 7", "end"}; !slices.Equal(b.told, want) {
			t.Errorf("the cluster answers %s: told %v, want %v", answer, b.told, want)
		}
		b.mu.Unlock()
	}
}
