package regroup

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"backstitch/replay/replaytest"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fault is what becomes of one commit or deletion of positions.
type fault int32

const (
	none    fault = iota
	hangUp        // it does not arrive
	deafen        // it is done, and its answer is lost
	half          // the broker drops the first partition of it
	blind         // it is done, and can not be read back
	nFaults       // how many there are
)

// Whatever goes wrong, and however often: each position is the old one or the new one, what is told is what is there, and in the end
// everything can be moved, and put back.
func TestWhateverGoesWrong(t *testing.T) {
	rng := replaytest.Seed(t)
	w := positioned(t)
	p := w.plan()
	var next atomic.Int32
	strike := func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.KeepControl()
		switch fault(next.Swap(int32(none))) {
		case hangUp:
			return nil, errors.New("the broker hangs up"), true
		case deafen:
			w.cut.Store(true)
		case half:
			if r, ok := req.(*kmsg.OffsetCommitRequest); ok {
				r.Topics[0].Partitions = r.Topics[0].Partitions[1:]
			}
		case blind:
			w.once(kmsg.OffsetFetch, func(kmsg.Request) (kmsg.Response, error, bool) { return nil, errors.New("the broker hangs up"), true })
		}
		return nil, nil, false
	}
	w.ControlKey(int16(kmsg.OffsetCommit), strike)
	w.ControlKey(int16(kmsg.OffsetDelete), strike)
	var receipt *Receipt
	struck := [nFaults]int{}
	for step := 0; slices.Min(struck[:]) < 3; step++ {
		if step == 1000 {
			t.Fatalf("faults that struck: %v", struck)
		}
		f := fault(rng.IntN(int(nFaults)))
		next.Store(int32(f))
		var results []Result
		var err error
		if undo := receipt != nil && rng.IntN(2) == 0; undo {
			results, err = receipt.Undo(t.Context(), w.cl)
		} else if receipt, err = w.apply(p); receipt != nil && code(err) != CodeUnknown {
			results = receipt.Results
		}
		if receipt == nil {
			receipt, _ = ReadReceipt(w.receipt())
		}
		if next.Swap(-1) != int32(f) || f == none {
			struck[f]++
		}
		if c := code(err); c != "" && c != CodePartly && c != CodeUnknown {
			t.Fatalf("fault %d: got %v", f, err)
		}
		now := w.positions(fresh)
		for part, after := range wantAfter {
			has, before := commit(now, part), commit(wantBefore, part)
			if !equal(has, before) && !equal(has, &after) {
				t.Fatalf("fault %d: partition %d is at %s, want %s or %s", f, part, has, before, &after)
			}
		}
		for _, r := range results {
			told := r.After
			if r.Outcome == Kept {
				told = r.Before
			}
			// Undoing tells the way back: its results are the other way round.
			if has := commit(now, r.Partition); r.Outcome == Intended || r.Outcome == Lost || !equal(has, told) {
				t.Fatalf("fault %d: partition %d is at %s, and was told %s: %+v", f, r.Partition, has, r.Outcome, r)
			}
		}
	}
	if _, err := w.apply(p); err != nil {
		t.Fatal(err)
	}
	w.want("in the end", wantAfter)
	r, err := ReadReceipt(w.receipt())
	if err == nil {
		_, err = r.Undo(t.Context(), w.cl)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.want("and back", wantBefore)
}
