package dedupe

// memory is a Set for partitions into which little was written since the plan.
type memory struct {
	values map[[16]byte][]uint64
	n      int64
}

func newMemory() *memory { return &memory{values: make(map[[16]byte][]uint64)} }

func (m *memory) Add(hash [16]byte, value uint64) error {
	m.values[hash] = append(m.values[hash], value)
	m.n++
	return nil
}

func (m *memory) Take(hash [16]byte) (uint64, bool, error) {
	vs := m.values[hash]
	if len(vs) == 0 {
		return 0, false, nil
	}
	v := vs[0]
	if len(vs) == 1 {
		delete(m.values, hash)
	} else {
		m.values[hash] = vs[1:]
	}
	m.n--
	return v, true, nil
}

func (m *memory) Len() int64   { return m.n }
func (m *memory) Close() error { return nil }
