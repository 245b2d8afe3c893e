package synth

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"backstitch/partition"
	"backstitch/replay/record"
)

// Loss says what a replica lacks on purpose.
type Loss struct {
	Windows []Window
	Doubled float64 // share of the other records that is written twice
	Corrupt int64   // records of which one byte of the value differs
}

// Window is a stretch of the day, each day, that a partition loses whole.
type Window struct {
	Partition int32 // -1 for all
	From, To  time.Duration
}

// MaxCorrupt bounds Loss.Corrupt: those records are remembered.
const MaxCorrupt = 100_000

// ParseWindow reads p07:02:00-05:00, or all:02:00-05:00.
func ParseWindow(s string) (Window, error) {
	which, times, ok := strings.Cut(s, ":")
	from, to, ok2 := strings.Cut(times, "-")
	w := Window{Partition: -1}
	if ok && ok2 && which != "all" {
		digits, named := strings.CutPrefix(which, "p")
		n, err := strconv.ParseInt(digits, 10, 32)
		if ok = named && err == nil && n >= 0 && n < MaxPartitions; ok {
			w.Partition = int32(n)
		}
	}
	var err1, err2 error
	w.From, err1 = timeOfDay(from)
	w.To, err2 = timeOfDay(to)
	if !ok || !ok2 || err1 != nil || err2 != nil || w.From >= w.To {
		return Window{}, fmt.Errorf("%q is not a partition and a time of the day (UTC), like p07:02:00-05:00 or all:02:00-05:00", s)
	}
	return w, nil
}

// timeOfDay reads 00:00 to 24:00.
func timeOfDay(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err
}

// Planter tells of each record of a replica what becomes of it. It is safe for concurrent use.
type Planter struct {
	g       *Generator
	loss    Loss
	corrupt map[spot]struct{}
}

type spot struct {
	partition int32
	index     int64
}

// Fate is what becomes of a record in the target.
type Fate int

const (
	Kept Fate = iota
	Lost
	Doubled   // there twice
	Corrupted // there with another value, so that the real one is missing
)

// NewPlanter refuses a loss that the replica has no room for.
func NewPlanter(g *Generator, loss Loss) (*Planter, error) {
	if !(loss.Doubled >= 0 && loss.Doubled <= 1) || loss.Corrupt < 0 || loss.Corrupt > MaxCorrupt {
		return nil, fmt.Errorf("a share of %g twice and %d corrupt records: want a share of 0 to 1 and 0 to %d records", loss.Doubled, loss.Corrupt, MaxCorrupt)
	}
	for _, w := range loss.Windows {
		if w.Partition >= 0 && !slices.Contains(g.order, w.Partition) {
			return nil, fmt.Errorf("a loss in partition %d, which the profile does not have", w.Partition)
		}
	}
	p := &Planter{g: g, loss: loss, corrupt: map[spot]struct{}{}}
	return p, p.draw()
}

// draw picks the corrupt records: any that are not lost and whose value has a byte to change.
func (p *Planter) draw() error {
	rng := rand.New(rand.NewPCG(p.g.seed, 0xc0))
	var all int64
	for _, part := range p.g.order {
		all += p.g.Records(part)
	}
	for tries := int64(0); int64(len(p.corrupt)) < p.loss.Corrupt; tries++ {
		if tries > 100*p.loss.Corrupt+1000 {
			return errors.New("there are too few records with a value to corrupt")
		}
		at := rng.Int64N(all)
		for _, part := range p.g.order {
			if n := p.g.Records(part); at >= n {
				at -= n
				continue
			}
			if r := p.g.Record(part, at); len(r.Value) > 0 && !p.lost(part, at) {
				p.corrupt[spot{part, at}] = struct{}{}
			}
			break
		}
	}
	return nil
}

func (p *Planter) lost(number int32, i int64) bool {
	if len(p.loss.Windows) == 0 {
		return false
	}
	const dayMs = 24 * hourMs
	at := time.Duration((p.g.Time(number, i)%dayMs+dayMs)%dayMs) * time.Millisecond
	for _, w := range p.loss.Windows {
		if (w.Partition < 0 || w.Partition == number) && at >= w.From && at < w.To {
			return true
		}
	}
	return false
}

