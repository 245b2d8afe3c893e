//go:build linux

package matrix

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// transaction is refilled records, and how they ended.
func transaction(w *rework, by int64, committed byte, count int) {
	for range count {
		w.add(&kgo.Record{ProducerID: by, Headers: []kgo.RecordHeader{{Key: "backstitch.origin", Value: []byte("orders/0/1")}}})
	}
	w.add(&kgo.Record{ProducerID: by, Key: []byte{0, 0, 0, committed}, Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: true, Control: true})})
}

func TestWhatWasWrittenInVainIsCountedInCommits(t *testing.T) {
	w := newRework()
	transaction(w, 1, 1, 4)
	transaction(w, 1, 0, 2)
	w.add(&kgo.Record{ProducerID: -1}) // somebody else's
	if w.records != 7 || w.commit != 4 || w.aborted[0] != 2 || w.worst() != 0.5 {
		t.Errorf("got %d records, largest commit %d, aborted %d, rework %v, want 7, 4, 2, 0.5", w.records, w.commit, w.aborted[0], w.worst())
	}
	transaction(w, 2, 1, 2)
	if w.worst() != 0.5 {
		t.Errorf("another commit: got rework %v, want 0.5", w.worst())
	}
}
