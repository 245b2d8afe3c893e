package revise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"backstitch/replay/record"
)

const (
	// maxPaths bounds how many members are told apart. Objects whose names are data have a new one in each record.
	maxPaths = 1000
	// maxExamples is how many records stand for each path and each kind of refusal.
	maxExamples = 3
	// maxShown bounds, in bytes, how much of a value is shown.
	maxShown = 120
)

// Diff is what one version makes of records against what the other makes.
type Diff struct {
	Old string `json:"old"`
	New string `json:"new"`

	Records     int64 `json:"records"`     // that were looked at
	Same        int64 `json:"same"`        // byte for byte
	Respelt     int64 `json:"respelt"`     // say the same in other bytes
	Changed     int64 `json:"changed"`     // say something else
	RefusedOld  int64 `json:"refusedOld"`  // by the old version alone
	RefusedNew  int64 `json:"refusedNew"`  // by the new version alone
	RefusedBoth int64 `json:"refusedBoth"` // by both
	Unreadable  int64 `json:"unreadable"`  // places of the sample that can not be read

	Paths     []Path `json:"paths"`               // by path
	PathsLeft int64  `json:"pathsLeft,omitempty"` // changes of further paths, which are not told apart
	Refused   []Gate `json:"refused,omitempty"`   // what one version refuses and the other does not, by code
}

// Path is what became of one member. [] stands for each element of a list.
type Path struct {
	Path     string    `json:"path"`
	Added    int64     `json:"added"`
	Removed  int64     `json:"removed"`
	Changed  int64     `json:"changed"` // of the same type
	Retyped  int64     `json:"retyped"`
	Examples []Example `json:"examples"`
}

// Example is one record.
type Example struct {
	Record string `json:"record"` // where it stands
	Old    string `json:"old"`    // the value, cut to maxShown bytes; "" where there is none
	New    string `json:"new"`
}

// Gate is a reason for which one version alone refuses records.
type Gate struct {
	By       string    `json:"by"` // "old" or "new"
	Code     string    `json:"code"`
	Count    int64     `json:"count"`
	Examples []Refused `json:"examples"`
}

// Refused is one record that a version refuses.
type Refused struct {
	Record string `json:"record"`
	Reason string `json:"reason"`
}

// Compared is how many records both versions made something of.
func (d *Diff) Compared() int64 { return d.Same + d.Respelt + d.Changed }

// Differs reports whether the versions do anything other.
func (d *Diff) Differs() bool { return d.Respelt+d.Changed+d.RefusedOld+d.RefusedNew > 0 }

// Comparer adds records up.
type Comparer struct {
	old, new *Version
	diff     Diff
	paths    map[string]*Path
	gates    map[[2]string]*Gate
}

// Compare makes a comparer of two versions.
func Compare(old, new *Version) *Comparer {
	return &Comparer{old: old, new: new, diff: Diff{Old: old.Name, New: new.Name}, paths: map[string]*Path{}, gates: map[[2]string]*Gate{}}
}

// Unreadable counts a place of the sample that can not be read.
func (c *Comparer) Unreadable() { c.diff.Unreadable++ }

// Learn asks what a record is written with; call it before Add where Avro is compared.
func (c *Comparer) Learn(ctx context.Context, rec *record.Record) error {
	return errors.Join(c.old.Learn(ctx, rec), c.new.Learn(ctx, rec))
}

// Add looks at one record. where is how people find it.
func (c *Comparer) Add(where string, part int32, rec *record.Record) error {
	c.diff.Records++
	a, whyOld := c.old.Make(part, rec)
	b, whyNew := c.new.Make(part, rec)
	switch {
	case whyOld != nil && whyNew != nil:
		c.diff.RefusedBoth++
	case whyOld != nil:
		c.diff.RefusedOld++
		c.gate("old", where, whyOld)
	case whyNew != nil:
		c.diff.RefusedNew++
		c.gate("new", where, whyNew)
	case same(&a, &b):
		c.diff.Same++
	default:
		return c.values(where, &a, &b)
	}
	return nil
}

// values compares two values of other bytes. At least one was made by steps, and so is JSON; then the other is, too.
func (c *Comparer) values(where string, a, b *record.Record) error {
	x, errA := c.old.reader.Read(a)
	y, errB := c.new.reader.Read(b)
	if err := cmp.Or(errA, errB); err != nil {
		return fmt.Errorf("%s: one version makes JSON of it: %w", where, err)
	}
	if c.walk(where, "", x.Root, y.Root) == 0 {
		c.diff.Respelt++
	} else {
		c.diff.Changed++
	}
	return nil
}

func (c *Comparer) gate(by, where string, why *Refusal) {
	key := [2]string{by, why.Code}
	g := c.gates[key]
	if g == nil {
		g = &Gate{By: by, Code: why.Code}
		c.gates[key] = g
	}
	if g.Count++; len(g.Examples) < maxExamples {
		g.Examples = append(g.Examples, Refused{where, why.Reason})
	}
}

// Diff is what was seen so far.
func (c *Comparer) Diff() Diff {
	out := c.diff
	out.Paths = []Path{}
	for _, path := range slices.Sorted(maps.Keys(c.paths)) {
		out.Paths = append(out.Paths, *c.paths[path])
	}
	for _, g := range c.gates {
		out.Refused = append(out.Refused, *g)
	}
	slices.SortFunc(out.Refused, func(a, b Gate) int { return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.Code, b.Code)) })
	return out
}
