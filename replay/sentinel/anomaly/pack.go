package anomaly

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"

	"backstitch/replay/klog"
	"backstitch/replay/sentinel/baseline"
)

// A state that a cluster keeps is bounded beforehand: not what was learned decides what is left out, but how much may be, so that no place loses what it
// has learned because another one learns more.

// Off is by how many records an hour was off.
type Off struct {
	Hour    int64   `json:"hour"`
	Records float32 `json:"records"` // more than expected; negative for fewer
}

// trailHours is how many hours of a place are remembered one by one: what an alarm has missed before it was told.
const trailHours = 24

// trail is the newest of what was and what is said.
func trail(before []Off, said []baseline.Judgement) []Off {
	out := slices.Clone(before)
	for _, j := range said {
		if j.State != baseline.Learning {
			out = append(out, Off{j.Hour, float32(j.Count - j.Expected)})
		}
	}
	return out[max(0, len(out)-trailHours):]
}

// complete says whether the topic still has all records of the hours that come next: where nothing from Next on was taken away, a partition that is
// empty has had none.
func (s *State) complete(t *klog.Topic) bool {
	if s == nil || s.Next == nil {
		return false
	}
	for n, w := range t.Partitions {
		if w.LogStart > s.Next[n] {
			return false
		}
	}
	return true
}

// What the parts of a packed state take at most, in bytes. MaxPathBytes is what a path to a sender or a field may have.
const (
	MaxPathBytes = 256
	headBytes    = 1024     // topic, id, path, and what stands in front of each list
	nextBytes    = 4 + 8    // of a partition
	nextMost     = 4 << 10  // of all: beyond it Next is left out
	placeBytes   = 1024 - 8 // name and trail of a series
	senderBytes  = baseline.MaxSourceBytes + baseline.MaxNameBytes
)

// Bounds are how many places are looked at one by one, so that a packed state has at most as many bytes as asked for.
type Bounds struct{ Partitions, Sources int }

// BoundsOf divides bytes: what is counted of the topic comes first, and half of the rest is for senders, if records name any. An error says that not even the
// first fits.
func BoundsOf(most int, nulls int, sources bool) (Bounds, error) {
	const series = baseline.MaxSeriesBytes + placeBytes
	rest := most - headBytes - nextMost - (3+nulls)*series
	if rest < series {
		return Bounds{}, fmt.Errorf("%d bytes do not hold what is learned of a topic with %d fields and one partition: that is up to %d", most, nulls, most-rest+series)
	}
	var b Bounds
	if sources {
		b.Sources = min((rest-series)/2/senderBytes, baseline.MaxSources)
		rest -= b.Sources * senderBytes
		if b.Sources == 0 {
			return Bounds{}, fmt.Errorf("%d bytes have no room for senders: %d would", most, most-rest+series+2*senderBytes)
		}
	}
	b.Partitions = rest / series
	return b, nil
}

// packFormat is raised when packed bytes mean something else.
const packFormat = 1

// Pack is the state in bytes, all numbers big endian: what ParsePacked reads.
func (s *State) Pack() []byte {
	b := []byte{packFormat}
	text := func(t []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(t)))
		b = append(b, t...)
	}
	number := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	text([]byte(s.Topic))
	text([]byte(s.ID))
	text([]byte(s.Source))
	text([]byte(s.Zone))
	number(s.LateMs)
	number(s.Last)
	next := slices.Sorted(maps.Keys(s.Next))
	if len(next)*nextBytes > nextMost {
		next = nil
	}
	number(int64(len(next)))
	for _, n := range next {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
		number(s.Next[n])
	}
	names := slices.Sorted(maps.Keys(s.Series))
	number(int64(len(names)))
	for _, name := range names {
		text([]byte(name))
		text(s.Series[name])
		var offs bytes.Buffer
		_ = binary.Write(&offs, binary.BigEndian, s.Trails[name]) // a buffer takes everything
		text(offs.Bytes())
	}
	text(s.Sources)
	return b
}

// ParsePacked reads what Pack has made.
func ParsePacked(b []byte) (*State, error) {
	r := reader{b: b}
	if r.take(1); r.failed || b[0] != packFormat {
		return nil, fmt.Errorf("%w: %d bytes of another format", ErrState, len(b))
	}
	s := &State{Format: stateFormat, Topic: string(r.text()), ID: string(r.text()), Source: string(r.text()), Zone: string(r.text()), LateMs: r.number(), Last: r.number(),
		Series: map[string][]byte{}, Trails: map[string][]Off{}}
	for range r.count(nextBytes) {
		if s.Next == nil {
			s.Next = map[int32]int64{}
		}
		part := r.take(4)
		if r.failed {
			break
		}
		s.Next[int32(binary.BigEndian.Uint32(part))] = r.number()
	}
	for range r.count(3 * 4) {
		name := string(r.text())
		s.Series[name] = r.text()
		raw := r.text()
		offs := make([]Off, len(raw)/binary.Size(Off{}))
		if err := binary.Read(bytes.NewReader(raw), binary.BigEndian, offs); err != nil && err != io.EOF || len(raw)%binary.Size(Off{}) != 0 {
			r.failed = true
		}
		s.Trails[name] = offs
	}
	if s.Sources = r.text(); r.failed || len(r.b) > 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrState, len(b))
	}
	return s, nil
}

// reader takes what is there, and notes where there is too little.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) || r.failed {
		r.failed = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) text() []byte {
	n := r.take(4)
	if r.failed {
		return nil
	}
	return slices.Clone(r.take(int(min(binary.BigEndian.Uint32(n), 1<<30))))
}

func (r *reader) number() int64 {
	b := r.take(8)
	if r.failed {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

// count is how many entries of at least that size follow.
func (r *reader) count(size int) int64 {
	n := r.number()
	if n < 0 || n > int64(len(r.b)/size) {
		r.failed = true
		return 0
	}
	return n
}
