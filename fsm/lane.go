package fsm

import "backstitch/partition"

// A lane is worked on strictly in order, so it is enough to remember the first slice that is not done.

// isHead reports whether s is the slice of its lane that may run now.
func (t *tx) isHead(s SliceState) bool {
	var l lane
	t.read(laneKey(s.lane()), &l)
	return l.Open && l.Head == s.ID.N
}

// advance moves the head of a lane behind a slice that is done.
func (t *tx) advance(done SliceState) {
	var l lane
	name := done.lane()
	if !t.read(laneKey(name), &l) {
		return
	}
	l.Open = false
	if done.ID.N < l.Last {
		l.Head, l.Open = t.nextInLane(name, done.ID.N+1)
	}
	t.write(laneKey(name), &l)
}

// rewind makes s the head of its lane again.
func (t *tx) rewind(s SliceState) {
	var l lane
	name := s.lane()
	if t.read(laneKey(name), &l) && (!l.Open || s.ID.N < l.Head) {
		l.Open, l.Head = true, s.ID.N
		t.write(laneKey(name), &l)
	}
}

// nextInLane finds the first slice of a lane at or after number from.
func (t *tx) nextInLane(name partition.Lane, from uint32) (n uint32, ok bool) {
	if t.err != nil {
		return 0, false
	}
	for e, err := range t.scan(lanePrefix(name), laneSliceKey(name, from)) {
		if err != nil {
			t.err = err
			return 0, false
		}
		return trailingNumber(e.key), true
	}
	return 0, false
}

func (s SliceState) lane() partition.Lane {
	return partition.Lane{Job: s.ID.Job, Partition: s.Partition}
}
