package wasm

import "github.com/tetratelabs/wazero/experimental"

// linear is the memory of one instance after the other. The trap: an instance must find zeroes, and the one before has written.
type linear struct {
	buf     []byte
	limit   int64
	size    int  // of what the instance at hand has
	refused bool // the instance at hand has asked for more than limit
}

var _ experimental.MemoryAllocator = (*linear)(nil)

// Allocate gives the memory to a new instance. There is one instance at a time.
func (l *linear) Allocate(_, _ uint64) experimental.LinearMemory {
	clear(l.buf[:l.size])
	l.size, l.refused = 0, false
	return l
}

// Reallocate makes the memory size bytes long; nil where that is more than the limit.
func (l *linear) Reallocate(size uint64) []byte {
	if size > uint64(l.limit) {
		l.refused = true
		return nil
	}
	if size > uint64(cap(l.buf)) {
		// Half as much again, so that a module that grows by pages does not copy all it has for each.
		grown := make([]byte, size, max(size, min(size+size/2, uint64(l.limit))))
		copy(grown, l.buf[:l.size])
		l.buf = grown[:cap(grown)]
	}
	l.size = int(size)
	return l.buf[:size]
}

// Free leaves the memory for the next instance.
func (l *linear) Free() {}
