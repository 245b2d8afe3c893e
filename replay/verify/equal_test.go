package verify_test

import (
	"testing"

	"backstitch/fsm"
)

// Two lost records are equal to the last byte, and somebody else writes one of them again. The job writes the other one. Which of the
// two it left out shows only in the origin that its record names; whichever it was, the order is that of the reference.
func TestAnotherWritersRecordStandsForOneOfTwoEqualOnes(t *testing.T) {
	for _, left := range []int64{25, 30} {
		f := newFixture(func(f *fixture) {
			twin := f.all[25]
			twin.Offset = 30
			f.all[30] = twin
		})
		f.target.Append(0, f.all[25])
		f.refill(func(o int64) bool { return o == left })
		c := f.compare(t)
		if c.Verdict != fsm.Pass || c.Evidence != fsm.E3 || c.OrderViolations != 0 || c.Missing != 0 {
			t.Errorf("position %d was left out: got %s at %s, %d missing, %d out of order: %s", left, c.Verdict, c.Evidence, c.Missing, c.OrderViolations, c.Detail)
		}
	}
	// A broken order is still seen.
	f := newFixture(nil)
	f.target.Append(0, f.all[25])
	f.refill(func(o int64) bool { return o == 25 || o == 28 })
	f.target.AppendOurs(job, "orders", 0, f.all[28])
	if c := f.compare(t); c.Verdict != fsm.Fail || c.OrderViolations != 1 {
		t.Errorf("a record at the wrong place: got %s with %d out of order, want fail with 1", c.Verdict, c.OrderViolations)
	}
}