// Hits reports whether a record is lost by w. It looks at records until one is.
func (p *Planter) Hits(w Window) bool {
	one := Planter{g: p.g, loss: Loss{Windows: []Window{w}}}
	for _, number := range p.g.order {
		if w.Partition >= 0 && w.Partition != number {
			continue
		}
		for i := range p.g.Records(number) {
			if one.lost(number, i) {
				return true
			}
		}
	}
	return false
}

// Fate of record i of a partition.
func (p *Planter) Fate(number int32, i int64) Fate {
	if p.lost(number, i) {
		return Lost
	}
	if _, ok := p.corrupt[spot{number, i}]; ok {
		return Corrupted
	}
	if p.loss.Doubled > 0 && rand.New(rand.NewPCG(p.g.seed+1, uint64(number)<<40^uint64(i))).Float64() < p.loss.Doubled {
		return Doubled
	}
	return Kept
}

// Corrupt changes one byte in the middle of a value, into another letter.
func Corrupt(r record.Record) record.Record {
	r.Value = slices.Clone(r.Value)
	if c := &r.Value[len(r.Value)/2]; *c == '0' {
		*c = '1'
	} else {
		*c = '0'
	}
	return r
}

// Planted is what a replica lacks, exactly. Positions are offsets of the complete replica, as its archive has them.
type Planted struct {
	Kind       string             `json:"kind"`
	Version    int                `json:"version"`
	Seed       uint64             `json:"seed"`
	Records    int64              `json:"records"` // of the complete replica
	Lost       int64              `json:"lost"`
	Doubled    int64              `json:"doubled"`
	Corrupted  int64              `json:"corrupted"`
	Partitions []PlantedPartition `json:"partitions"`
}

// PlantedKind is what a file with a Planted says it is.
const PlantedKind = "backstitch.dev/planted"

// PlantedPartition is what one partition lacks.
type PlantedPartition struct {
	Partition int32             `json:"partition"`
	Lost      []partition.Range `json:"lost"`
	Doubled   []partition.Range `json:"doubled"`
	Corrupted []partition.Range `json:"corrupted"`
}

// Missing is how many records of the replica a reader of the target does not find.
func (p *Planted) Missing() int64 { return p.Lost + p.Corrupted }

// Planted lists everything. It looks at each record once.
func (p *Planter) Planted() *Planted {
	out := &Planted{Kind: PlantedKind, Version: Version, Seed: p.g.seed, Partitions: []PlantedPartition{}}
	for _, number := range p.g.order {
		one := PlantedPartition{Partition: number, Lost: []partition.Range{}, Doubled: []partition.Range{}, Corrupted: []partition.Range{}}
		for i := range p.g.Records(number) {
			out.Records++
			switch p.Fate(number, i) {
			case Lost:
				out.Lost++
				one.Lost = extend(one.Lost, i)
			case Doubled:
				out.Doubled++
				one.Doubled = extend(one.Doubled, i)
			case Corrupted:
				out.Corrupted++
				one.Corrupted = extend(one.Corrupted, i)
			}
		}
		out.Partitions = append(out.Partitions, one)
	}
	return out
}

// extend adds i behind the last range, or to it.
func extend(list []partition.Range, i int64) []partition.Range {
	if n := len(list); n > 0 && list[n-1].To == i {
		list[n-1].To = i + 1
		return list
	}
	return append(list, partition.Range{From: i, To: i + 1})
}

// Score holds ranges that somebody says are missing in a partition against what is: how many records are, and how many are not.
func (p *Planter) Score(number int32, said partition.Range) (found, wrong int64) {
	for i := said.From; i < said.To; i++ {
		if f := p.Fate(number, i); i < p.g.Records(number) && (f == Lost || f == Corrupted) {
			found++
		} else {
			wrong++
		}
	}
	return found, wrong
}
