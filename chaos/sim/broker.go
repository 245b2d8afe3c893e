package sim

import (
	"time"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// The broker as Kafka promises to be: a transactional id has one producer at a time, whoever asks for it fences the one before,
// and records and stamp of a transaction are visible together or not at all. Readers of committed data read up to the oldest open
// transaction.

const txnTimeout = 6 * time.Second

type txnState uint8

const (
	txnOpen txnState = iota
	txnCommitted
	txnAborted
)

type txn struct {
	state txnState
	parts []int32 // that it wrote into: one, or none yet
}

// cell is one record of the target.
type cell struct {
	offset int64
	rec    record.Record
	text   string           // its content
	pid    int64            // of the producer, 0 for a plain one
	txn    *txn             // nil for a plain one
	job    partition.JobID  // that wrote it, "" for others
	origin partition.Offset // position in the reference, -1 for others
}

type part struct {
	cells []cell
	start int64
	next  int64
	gone  []lostCell // that retention or an unclean election took
}

type lostCell struct {
	cell
	at time.Duration
}

// stable is the last stable offset: below it everything is decided.
func (p *part) stable() int64 {
	for i := range p.cells {
		if t := p.cells[i].txn; t != nil && t.state == txnOpen {
			return p.cells[i].offset
		}
	}
	return p.next
}

func (p *part) add(c cell) int64 {
	c.offset, c.rec.Offset = p.next, p.next
	p.next++
	p.cells = append(p.cells, c)
	return c.offset
}

// coordinator is what the broker knows of a transactional id.
type coordinator struct {
	pid    int64
	pepoch int
	open   *txn
	stamp  string // of the newest committed transaction, "" before the first
	newest sink.Stamp
}

type broker struct {
	w     *World
	parts []*part
	ids   map[partition.Lane]*coordinator
	pids  int64
}

func newBroker(w *World) *broker {
	b := &broker{w: w, ids: map[partition.Lane]*coordinator{}}
	for _, t := range w.ref.parts {
		p := &part{}
		for i := range t.records {
			if !t.lost.Contains(t.records[i].Offset) {
				p.add(cell{rec: t.records[i], text: content(&t.records[i]), origin: -1})
			}
		}
		b.parts = append(b.parts, p)
	}
	return b
}

// copies writes what others sent again before the job began.
func (b *broker) copies() {
	for i, t := range b.w.ref.parts {
		for k := range t.records {
			if t.copied[t.records[k].Offset] {
				b.parts[i].add(cell{rec: t.records[k], text: content(&t.records[k]), origin: -1})
			}
		}
	}
}

// init gives a transactional id a new producer epoch. What was open is aborted.
func (b *broker) init(l partition.Lane) *coordinator {
	c := b.ids[l]
	if c == nil {
		b.pids++
		c = &coordinator{pid: b.pids}
		b.ids[l] = c
	}
	c.pepoch++
	if c.open != nil {
		b.end(c.open, txnAborted)
		c.open = nil
	}
	return c
}

// begin opens a transaction, which ends by itself after a while.
func (b *broker) begin(c *coordinator) *txn {
	t := &txn{}
	c.open = t
	b.w.after(txnTimeout, func() {
		if c.open == t {
			b.w.note("transaction timed out", -1, c.pid)
			c.pepoch++
			c.open = nil
			b.end(t, txnAborted)
		}
	})
	return t
}

// end decides a transaction and leaves a marker in each partition.
func (b *broker) end(t *txn, s txnState) {
	t.state = s
	for _, p := range t.parts {
		b.parts[p].next++
	}
}

// write appends to a transaction.
func (b *broker) write(t *txn, p int32, c cell) int64 {
	if len(t.parts) == 0 {
		t.parts = append(t.parts, p)
	}
	c.txn = t
	return b.parts[p].add(c)
}

// commit ends the open transaction of c together with its stamp, false when another producer has the id.
func (b *broker) commit(l partition.Lane, c *coordinator, pepoch int, t *txn, stamp sink.Stamp, text string) bool {
	if c.pepoch != pepoch || c.open != t || t.state != txnOpen {
		return false
	}
	b.w.rules.committed(l, c, stamp)
	b.end(t, txnCommitted)
	c.open, c.stamp, c.newest = nil, text, stamp
	b.w.events.Commits++
	b.w.note("commits", -1, int64(l.Partition), int64(stamp.Slice), int64(stamp.Epoch), stamp.Progress.Cursor)
	return true
}

// committed are the cells of [from, to) that readers of committed data see, without those of producer not.
func (p *part) committed(from, to, not int64) (out []*cell) {
	to = min(to, p.stable())
	for i := range p.cells {
		c := &p.cells[i]
		if c.offset >= from && c.offset < to && (c.txn == nil || c.txn.state == txnCommitted) && (not == 0 || c.pid != not) {
			out = append(out, c)
		}
	}
	return out
}

// expire deletes the oldest records of each partition.
func (b *broker) expire(percent float64) (n int) {
	for _, p := range b.parts {
		k := int(float64(len(p.cells)) * percent / 100)
		stable := p.stable()
		for ; k > 0 && len(p.cells) > 0 && p.cells[0].offset < stable; k-- {
			p.gone = append(p.gone, lostCell{p.cells[0], b.w.now})
			p.cells = p.cells[1:]
			n++
		}
		if p.start = p.next; len(p.cells) > 0 {
			p.start = p.cells[0].offset
		}
	}
	return n
}

// forget takes the newest records of each partition away; their offsets are used again.
func (b *broker) forget(percent float64) (n int) {
	for _, p := range b.parts {
		k := int(float64(len(p.cells)) * percent / 100)
		for ; k > 0 && len(p.cells) > 0; k-- {
			last := p.cells[len(p.cells)-1]
			p.gone = append(p.gone, lostCell{last, b.w.now})
			p.cells = p.cells[:len(p.cells)-1]
			p.next = last.offset
			n++
		}
	}
	return n
}
