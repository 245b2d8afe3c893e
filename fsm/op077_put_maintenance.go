package fsm

import "fmt"

// PutMaintenance makes a window of maintenance, replaces it, or removes it. Windows that are over are forgotten with it.
//
// Since: 8. Proposed by: the API. Refused: Invalid (among others: too many windows, one that is over already). The same window again, and the removal of one
// that is not there, are OK and change nothing.
type PutMaintenance struct {
	Name          string
	Scope         Scope
	Zone          string
	Cron          string
	FromUnixNanos int64
	SpanNanos     int64
	Off           bool // remove it; the rest but Name is empty
}

// Op returns 77.
func (PutMaintenance) Op() uint16 { return 77 }

func (c PutMaintenance) subject() string { return "maintenance " + c.Name }

func (c PutMaintenance) apply(t *tx) Result {
	if why := invalidWindowName(c.Name); why != "" {
		return t.refuse(Invalid, c.subject()+": "+why)
	}
	m := Maintenance{
		Name: c.Name, Scope: c.Scope, Zone: c.Zone, Cron: c.Cron, FromUnixNanos: c.FromUnixNanos, SpanNanos: c.SpanNanos,
		PutBy: t.env.Actor, Why: t.env.Reason, PutUnixNanos: t.env.UnixNanos, ModifyIndex: t.index,
	}
	var have Maintenance
	known := t.read(maintenanceKey(c.Name), &have)
	if c.Off {
		if m.Scope != "" || m.Zone != "" || m.Cron != "" || m.FromUnixNanos != 0 || m.SpanNanos != 0 {
			return t.refuse(Invalid, c.subject()+": removed, and with a time")
		}
		if known {
			t.remove(maintenanceKey(c.Name))
		}
		return t.ok()
	}
	if why := m.invalid(t.env.UnixNanos); why != "" {
		return t.refuse(Invalid, c.subject()+": "+why)
	}
	if known && have.same(m) {
		return t.ok()
	}
	kept, over := 0, [][]byte{}
	for _, k := range t.keys(key(kindMaintenance)) {
		var other Maintenance
		switch t.read(k, &other); {
		case other.Name == c.Name:
		case other.Over(t.env.UnixNanos):
			over = append(over, k)
		default:
			kept++
		}
	}
	if kept >= MaxMaintenance {
		return t.refuse(Invalid, fmt.Sprintf("%s: there are %d windows already", c.subject(), MaxMaintenance))
	}
	for _, k := range over {
		t.remove(k)
	}
	t.write(maintenanceKey(c.Name), &m)
	return t.ok()
}
