package match

import "sync"

// Both sides come in nearly the same order, so what one side waits for is nearly always what it has waited for longest. Such a
// record needs no lookup: it is compared with the head of a queue, and only what comes out of turn goes into a bag.

// inOrder puts a queue in front of a bag. What is in the bag came before what is in the queue, so that equal records leave in the order
// in which they came.
type inOrder struct {
	Bag
	bagged int64 // entries of Bag, which is nearly always empty
	queue  []waiting
	head   int                // of what is left of queue
	all    bool               // nobody takes anything any more, and what comes goes into the bag
	room   *[queueMax]waiting // that queue lies in, nil before the first entry
}

type waiting struct {
	hash  [16]byte
	value uint64
}

// queueMax bounds the queue: 24 bytes each.
const queueMax = 1 << 15

// queues are used again: a partition may be done before a queue that grows from nothing has reached its length.
var queues = sync.Pool{New: func() any { return new([queueMax]waiting) }}

// Add puts an entry at the end of the queue.
func (q *inOrder) Add(hash [16]byte, value uint64) error {
	if q.all {
		q.bagged++
		return q.Bag.Add(hash, value)
	}
	if q.queue == nil {
		q.room = queues.Get().(*[queueMax]waiting)
		q.queue = q.room[:0]
	}
	if len(q.queue) == queueMax {
		if q.head < queueMax/2 {
			if err := q.flush(len(q.queue)); err != nil {
				return err
			}
		} else {
			n := copy(q.queue, q.queue[q.head:])
			q.queue, q.head = q.queue[:n], 0
		}
	}
	q.queue = append(q.queue, waiting{hash, value})
	return nil
}

// lostInARow is how many entries in front of the one that is taken may be lost without the whole queue becoming part of the bag.
const lostInARow = 64

// Take looks into the bag, where older ones are, and at the head of the queue. What lies before an entry that is taken is late, and most
// likely lost: it becomes part of the bag. Where both have nothing, the queue may have it further back, and becomes part of the bag.
func (q *inOrder) Take(hash [16]byte) (uint64, bool, error) {
	if q.bagged > 0 {
		if value, ok, err := q.fromBag(hash); ok || err != nil {
			return value, ok, err
		}
	}
	for i := q.head; i < len(q.queue) && i <= q.head+lostInARow; i++ {
		w := q.queue[i]
		if w.hash != hash {
			continue
		}
		if err := q.flush(i); err != nil {
			return 0, false, err
		}
		if q.head++; q.head == len(q.queue) {
			q.queue, q.head = q.queue[:0], 0
		}
		return w.value, true, nil
	}
	if q.head == len(q.queue) {
		return 0, false, nil
	}
	if err := q.flush(len(q.queue)); err != nil {
		return 0, false, err
	}
	return q.fromBag(hash)
}

func (q *inOrder) fromBag(hash [16]byte) (uint64, bool, error) {
	value, ok, err := q.Bag.Take(hash)
	if ok {
		q.bagged--
	}
	return value, ok, err
}

// flush makes what is left of the queue before end part of the bag.
func (q *inOrder) flush(end int) error {
	for ; q.head < end; q.head++ {
		w := &q.queue[q.head]
		if err := q.Bag.Add(w.hash, w.value); err != nil {
			return err
		}
		q.bagged++
	}
	if q.head == len(q.queue) {
		q.queue, q.head = q.queue[:0], 0
	}
	return nil
}

// alone says that the other side has ended: entries would pass through the queue for nothing.
func (q *inOrder) alone() error {
	if q.all {
		return nil
	}
	q.all = true
	return q.flush(len(q.queue))
}

// Close gives up both.
func (q *inOrder) Close() error {
	if q.room != nil {
		queues.Put(q.room)
		q.room, q.queue, q.head = nil, nil, 0
	}
	return q.Bag.Close()
}

// Len counts both.
func (q *inOrder) Len() int64 { return q.bagged + int64(len(q.queue)-q.head) }

// Each visits what is left of both.
func (q *inOrder) Each(f func([16]byte, uint64) error) error {
	if err := q.flush(len(q.queue)); err != nil {
		return err
	}
	return q.Bag.Each(f)
}
