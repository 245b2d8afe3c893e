package spill

import (
	"bytes"
	"slices"
)

// Hash identifies a record by content.
type Hash = [16]byte

// entryBytes is what one entry is reckoned to cost, on the high side: 24 bytes of key and queue in a map that may be half
// empty, and 16 in a slice that may be half empty and is copied when it grows.
const entryBytes = 96

// memory is the newest part of the set: queues per hash, linked through one slice so that an entry costs no allocation.
type memory struct {
	queues map[Hash]queue
	cells  []cell
	free   uint32 // head of the list of unused cells, 0 when there is none
	count  int
}

type queue struct{ head, tail uint32 } // positions in cells plus one

type cell struct {
	value uint64
	next  uint32
}

func newMemory() memory { return memory{queues: map[Hash]queue{}} }

func (m *memory) add(h Hash, value uint64) {
	at := m.free
	if at != 0 {
		m.free = m.cells[at-1].next
		m.cells[at-1] = cell{value: value}
	} else {
		m.cells = append(m.cells, cell{value: value})
		at = uint32(len(m.cells))
	}
	q, ok := m.queues[h]
	if ok {
		m.cells[q.tail-1].next = at
		q.tail = at
	} else {
		q = queue{at, at}
	}
	m.queues[h] = q
	m.count++
}

func (m *memory) take(h Hash) (uint64, bool) {
	q, ok := m.queues[h]
	if !ok {
		return 0, false
	}
	c := &m.cells[q.head-1]
	value, next := c.value, c.next
	c.next, m.free = m.free, q.head
	if next == 0 {
		delete(m.queues, h)
	} else {
		m.queues[h] = queue{next, q.tail}
	}
	m.count--
	return value, true
}

// each visits in order of hash, then of arrival.
func (m *memory) each(fn func(h Hash, value uint64) error) error {
	hashes := make([]Hash, 0, len(m.queues))
	for h := range m.queues {
		hashes = append(hashes, h)
	}
	slices.SortFunc(hashes, func(a, b Hash) int { return bytes.Compare(a[:], b[:]) })
	for _, h := range hashes {
		for at := m.queues[h].head; at != 0; at = m.cells[at-1].next {
			if err := fn(h, m.cells[at-1].value); err != nil {
				return err
			}
		}
	}
	return nil
}
