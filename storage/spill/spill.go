package spill

import "errors"

// Options bound a Multiset.
type Options struct {
	// Dir is where the files go when memory is full; empty is the system's temporary directory. Nothing is made before.
	Dir string
	// MemoryBytes is how much the part in memory may take; 0 is 64 MiB. The disk part adds about 40 MiB once it exists.
	MemoryBytes int64
}

// Multiset holds (hash, value) pairs. It is not safe for concurrent use.
type Multiset struct {
	dir    string
	limit  int
	mem    memory
	disk   *disk // nil until memory was full once
	onDisk int
	seq    uint64
	err    error // the first one; the set is useless after it
}

// New makes an empty set. It touches no file.
func New(o Options) *Multiset {
	if o.MemoryBytes == 0 {
		o.MemoryBytes = 64 << 20
	}
	return &Multiset{dir: o.Dir, limit: max(1, int(o.MemoryBytes/entryBytes)), mem: newMemory()}
}

// Add puts value behind what hash already has. An error is for good: see Err.
func (s *Multiset) Add(hash Hash, value uint64) error {
	if s.err != nil {
		return s.err
	}
	if s.mem.count >= s.limit {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.mem.add(hash, value)
	return nil
}

// Take removes and returns the oldest value of hash. ok is false if there is none, and after an error: who cares about the
// difference asks Err, at the latest before believing a result.
func (s *Multiset) Take(hash Hash) (value uint64, ok bool) {
	if s.err != nil {
		return 0, false
	}
	if s.onDisk > 0 { // what is on disk came before what is in memory
		if value, ok, s.err = s.disk.take(hash); ok || s.err != nil {
			if s.err != nil {
				return 0, false
			}
			s.onDisk--
			return value, true
		}
	}
	return s.mem.take(hash)
}

// Len is how many pairs are held.
func (s *Multiset) Len() int { return s.mem.count + s.onDisk }

// OnDisk is how many of them are not in memory.
func (s *Multiset) OnDisk() int { return s.onDisk }

// Err is the first error that the set met. After one it knows nothing any more.
func (s *Multiset) Err() error { return s.err }

// Each visits what is left, ordered by hash and then by arrival. fn must not change the set; its error ends the visit.
func (s *Multiset) Each(fn func(hash Hash, value uint64) error) error {
	if s.err != nil {
		return s.err
	}
	if s.onDisk == 0 {
		return s.mem.each(fn)
	}
	if err := s.spill(); err != nil {
		return err
	}
	return s.disk.each(fn)
}

// Close removes the files.
func (s *Multiset) Close() error {
	s.mem = newMemory()
	if s.err == nil {
		s.err = errors.New("spill set is closed")
	}
	if s.disk == nil {
		return nil
	}
	d := s.disk
	s.disk, s.onDisk = nil, 0
	return d.close()
}

// spill moves memory to disk.
func (s *Multiset) spill() error {
	if s.disk == nil {
		if s.disk, s.err = openDisk(s.dir); s.err != nil {
			return s.err
		}
	}
	if s.err = s.disk.absorb(&s.mem, &s.seq); s.err != nil {
		return s.err
	}
	s.onDisk += s.mem.count
	s.mem = newMemory()
	return nil
}
