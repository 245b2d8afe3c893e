package fsm

import "fmt"

// SettleNotices says how far an endpoint of a dataset, or of an outbox of flows, has been told. Notices that no endpoint waits for are forgotten.
//
// Since: 3. Proposed by: the leader. Refused: UnknownDataset (also for an endpoint or an outbox that is gone), Invalid (an index that is not there yet; no
// notice settled). An index up to which it was settled already is OK and changes nothing.
type SettleNotices struct {
	Dataset  DatasetName
	Endpoint string
	UpTo     uint64 // index of the newest notice that is settled
	Sent     uint32 // of those since the last time
	Dropped  uint32
	Why      string // of the last one that was given up
}

// Op returns 62.
func (SettleNotices) Op() uint16 { return 62 }

func (c SettleNotices) subject() string {
	return fmt.Sprintf("endpoint %s of dataset %s", c.Endpoint, c.Dataset)
}

func (c SettleNotices) apply(t *tx) Result {
	of, ok := t.audience(c.Dataset)
	k := deliveryKey(c.Dataset, c.Endpoint)
	var have Delivery
	if !ok || !t.read(k, &have) {
		return t.refuse(UnknownDataset, c.subject())
	}
	switch {
	case c.UpTo <= have.Settled:
		return t.ok()
	case c.UpTo >= t.index:
		return t.refuse(Invalid, fmt.Sprintf("%s: index %d is not there yet", c.subject(), c.UpTo))
	case c.Sent == 0 && c.Dropped == 0 || len(c.Why) > maxSettledWhyBytes:
		return t.refuse(Invalid, fmt.Sprintf("%s: nothing is settled, or the reason is too long", c.subject()))
	}
	have.Settled, have.UnixNanos = c.UpTo, t.env.UnixNanos
	have.Sent += uint64(c.Sent)
	have.Dropped += uint64(c.Dropped)
	if c.Dropped > 0 {
		have.Why = c.Why
	}
	t.write(k, &have)
	t.forgetSettled(of)
	t.leaveOutbox(c.Dataset)
	return t.ok()
}
