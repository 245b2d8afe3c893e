package verify

import (
	"slices"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/record"
)

// Windows are cut by position from what the plan compared, so that each run of a comparison has the same ones. A record of the
// target belongs to the window of its partner. So the reference is counted as it is read, and what turns out to be missing is taken
// off again: one addition per record, and nothing at all for the target.

// Windows cuts what a verify slice compares into at most fsm.MaxWindows parts with nearly the same number of positions.
func Windows(rs partition.Ranges) []partition.Range {
	total := rs.Len()
	n := min(total, fsm.MaxWindows)
	if n == 0 {
		return nil
	}
	var out []partition.Range
	next := rs[0].From
	for i := range n {
		want := total / n
		if i < total%n {
			want++
		}
		w := partition.Range{From: next}
		for want > 0 {
			r := rs[0]
			take := min(want, r.To-next)
			w.To, want, next = next+take, want-take, next+take
			if next == r.To {
				if rs = rs[1:]; len(rs) > 0 {
					next = rs[0].From
				}
			}
		}
		out = append(out, w)
	}
	return out
}

// ledger is both sides' numbers per window.
type ledger struct {
	fields  record.Fields
	windows []fsm.Window
	sums    []record.Sum // of the reference
	lost    []fsm.WindowSide
	lostSum []record.Sum
	last    int // where the record before was; the next one is near it
}

func newLedger(rs partition.Ranges, fields record.Fields) *ledger {
	cut := Windows(rs)
	l := &ledger{
		fields: fields, windows: make([]fsm.Window, len(cut)), sums: make([]record.Sum, len(cut)),
		lost: make([]fsm.WindowSide, len(cut)), lostSum: make([]record.Sum, len(cut)),
	}
	for i, r := range cut {
		l.windows[i].Range = r
	}
	return l
}

// at returns the number of the window that holds a position, -1 when none does.
func (l *ledger) at(o partition.Offset) int {
	for ; l.last < len(l.windows); l.last++ {
		r := l.windows[l.last].Range
		if o < r.From {
			break
		}
		if o < r.To {
			return l.last
		}
	}
	i, _ := slices.BinarySearchFunc(l.windows, o, func(w fsm.Window, o partition.Offset) int {
		if w.Range.To <= o {
			return -1
		}
		return 1
	})
	if l.last = min(i, len(l.windows)); i < len(l.windows) && l.windows[i].Range.From <= o {
		return i
	}
	return -1
}

// count adds one record of the reference; filled says that the job was to write it.
func (l *ledger) count(r *record.Record, d *record.Digest, filled bool) {
	i := l.at(r.Offset)
	if i < 0 {
		return // never: what is read lies in what was cut
	}
	w := &l.windows[i]
	if l.fields&record.FieldTimestamp != 0 {
		if w.Expected.Records == 0 {
			w.FromMs, w.ToMs = r.TimestampMs, r.TimestampMs
		}
		w.FromMs, w.ToMs = min(w.FromMs, r.TimestampMs), max(w.ToMs, r.TimestampMs)
	}
	w.Expected.Records++
	w.Expected.Bytes += d.Size
	if filled {
		w.Filled++
	}
	l.sums[i].Add(d.Hash)
}

// lose takes a record off the target's side.
func (l *ledger) lose(r *record.Record, d record.Digest) {
	if i := l.at(r.Offset); i >= 0 {
		l.lost[i].Records++
		l.lost[i].Bytes += d.Size
		l.lostSum[i].Add(d.Hash)
	}
}

// close returns the windows, if they add up to both sides of the whole.
func (l *ledger) close(expected, actual fsm.Side) ([]fsm.Window, bool) {
	var sums [2]record.Sum
	var records [2]int64
	for i := range l.windows {
		w := &l.windows[i]
		there := l.sums[i]
		there.SubSum(l.lostSum[i])
		w.Expected.Sum = l.sums[i].Bytes()
		w.Actual = fsm.WindowSide{Records: w.Expected.Records - l.lost[i].Records, Bytes: w.Expected.Bytes - l.lost[i].Bytes, Sum: there.Bytes()}
		sums[0].AddSum(l.sums[i])
		sums[1].AddSum(there)
		records[0] += w.Expected.Records
		records[1] += w.Actual.Records
	}
	ok := sums[0].Bytes() == expected.Sum && sums[1].Bytes() == actual.Sum && records[0] == expected.Records && records[1] == actual.Records
	return l.windows, ok
}
