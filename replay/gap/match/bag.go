package match

// Bag holds hashes with a value each; a hash may be there more than once. It is used by one goroutine.
type Bag interface {
	Add(hash [16]byte, value uint64) error
	// Take removes one entry of hash, the one that was added first, and returns its value.
	Take(hash [16]byte) (value uint64, ok bool, err error)
	Len() int64
	// Each calls f for every entry, in any order, until it returns an error.
	Each(f func(hash [16]byte, value uint64) error) error
	Close() error
}

// NewBag makes an empty bag.
type NewBag func() (Bag, error)

// memory is a Bag that has no limit. Most hashes are there once, so the values of the others are kept apart.
type memory struct {
	first map[[16]byte]uint64
	more  map[[16]byte][]uint64
	n     int64
}

// NewMemory returns a Bag in memory: about 40 bytes per entry.
func NewMemory() (Bag, error) { return &memory{first: map[[16]byte]uint64{}}, nil }

func (m *memory) Add(hash [16]byte, value uint64) error {
	m.n++
	if _, ok := m.first[hash]; !ok {
		m.first[hash] = value
		return nil
	}
	if m.more == nil {
		m.more = map[[16]byte][]uint64{}
	}
	m.more[hash] = append(m.more[hash], value)
	return nil
}

func (m *memory) Take(hash [16]byte) (uint64, bool, error) {
	value, ok := m.first[hash]
	if !ok {
		return 0, false, nil
	}
	m.n--
	rest := m.more[hash]
	if len(rest) == 0 {
		delete(m.first, hash)
		return value, true, nil
	}
	m.first[hash] = rest[0]
	if len(rest) == 1 {
		delete(m.more, hash)
	} else {
		m.more[hash] = rest[1:]
	}
	return value, true, nil
}

func (m *memory) Len() int64 { return m.n }

func (m *memory) Each(f func([16]byte, uint64) error) error {
	for hash, value := range m.first {
		if err := f(hash, value); err != nil {
			return err
		}
		for _, value := range m.more[hash] {
			if err := f(hash, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Close() error {
	m.first, m.more, m.n = nil, nil, 0
	return nil
}
