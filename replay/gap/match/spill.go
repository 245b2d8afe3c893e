package match

import "backstitch/storage/spill"

// Spill makes bags that stay below opt.MemoryBytes of memory and go to disk beyond it.
func Spill(opt spill.Options) NewBag {
	return func() (Bag, error) { return spilled{spill.New(opt)}, nil }
}

type spilled struct{ set *spill.Multiset }

func (s spilled) Add(hash [16]byte, value uint64) error { return s.set.Add(hash, value) }

func (s spilled) Take(hash [16]byte) (uint64, bool, error) {
	value, ok := s.set.Take(hash)
	return value, ok, s.set.Err()
}

func (s spilled) Len() int64 { return int64(s.set.Len()) }

func (s spilled) Each(f func([16]byte, uint64) error) error { return s.set.Each(f) }

func (s spilled) Close() error { return s.set.Close() }
