package engine

import "time"

// pace bounds the bytes of one commit by how fast the target took the ones before. A target that is slow, or that its brokers
// hold to a quota, would otherwise be handed as much as fits in flight within the first moments of a commit, and then work it
// off for minutes: progress that comes too late to be worth anything, and transactions that run into their timeout, each one
// after the other, for ever. It begins small for the same reason, and doubles as long as commits are in time.
type pace struct {
	bytes int64 // of the next commit
	least int64
	most  int64
}

const (
	paceFirst = 4 << 20
	paceLeast = 64 << 10
)

func newPace(most int64, few bool) pace {
	least := int64(paceLeast)
	if few {
		least = min(fewLeast, most)
	}
	return pace{bytes: min(paceFirst, most), least: least, most: most}
}

// took learns from a commit of so many bytes that took d from its first record, where every is what it should take.
func (p *pace) took(bytes int64, d, every time.Duration) {
	switch {
	case d > 2*every:
		p.bytes = min(p.bytes, max(p.least, int64(float64(bytes)*float64(every)/float64(d))))
	case bytes >= p.bytes && d <= every:
		p.bytes = min(2*p.bytes, p.most)
	}
}
