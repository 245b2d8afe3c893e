package fsm

import (
	"fmt"

	"backstitch/partition"
)

// Window is a part of one partition, compared on both sides. Windows are cut from the plan, so that every run of a comparison has
// the same ones.
type Window struct {
	Range partition.Range // of the reference
	// FromMs and ToMs are the least and the greatest timestamp of the reference's records, both 0 when it has none.
	FromMs, ToMs int64
	Filled       int64 // records of Expected that the job was to write: what the plan found missing
	Expected     WindowSide
	Actual       WindowSide // records of the target that have their partner in this window
}

// WindowSide is what one side of a window holds.
type WindowSide struct {
	Records int64
	Bytes   int64
	Sum     [16]byte // multiset hash, as that of Side; the sums of all windows add up to it
}

// Ledger is the windows of one run of a verify slice.
type Ledger struct {
	Slice   partition.SliceID
	Epoch   partition.Epoch
	Windows []Window
}

// MaxWindows bounds the windows of one partition: with some hundred bytes each they stay a small entry of the log.
const MaxWindows = 64

// invalidWindows says what is wrong with ws.
func invalidWindows(ws []Window) string {
	if len(ws) > MaxWindows {
		return fmt.Sprintf("%d windows, at most %d are allowed", len(ws), MaxWindows)
	}
	for i, w := range ws {
		switch {
		case w.Range.Empty() || i > 0 && w.Range.From < ws[i-1].Range.To:
			return fmt.Sprintf("window %s is empty or out of order", w.Range)
		case w.FromMs > w.ToMs:
			return fmt.Sprintf("window %s ends before it begins", w.Range)
		case w.Filled < 0 || w.Filled > w.Expected.Records || w.Expected.Records < 0 || w.Expected.Bytes < 0 || w.Actual.Records < 0 || w.Actual.Bytes < 0:
			return fmt.Sprintf("window %s counts what can not be", w.Range)
		}
	}
	return ""
}

// Ledgers returns what is kept of each run of a verify slice, oldest first.
func (v *View) Ledgers(id partition.SliceID) ([]Ledger, error) {
	var out []Ledger
	for w, err := range each[Ledger](v, sliceKey(kindLedger, id), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}
