package rule

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/spec"
)

// A scan reads some positions twice, and so does a job that goes on after a crash. A share is right only when each counts once, so what
// is kept is which positions were counted, and not how many readers there were.

// ErrNulls says that a member lacks a value more often than the plan allows.
var ErrNulls = errors.New("a value is lacking more often than the plan allows")

// Limit is how often a member may lack a value.
type Limit struct {
	Field   spec.Path `json:"field"`
	Allowed int64     `json:"allowed"` // records, of all that the plan has looked at; negative for any number
}

// Tally counts records that have a value, and of these the ones in which a member is null or not there. It may be used by several
// goroutines.
type Tally struct {
	members []member
	limits  []Limit
	in      func(*record.Record) bool

	mu    sync.Mutex
	parts map[int32]*part
	total int64
	nulls []int64
}

// part is what was counted of one partition. Its lock is held for as long as it takes to judge a batch, so that of two readers of the
// same positions one counts them; those of other partitions do not wait.
type part struct {
	mu   sync.Mutex
	seen partition.Ranges
}

// NewTally makes a tally; nil for no limits, which counts nothing. in says which records count, nil for all.
func NewTally(limits []Limit, in func(*record.Record) bool) (*Tally, error) {
	if len(limits) == 0 {
		return nil, nil
	}
	t := &Tally{limits: limits, in: in, parts: map[int32]*part{}, nulls: make([]int64, len(limits))}
	for _, l := range limits {
		m, err := newMember(l.Field)
		if err != nil {
			return nil, err
		}
		t.members = append(t.members, m)
	}
	return t, nil
}

// Counts are the records that have a value, and for each limit how many of them lack the member.
func (t *Tally) Counts() (total int64, nulls []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total, slices.Clone(t.nulls)
}

// part is that of a partition.
func (t *Tally) part(n int32) *part {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.parts[n] == nil {
		t.parts[n] = new(part)
	}
	return t.parts[n]
}

// counting is one run of positions of one slice on its way into a tally.
type counting struct {
	t     *Tally
	part  *part
	slice partition.Slice
	from  partition.Offset
	total int64
	nulls []int64
}

// begin holds the slice's partition until end.
func (t *Tally) begin(slice partition.Slice, from partition.Offset) counting {
	if t == nil {
		return counting{}
	}
	c := counting{t: t, part: t.part(slice.Partition), slice: slice, from: from, nulls: make([]int64, len(t.limits))}
	c.part.mu.Lock()
	return c
}

func (c *counting) see(r *subject) {
	t := c.t
	if t == nil || r.Record.Value == nil || t.in != nil && !t.in(r.Record) || c.part.seen.Contains(r.Record.Offset) {
		return
	}
	c.total++
	refused := r.read()
	for i := range t.members {
		v, there, twice := t.members[i].in(r)
		if refused != nil || !there || v == nil || twice != nil {
			c.nulls[i]++
		}
	}
}

// end notes that the slice's positions up to to are counted.
func (c *counting) end(to partition.Offset) error {
	if c.t == nil {
		return nil
	}
	rs := c.slice.Ranges
	for i := sort.Search(len(rs), func(i int) bool { return rs[i].To > c.from }); i < len(rs) && rs[i].From < to; i++ {
		cover(&c.part.seen, partition.Range{From: max(rs[i].From, c.from), To: min(rs[i].To, to)})
	}
	c.part.mu.Unlock()
	return c.t.add(c.total, c.nulls)
}

func (t *Tally) add(total int64, nulls []int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total += total
	for i, l := range t.limits {
		t.nulls[i] += nulls[i]
		if l.Allowed >= 0 && t.nulls[i] > l.Allowed {
			return fmt.Errorf("%s is lacking in %d records, %d are allowed: %w", l.Field, t.nulls[i], l.Allowed, ErrNulls)
		}
	}
	return nil
}

// cover adds r to rs, which are in order and do not touch. Readers go forward, so it is mostly the last of them that grows.
func cover(rs *partition.Ranges, r partition.Range) {
	if r.Empty() {
		return
	}
	all := *rs
	i := sort.Search(len(all), func(i int) bool { return all[i].To >= r.From })
	j := i
	for ; j < len(all) && all[j].From <= r.To; j++ {
		r.From, r.To = min(r.From, all[j].From), max(r.To, all[j].To)
	}
	*rs = slices.Replace(all, i, j, r)
}
