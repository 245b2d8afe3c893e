package fsm

// requestWindow is for how many log entries a request id is remembered. At ten entries a second that is almost two hours.
const requestWindow = 1 << 16

// remembered returns what an earlier command with the same request id returned.
func (t *tx) remembered(number uint16) (Result, bool) {
	if t.env.RequestID == ([16]byte{}) {
		return Result{}, false
	}
	var past pastRequest
	if !t.read(key(kindRequest, t.env.RequestID[:]), &past) {
		return Result{}, false
	}
	if past.Op != number {
		return t.refuse(Invalid, "the request id was used for "+OpName(past.Op)), true
	}
	return past.Result, true
}

func (t *tx) remember(number uint16, r Result) {
	if t.env.RequestID == ([16]byte{}) {
		return
	}
	t.write(key(kindRequest, t.env.RequestID[:]), &pastRequest{Op: number, Result: r})
	t.write(key(kindRequestAt, u64(t.index)), &requestAt{ID: t.env.RequestID})
}

// forget drops the request ids that left the window since the entry before this one. It goes by index alone, so that all
// replicas forget at the same entry.
func (t *tx) forget(before uint64) {
	if t.index <= t.requestWindow {
		return
	}
	first := uint64(1)
	if before > t.requestWindow {
		first = before - t.requestWindow + 1
	}
	for i := first; i <= t.index-t.requestWindow && t.err == nil; i++ {
		k := key(kindRequestAt, u64(i))
		var at requestAt
		if t.read(k, &at) {
			t.remove(key(kindRequest, at.ID[:]))
			t.remove(k)
		}
	}
}
