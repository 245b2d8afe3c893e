package foreign

import (
	"cmp"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/source"
)

// start is the least position that the first record can have, as far as name and content say.
func (e *entry) start() partition.Offset {
	switch {
	case e.first >= 0:
		return e.first
	case e.name.First >= 0:
		return e.name.First
	case e.name.Last >= 0 && e.damage != nil:
		return e.floor // how many records are missing from it is not known
	case e.name.Last >= 0:
		return max(e.name.Last-e.records+1, 0)
	}
	return 0
}

// after is where an object begins behind others that end at end. What can not be read of the last of those, which is hurt, is at least one record,
// unless the name of this one leaves no room for it: then all of them were read, and what is damaged is behind them, such as a checksum.
func (e *entry) after(end partition.Offset, hurt bool) partition.Offset {
	start, said := e.start(), e.name.First >= 0 || e.name.Last >= 0
	switch {
	case start > end || start == end && said:
		return start
	case hurt:
		return end + 1
	}
	return end
}

// stream is what one writer appends to.
type stream struct {
	part int32
	dir  string
}

func (e *entry) stream() stream { return stream{e.name.Partition, e.name.Stream} }

// floors sets where each object can begin at the least: behind the one before it in its directory.
func floors(files []*entry) {
	said := func(e *entry) partition.Offset { return max(e.name.First, e.name.Last) }
	slices.SortFunc(files, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(said(a), said(b)), strings.Compare(a.in.Key, b.in.Key))
	})
	reach := map[stream]partition.Offset{}
	for _, e := range files {
		e.floor = reach[e.stream()]
		reach[e.stream()] = max(e.floor, e.last+1, e.name.Last+1)
	}
}

// place sorts objects by partition and position.
func place(files []*entry, t Traits) []*entry {
	files = slices.Clone(files)
	floors(files)
	slices.SortFunc(files, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.name.Partition, b.name.Partition), cmp.Compare(a.start(), b.start()), a.name.Dated.Compare(b.name.Dated),
			strings.Compare(a.in.Key, b.in.Key))
	})
	for _, e := range files {
		e.base = -1
	}
	return files
}

// holes are the directories in which the names leave positions to nobody, and those of the last objects, after which there may
// be more.
func holes(files []*entry) []string {
	var dirs []string
	last := map[stream]*entry{}
	for _, e := range files {
		before := last[e.stream()]
		if before == nil || before.start()+before.records < e.start() || before.damage != nil {
			dirs = append(dirs, e.name.Stream)
		}
		last[e.stream()] = e
	}
	for _, e := range last {
		dirs = append(dirs, e.name.Stream)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// number gives each object its base and puts it into l.
func (a *Archive) number(l *Listing, files []*entry) {
	var end partition.Offset
	var open *source.DamagedError // of the object before, which reaches to the next base
	hurt := false
	for i, e := range files {
		if i > 0 && files[i-1].name.Partition != e.name.Partition {
			end, open, hurt = 0, nil, false
		}
		base, span := e.start(), e.records
		switch {
		case a.traits.Own && e.first >= 0:
			span = e.last - e.first + 1
		case e.base >= 0:
			base = e.base
		case !a.traits.Own:
			base = e.after(end, hurt)
		}
		if open != nil && open.Next < 0 && (base > open.Offset || base == open.Offset && !a.traits.Own) {
			open.Next = base
		}
		obj := partition.Object{Key: e.in.Key, ETag: joinETag(e.in.ETag, a.traits.Companions, e.companions), Size: e.in.Size, Base: base, Count: span}
		end, hurt = max(end, base+span), e.damage != nil
		if hurt {
			obj.Count = -1
			open = &source.DamagedError{Object: e.in.Key, Offset: base + span, Next: -1, Code: e.damage.Code, Err: e.damage.Err}
			if e.name.Last >= base+span || !a.traits.Own && e.name.Last == base+span-1 && span > 0 {
				open.Next = e.name.Last + 1
			}
			l.Damaged = append(l.Damaged, open)
			end = max(end, open.Next)
		}
		if e.disbelieved {
			continue
		}
		l.Objects[e.name.Partition] = append(l.Objects[e.name.Partition], obj)
	}
	for _, list := range l.Objects {
		slices.SortStableFunc(list, func(a, b partition.Object) int { return cmp.Compare(a.Base, b.Base) })
	}
}
