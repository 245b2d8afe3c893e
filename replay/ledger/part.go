package ledger

import (
	"errors"
	"os"
	"slices"
	"sort"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/source"
)

// part is one partition during a scan. Whoever scans a partition does so alone, so nothing here is locked.
type part struct {
	n      int32
	path   string
	file   *os.File // the ledger of an earlier scan, nil when there is none
	had    anchors  // of file
	draft  *draft   // what this scan writes, nil until there is something
	spoilt error    // why nothing more can be written, nil while it can
	sides  [2]*side
}

// side is what is known of one side of a partition: windows that are vouched for, and those that this scan has read.
type side struct {
	p       *part
	name    string
	fields  record.Fields
	schemas *schema.Side // that tell what its records name; nil when names are bytes
	keep    bool         // whether what is read is to be written down
	windows []window     // ascending and disjoint
	fresh   bool         // one of windows is new, or an old one is gone
	doubts  []gap.Doubt
	damaged []*source.DamagedError

	vouchedRecords, vouchedBytes int64
	readRecords, readBytes       int64
}

// doubt notes why something that is written down was not believed.
func (s *side) doubt(reason string) {
	s.doubts = append(s.doubts, gap.Doubt{Partition: s.p.n, Side: s.name, Reason: reason})
}

// find returns the window that holds o, or else the position at which the next one begins.
func (s *side) find(o partition.Offset) (w *window, next partition.Offset, ok bool) {
	i := sort.Search(len(s.windows), func(i int) bool { return s.windows[i].Range.To > o })
	switch {
	case i == len(s.windows):
		return nil, 0, false
	case s.windows[i].Range.From <= o:
		return &s.windows[i], 0, true
	}
	return nil, s.windows[i].Range.From, true
}

// forget drops a window that can not be read back. What it held is read from the side itself.
func (s *side) forget(w *window, err error) {
	s.doubt(err.Error())
	s.windows = slices.DeleteFunc(s.windows, func(x window) bool { return x.Range == w.Range })
	s.fresh = true
}

// forgetAll drops everything that earlier scans and this one have read.
func (s *side) forgetAll(reason string) {
	if len(s.windows) > 0 {
		s.doubt(reason)
	}
	s.windows, s.damaged = nil, nil
}

// add takes in a window that this scan has read. A ledger that can not be written is no reason to end a scan.
func (s *side) add(r partition.Range, entries []entry) {
	p := s.p
	if !s.keep || p.spoilt != nil || r.Empty() {
		return
	}
	if p.spoilt = p.begin(); p.spoilt != nil {
		return
	}
	w, err := p.draft.put(r, entries)
	if err != nil {
		p.spoilt = err
		return
	}
	i := sort.Search(len(s.windows), func(i int) bool { return s.windows[i].Range.From >= r.From })
	if i < len(s.windows) && s.windows[i].Range.From < r.To || i > 0 && s.windows[i-1].Range.To > r.From {
		return // it was read twice side by side; one is enough
	}
	s.windows = slices.Insert(s.windows, i, w)
	s.fresh = true
}

// count notes that b was given out of w. A second look at it counts no more.
func (s *side) count(w *window, b *record.Batch) {
	if w.old && !w.counted {
		w.counted = true
		s.vouchedRecords += int64(len(b.Records))
		s.vouchedBytes += b.Bytes
	}
}

// begin makes sure that there is a draft.
func (p *part) begin() error {
	if p.draft != nil {
		return nil
	}
	d, err := newDraft(p.path)
	p.draft = d
	return err
}

// close lets go of both files, and of what was written and got no name.
func (p *part) close() error {
	var err error
	if p.file != nil {
		err = p.file.Close()
	}
	if p.draft != nil {
		err = errors.Join(err, p.draft.drop())
	}
	p.file, p.draft = nil, nil
	return err
}

// save writes the ledger anew: the windows of both sides, under these anchors. Neighbours that are small become one.
func (p *part) save(a anchors) error {
	if p.spoilt != nil {
		return p.spoilt
	}
	if err := p.begin(); err != nil {
		return err
	}
	c := &contents{anchors: a}
	for i, s := range p.sides {
		list, err := p.copyOver(s.windows)
		if err != nil {
			return err
		}
		c.windows[i] = list
	}
	return p.draft.finish(c, p.path)
}

// copyOver brings windows into the draft. One that can not be read back is left out: the next scan reads it.
func (p *part) copyOver(list []window) ([]window, error) {
	var out []window
	for len(list) > 0 {
		n, records := 1, list[0].Records
		for n < len(list) && list[n].Range.From == list[n-1].Range.To && records+list[n].Records <= windowRecords {
			records += list[n].Records
			n++
		}
		group := list[:n]
		list = list[n:]
		if n == 1 && group[0].file == p.draft.f {
			out = append(out, group[0])
			continue
		}
		var entries []entry
		whole := true
		for i := range group {
			es, err := group[i].load()
			if err != nil {
				whole = false
				break
			}
			entries = append(entries, es...)
		}
		if !whole {
			continue
		}
		w, err := p.draft.put(partition.Range{From: group[0].Range.From, To: group[n-1].Range.To}, entries)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}
