package repeat

import (
	"fmt"
	"math"
	"time"

	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/storage/spill"
)

// Rule says what a repetition is. It is never changed, and may be used by several goroutines.
type Rule struct {
	parts  []part
	window time.Duration // 0 is for ever
}

// New makes a rule. Two records of one key are repetitions of each other if their timestamps are less than window apart, or always where
// window is 0.
func New(key []spec.KeyPart, window time.Duration) (*Rule, error) {
	if len(key) == 0 {
		return nil, errNoKey
	}
	r := &Rule{window: window}
	for _, text := range key {
		p, err := newPart(text)
		if err != nil {
			return nil, fmt.Errorf("key of repetitions: %w", err)
		}
		r.parts = append(r.parts, p)
	}
	return r, nil
}

// Lacks is what the rule looks at and a source that holds these fields does not give.
func (r *Rule) Lacks(held record.Fields) record.Fields {
	var looks record.Fields
	for i := range r.parts {
		looks |= r.parts[i].looks()
	}
	if r.window > 0 {
		looks |= record.FieldTimestamp
	}
	return looks &^ held
}

// SpillBytes is what a Finder keeps in memory where nobody says otherwise. A scan has one per partition that it works on.
const SpillBytes = 16 << 20

// Finder finds the repetitions of one partition, of which it sees every record that the job is about, once and in order of position. It is
// for one goroutine.
type Finder struct {
	keys   keys
	window int64 // milliseconds; 0 is for ever
	seen   *spill.Times
}

// Finder makes one for a partition. The caller closes it.
func (r *Rule) Finder(opt spill.Options) *Finder {
	if opt.MemoryBytes == 0 {
		opt.MemoryBytes = SpillBytes
	}
	return &Finder{keys: keys{parts: r.parts}, window: r.window.Milliseconds(), seen: spill.NewTimes(opt)}
}

// See looks at the next record. why says that its key can not be read; then it is no repetition, and nothing is one of it.
func (f *Finder) See(r *record.Record) (repetition bool, why *source.Refusal, err error) {
	hash, why := f.keys.hash(r)
	if why != nil {
		return false, why, nil
	}
	at, from, to := r.TimestampMs, int64(math.MinInt64), int64(math.MaxInt64)
	if f.window == 0 {
		at = 0 // one moment of a key is as good as all
	} else {
		from, to = minus(at, f.window-1), plus(at, f.window-1)
	}
	if repetition, err = f.seen.Any(hash, from, to); err == nil {
		err = f.seen.Add(hash, at)
	}
	if err != nil {
		return false, nil, fmt.Errorf("look for record %d among those before it: %w", r.Offset, err)
	}
	return repetition, nil, nil
}

// Close gives memory and files back.
func (f *Finder) Close() error { return f.seen.Close() }

// minus and plus stop at the ends: timestamps are whatever somebody has written.
func minus(at, by int64) int64 {
	if at < math.MinInt64+by {
		return math.MinInt64
	}
	return at - by
}

func plus(at, by int64) int64 {
	if at > math.MaxInt64-by {
		return math.MaxInt64
	}
	return at + by
}
