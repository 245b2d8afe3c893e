//go:build linux

package matrix

import (
	"testing"

	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// transaction is data records with origins, and how they ended.
func transaction(s *seen, t *testing.T, by int64, committed byte, origins ...string) {
	t.Helper()
	add := func(r *kgo.Record) {
		if err := s.add(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, origin := range origins {
		add(&kgo.Record{ProducerID: by, Value: []byte(origin), Headers: []kgo.RecordHeader{{Key: "backstitch.origin", Value: []byte("orders/0/" + origin)}}})
	}
	add(&kgo.Record{ProducerID: by, Key: []byte{0, 0, 0, committed}, Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: true, Control: true})})
}

func TestTheJudgeSeesDisorderAndCountsWhatWasWrittenInVain(t *testing.T) {
	s := seen{events: traffic.Truth{}, last: map[int32]int64{}, open: map[producer]int64{}, aborted: map[int32]int64{}}
	transaction(&s, t, 1, 1, "3", "4", "5", "6")
	transaction(&s, t, 1, 0, "7", "8")
	if s.disorder != 0 || s.commit != 4 || s.aborted[0] != 2 || s.worst() != 0.5 {
		t.Errorf("two transactions: got disorder %d, largest commit %d, aborted %d, rework %v", s.disorder, s.commit, s.aborted[0], s.worst())
	}
	transaction(&s, t, 2, 1, "7", "8")
	if s.disorder != 1 {
		t.Errorf("7 after 8: got %d out of order, want 1", s.disorder)
	}
	if s.refilled != 8 || s.records != 8 {
		t.Errorf("got %d records of which %d refilled, want 8 and 8", s.records, s.refilled)
	}
	if err := s.add(&kgo.Record{Headers: []kgo.RecordHeader{{Key: "backstitch.origin", Value: []byte("orders/0/x")}}}); err == nil {
		t.Error("an origin that is no number: got nil error")
	}
}
