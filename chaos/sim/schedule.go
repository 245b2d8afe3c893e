package sim

import (
	"container/heap"
	"fmt"
	"time"
)

// schedule is what will happen. Of two events at one moment the one that was planned first comes first.
type schedule struct {
	now    time.Duration
	seq    uint64
	queue  queue
	steps  int64
	closed bool
}

type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(e any)   { *q = append(*q, e.(event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return e
}

// after plans do for d from now.
func (s *schedule) after(d time.Duration, do func()) {
	if s.closed {
		return
	}
	s.seq++
	heap.Push(&s.queue, event{at: s.now + max(d, 0), seq: s.seq, do: do})
}

// step lets the next event happen, false when there is none before until.
func (s *schedule) step(until time.Duration) bool {
	if len(s.queue) == 0 || s.queue[0].at > until {
		return false
	}
	e := heap.Pop(&s.queue).(event)
	s.now = e.at
	s.steps++
	e.do()
	return true
}

// trace is what happened, as a hash and, when somebody wants to read it, as lines.
type trace struct {
	hash  uint64
	keep  bool
	lines []string
}

const prime = 0x9E3779B97F4A7C15

func (t *trace) mix(v uint64) {
	t.hash = (t.hash ^ v) * prime
	t.hash ^= t.hash >> 29
}

// note adds one line: what happened on which node, with numbers.
func (w *World) note(what string, node int, numbers ...int64) {
	t := &w.trace
	t.mix(uint64(w.now))
	for i := range len(what) {
		t.mix(uint64(what[i]))
	}
	t.mix(uint64(node))
	for _, n := range numbers {
		t.mix(uint64(n))
	}
	if t.keep {
		who := ""
		if node >= 0 {
			who = string(w.nodes[node].id)
		}
		line := fmt.Sprintf("%9.3fs %-7s %s", w.now.Seconds(), who, what)
		for _, n := range numbers {
			line += fmt.Sprintf(" %d", n)
		}
		t.lines = append(t.lines, line)
	}
}

// say is note with text. It costs more.
func (w *World) say(node int, format string, args ...any) {
	w.note(fmt.Sprintf(format, args...), node)
}
