package sequence

import (
	"container/heap"
	"context"
	"io"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// A source may write to many partitions in turn. Read one partition after the other, it would seem to have a hole between every
// two numbers, and memory would grow with the records. So partitions are read side by side, and the oldest record is next.

// lane is one partition being read.
type lane struct {
	part  int32
	r     source.Reader
	batch *record.Batch
	at    int
}

// next moves to the next record. It reports whether there is one.
func (l *lane) next(ctx context.Context) (bool, error) {
	l.at++
	for l.batch == nil || l.at >= len(l.batch.Records) {
		l.release()
		batch, err := l.r.Next(ctx)
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		l.batch, l.at = batch, 0
	}
	return true, nil
}

func (l *lane) record() *record.Record { return &l.batch.Records[l.at] }

func (l *lane) release() {
	if l.batch != nil {
		l.batch.Release()
		l.batch = nil
	}
}

func (l *lane) close() {
	l.release()
	l.r.Close()
}

// lanes is a heap by time, and by partition among equals.
type lanes []*lane

func (ls lanes) Len() int { return len(ls) }

func (ls lanes) Less(i, j int) bool {
	a, b := ls[i].record().TimestampMs, ls[j].record().TimestampMs
	return a < b || a == b && ls[i].part < ls[j].part
}

func (ls lanes) Swap(i, j int) { ls[i], ls[j] = ls[j], ls[i] }

// Push is part of heap.Interface.
func (ls *lanes) Push(x any) { *ls = append(*ls, x.(*lane)) }

// Pop is part of heap.Interface.
func (ls *lanes) Pop() any {
	old := *ls
	last := old[len(old)-1]
	*ls = old[:len(old)-1]
	return last
}

// merge calls f for every record of all lanes, the oldest first as far as each lane is in order. It does not close them.
func merge(ctx context.Context, all []*lane, f func(part int32, r *record.Record) error) error {
	var open lanes
	for _, l := range all {
		ok, err := l.next(ctx)
		if err != nil {
			return err
		}
		if ok {
			open = append(open, l)
		}
	}
	heap.Init(&open)
	for len(open) > 0 {
		l := open[0]
		if err := f(l.part, l.record()); err != nil {
			return err
		}
		ok, err := l.next(ctx)
		if err != nil {
			return err
		}
		if ok {
			heap.Fix(&open, 0)
		} else {
			heap.Pop(&open)
		}
	}
	return nil
}
