package offsetmap

// passing finds where a reader goes on while the records of one partition of the target go by, in their order. It says what Partition.Land says,
// and keeps nothing.
type passing struct {
	from, to int64
	begun    bool  // a record went by that is not known to have been seen
	first    int64 // the first of them, for Replay
	met      bool  // one went by that the reader has not seen
	fresh    int64 // the first of those
	behind   int64 // behind the last that it has seen
	// Records that only the target has: before behind, from there to fresh, and after fresh. And those that it has seen, after first and
	// after fresh.
	before, between, after int64
	seenFirst, seenFresh   int64
}

func (x *passing) only(offset int64) {
	x.begin(offset)
	if x.met {
		x.after++
	} else {
		x.between++
	}
}

func (x *passing) begin(offset int64) {
	if !x.begun {
		x.begun, x.first = true, offset
	}
}

func (x *passing) record(offset int64, seen bool) {
	switch {
	case !seen:
		x.begin(offset)
		if !x.met {
			x.met, x.fresh = true, offset
		}
		return
	case x.met:
		x.seenFresh++
	default:
		x.before, x.between = x.before+x.between, 0
		x.behind = offset + 1
	}
	if x.begun {
		x.seenFirst++
	}
}

func (x *passing) land(choice Choice) Landing {
	only := x.before + x.between + x.after
	if choice != Resume {
		if !x.begun {
			return Landing{Offset: x.to}
		}
		return Landing{Offset: x.first, Again: x.seenFirst, Unknown: only}
	}
	if x.seenFresh > 0 {
		return Landing{Offset: x.fresh, Again: x.seenFresh, Passed: x.before + x.between, Unknown: x.after}
	}
	return Landing{Offset: max(x.behind, x.from), Passed: x.before, Unknown: x.between + x.after}
}
