package kafka

import (
	"sync"

	"backstitch/partition"
)

// lane is what this process knows about one lane: which batches in the target are the lane's own.
type lane struct {
	mu   sync.Mutex
	pids map[int64]bool // producer ids that the lane has had; one, unless it was idle for a week
	// runs are offsets that hold nothing but this lane's records and markers, so that nobody needs to read them again.
	runs partition.Ranges
	// doubted are reference positions of which some were refused, nobody knows which.
	doubted partition.Ranges
}

// suspect makes later writers of the lane send the positions in r one by one.
func (l *lane) suspect(r partition.Range) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubted = partition.Normalize(append(partition.Ranges{r}, l.doubted...))
}

func (l *lane) suspects() partition.Ranges {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.doubted
}

func (s *Sink) lane(l partition.Lane) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.lanes[l]
	if got == nil {
		got = &lane{pids: make(map[int64]bool)}
		s.lanes[l] = got
	}
	return got
}

func (l *lane) own(pid int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pids[pid] = true
}

func (l *lane) owns(pid int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pids[pid]
}

// wrote notes a committed transaction whose records fill [first, last] without a hole. The offset after it is the marker's
// when the next transaction of the lane begins right behind that one: a transaction always leaves exactly one marker, after
// its last record and before the lane's next one.
func (l *lane) wrote(first, last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.runs); n > 0 && l.runs[n-1].To+1 == first {
		l.runs[n-1].To = last + 1
		return
	}
	l.runs = partition.Normalize(append(l.runs, partition.Range{From: first, To: last + 1}))
}

// skip returns the first offset at or after from that is not in a run.
func (l *lane) skip(from int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.runs {
		if r.Contains(from) {
			from = r.To
		}
	}
	return from
}

// before returns where the next run at or after from begins, end when there is none before it.
func (l *lane) before(from, end int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.runs {
		if r.From >= from {
			return min(r.From, end)
		}
	}
	return end
}
