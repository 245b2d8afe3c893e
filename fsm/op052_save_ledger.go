package fsm

import (
	"fmt"

	"backstitch/partition"
)

// SaveLedger keeps both sides' numbers for each window of a verify slice, before the slice is finished. They are kept apart from the
// comparison, which is read with every look at the slice, and stay when a retry compares again.
//
// Since: 2. Proposed by: the owner. Refused: UnknownSlice, StaleEpoch, WrongState, Invalid (a fill slice; too many windows, or some
// that overlap or count what can not be). Saving again under one epoch replaces what was saved.
type SaveLedger struct {
	Slice   partition.SliceID
	Owner   partition.NodeID
	Epoch   partition.Epoch
	Windows []Window
}

// Op returns 52.
func (SaveLedger) Op() uint16 { return 52 }

func (c SaveLedger) subject() string { return "ledger of slice " + c.Slice.String() }

func (c SaveLedger) apply(t *tx) Result {
	s, ok := t.state(c.Slice)
	if !ok {
		return t.refuse(UnknownSlice, c.subject())
	}
	if code := held(s, c.Owner, c.Epoch); code != OK {
		return t.refuse(code, c.subject())
	}
	why := invalidWindows(c.Windows)
	if s.Kind != partition.SliceVerify {
		why = "only a verify slice has a ledger"
	}
	if why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	k := append(sliceKey(kindLedger, c.Slice), u64(uint64(c.Epoch))...)
	t.write(k, &Ledger{Slice: c.Slice, Epoch: c.Epoch, Windows: c.Windows})
	return t.ok()
}
