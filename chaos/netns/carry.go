//go:build linux

package netns

import (
	"container/heap"
	"context"
	"time"

	"backstitch/chaos/rule"
)

// The way of a packet: read from the device of its sender, judged by every rule that covers it, and written to the device of
// its receiver, at once or from the queue. The trap is order: a packet that is not held must not overtake one that is, unless a
// rule says so, because TCP takes that for a loss.

// carry forwards what a host sends until its device is closed.
func (l *Lab) carry(h *Host) {
	buf := make([]byte, 1<<16)
	for {
		n, err := h.tun.Read(buf)
		if err != nil {
			return // closed: Lab.Close is the only one who does that
		}
		p, ok := parse(buf[:n])
		if !ok {
			continue // IPv6, which nobody here speaks
		}
		l.forward(p, time.Now())
	}
}

type link struct{ from, to string }

// forward decides about one packet. p's bytes are the caller's again when it returns.
func (l *Lab) forward(p packet, now time.Time) {
	table := l.table.Load()
	from, to := table.parties[p.from], table.parties[p.to]
	if from == nil || to == nil {
		return // multicast, and addresses that are nobody's
	}
	l.carried.Add(1)
	v := l.rules.Judge(from.name, to.name, rule.Unit{Proto: p.proto, FromPort: p.fromPort, ToPort: p.toPort, Size: len(p.data), Body: p.payload()}, now)
	if v.Reset {
		if back, on, ok := p.resets(); ok {
			_, _ = from.host.tun.Write(back) // a full queue loses it, as a network does
			_, _ = to.host.tun.Write(on)
		}
	}
	if v.Lost {
		return
	}
	copies := 1
	if v.Twice {
		copies = 2
	}
	for range copies {
		l.send(link{from.name, to.name}, to.host, p.data, v, now)
	}
}

// send writes a packet, or queues it when it has to wait or when others of its link do.
func (l *Lab) send(on link, to *Host, data []byte, v rule.Verdict, now time.Time) {
	l.mu.Lock()
	last, waits := l.last[on]
	if v.Late <= 0 && !waits {
		l.mu.Unlock()
		_, _ = to.tun.Write(data)
		return
	}
	due := now.Add(max(0, v.Late))
	if !v.After {
		if due.Before(last) {
			due = last
		}
		l.last[on] = due
	}
	l.sequence++
	heap.Push(&l.held, held{due: due, sequence: l.sequence, on: on, to: to, data: append([]byte(nil), data...)})
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// release writes held packets when they are due, until ctx ends.
func (l *Lab) release(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := time.Hour
		for {
			next, until, ok := l.due(time.Now())
			if !ok {
				wait = until
				break
			}
			_, _ = next.to.tun.Write(next.data)
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-l.wake:
		case <-ctx.Done():
			return
		}
	}
}

// due takes the next packet out of the queue, or says how long to wait for it.
func (l *Lab) due(now time.Time) (held, time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.held) == 0 {
		clear(l.last) // nobody waits: packets go straight again
		return held{}, time.Hour, false
	}
	if wait := l.held[0].due.Sub(now); wait > 0 {
		return held{}, wait, false
	}
	return heap.Pop(&l.held).(held), 0, true
}

// held is a packet that waits.
type held struct {
	due      time.Time
	sequence uint64 // order among those that are due at the same time
	on       link
	to       *Host
	data     []byte
}

type queue []held

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].due.Before(q[j].due) || q[i].due.Equal(q[j].due) && q[i].sequence < q[j].sequence
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(held)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = held{} // lets go of the bytes
	*q = (*q)[:len(*q)-1]
	return last
}
