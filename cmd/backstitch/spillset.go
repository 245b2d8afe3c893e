package main

import (
	"backstitch/replay/gap/match"
	"backstitch/storage/spill"
)

// spillSet gives storage's multiset the shape that the data side asks for: an error where it happens.
type spillSet struct{ set *spill.Multiset }

var _ match.Bag = spillSet{}

func (s spillSet) Add(hash [16]byte, value uint64) error { return s.set.Add(hash, value) }

func (s spillSet) Take(hash [16]byte) (uint64, bool, error) {
	value, ok := s.set.Take(hash)
	if ok {
		return value, true, nil
	}
	return 0, false, s.set.Err() // nothing there, or nothing known any more
}

func (s spillSet) Len() int64 { return int64(s.set.Len()) }

func (s spillSet) Each(f func(hash [16]byte, value uint64) error) error { return s.set.Each(f) }

func (s spillSet) Close() error { return s.set.Close() }

// newBag makes spilling sets below dir, each with memory bytes before it goes to disk.
func newBag(dir string, memory int64) match.NewBag {
	return func() (match.Bag, error) {
		return spillSet{spill.New(spill.Options{Dir: dir, MemoryBytes: memory})}, nil
	}
}
