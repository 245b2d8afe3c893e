package sequence

import (
	"errors"
	"fmt"

	"backstitch/partition"
	"backstitch/replay/debezium"
	"backstitch/replay/record"
	"backstitch/replay/tree"
)

// Debezium numbers the events of each transaction from 1, once among all and once for each table. A topic holds one table as a rule, so the
// second numbers are those that have no holes there. Transactions are sources that know where they begin, and with the topic of their
// boundaries also where they end. The first number is always 1, a re-sent event has the number that it had, and no life begins anew.
//
// A connector has one transaction open at a time (debezium's TransactionMonitor). So whatever is lacking at the beginning of one was written
// after the events of the one before, which tells a loss there from what retention has taken.

// transaction is what is known of one, of one table.
type transaction struct {
	run
	records, again   int64
	sinceMs          int64 // the connector was still at the one before then; 0 where nobody knows
	count            int64 // events that there are, -1 where nobody says
	beginMs, endedMs int64 // of its boundaries, 0 for none
}

// transactionKey is whose it is.
type transactionKey struct{ name, table, id string }

// connector is where one stands.
type connector struct {
	id             string // of the transaction that its newest event belongs to
	lastMs, before int64  // its newest event, and the newest of another transaction before that one
}

// transactions keeps those of a topic. It is used by one goroutine.
type transactions struct {
	cfg    Debezium
	reader debezium.Reader
	all    map[transactionKey]*transaction
	names  map[string]*connector
	tables map[string]bool
	kind   string // of connector
	used   int64

	records, outside, tombstones int64
	other                        int64 // that are no envelopes
	first                        place // where the first of these is
	why                          error // it is none
}

func newTransactions(cfg Debezium) *transactions {
	return &transactions{cfg: cfg, all: map[transactionKey]*transaction{}, names: map[string]*connector{}, tables: map[string]bool{}}
}

// add takes one record of the topic.
func (t *transactions) add(part int32, r *record.Record) error {
	t.records++
	if r.Value == nil {
		t.tombstones++
		return nil
	}
	e, err := t.reader.Event(r.Value)
	switch {
	case errors.Is(err, debezium.ErrNotEnvelope), errors.Is(err, tree.ErrNotJSON), errors.Is(err, tree.ErrNotUTF8):
		if t.other == 0 {
			t.first, t.why = place{part, r.Offset}, err
		}
		t.other++
		return nil
	case err != nil:
		return err
	case e.Tx == nil:
		t.outside++
		return nil
	}
	t.tables[e.Table], t.kind = true, e.Connector
	since := t.at(e, r.TimestampMs)
	x := t.of(transactionKey{e.Name, e.Table, e.Tx.ID}, since)
	grown, again := x.add(e.Tx.Collection, r.TimestampMs)
	x.records++
	if again {
		x.again++
	}
	return t.grow(grown, part, r.Offset)
}

// at notes where the connector of e stands, and returns until when it was at another transaction.
func (t *transactions) at(e *debezium.Event, ms int64) int64 {
	c := t.names[e.Name]
	if c == nil {
		c = &connector{id: e.Tx.ID}
		t.names[e.Name] = c
	}
	if c.id != e.Tx.ID {
		c.id, c.before = e.Tx.ID, c.lastMs
	}
	c.lastMs = max(c.lastMs, ms)
	return c.before
}

// of is the transaction of k, a new one if there is none.
func (t *transactions) of(k transactionKey, since int64) *transaction {
	x := t.all[k]
	if x == nil {
		x = &transaction{sinceMs: since, count: -1}
		t.all[k] = x
		t.used += stateBytes + int64(len(k.name)+len(k.table)+len(k.id))
	}
	return x
}

func (t *transactions) grow(spans int, part int32, offset int64) error {
	if t.used += int64(spans) * spanBytes; t.used > t.cfg.MemoryBytes {
		return fmt.Errorf("partition %d, offset %d: %d transactions, about %d MiB: %w", part, offset, len(t.all), t.used>>20, ErrTooMany)
	}
	return nil
}

// bound takes a boundary that lies in the other topic. name is that of the connector, begun is when transactions began that have no end yet.
func (t *transactions) bound(b *debezium.Boundary, name string, ms int64, begun map[string]int64) {
	if !b.End {
		if _, there := begun[b.ID]; !there {
			begun[b.ID] = ms
		}
		return
	}
	began := begun[b.ID]
	for table, n := range b.Counts {
		if !t.tables[table] || n == 0 {
			continue
		}
		x := t.of(transactionKey{name, table, b.ID}, 0)
		x.count = max(x.count, n)
		x.beginMs, x.endedMs = began, max(x.endedMs, ms)
	}
	delete(begun, b.ID)
}

// holes are the numbers that a transaction lacks for sure, and how many more there are of which that is not known.
func (x *transaction) holes(at edges) (kept []hole, young, old int64) {
	add := func(from, to, after, before int64) {
		h := hole{partition.Range{From: from, To: to}, after, before}
		switch {
		case h.Empty():
		case h.beforeMs > at.young:
			young += h.Len()
		case h.afterMs == 0 && at.cut, h.afterMs < at.from, h.afterMs < at.spread, at.emptied:
			old += h.Len()
		default:
			if h.afterMs == 0 {
				h.afterMs = h.beforeMs // nothing lies before it
			}
			kept = append(kept, h)
		}
	}
	began := max(x.beginMs, x.sinceMs)
	if len(x.spans) == 0 {
		add(1, x.count+1, began, x.endedMs)
		return kept, young, old
	}
	add(1, x.lowest(), began, x.spans[0].firstMs)
	for i := 1; i < len(x.spans); i++ {
		add(x.spans[i-1].to, x.spans[i].from, x.spans[i-1].lastMs, x.spans[i].firstMs)
	}
	last := x.spans[len(x.spans)-1]
	add(last.to, x.count+1, last.lastMs, x.endedMs)
	return kept, young, old
}

// whyHoles says what speaks for them.
func (x *transaction) whyHoles() string {
	there := plural(x.records, "event", "events")
	switch {
	case x.records == 0:
		return fmt.Sprintf("the transaction ended with %s of the table, and none is there", plural(x.count, "event", "events"))
	case x.count >= 0:
		return fmt.Sprintf("the transaction ended with %s of the table, and %s there", plural(x.count, "event", "events"), isAre(x.records, there))
	}
	return fmt.Sprintf("events of a transaction are numbered from 1 for each table, and %s there", isAre(x.records, there))
}

func isAre(n int64, noun string) string {
	if n == 1 {
		return noun + " is"
	}
	return noun + " are"
}
