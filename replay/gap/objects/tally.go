package objects

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"

	"backstitch/replay/gap"
)

// errStopped says that too many objects could not be asked for. The report says so too.
var errStopped = errors.New("the comparison was given up")

// alike is what objects of one finding have in common.
type alike struct {
	kind             gap.Kind
	reason, evidence string
}

// tally counts verdicts and makes findings of them. It is used by one goroutine.
type tally struct {
	rep      *Report
	cfg      Config
	set      hash.Hash
	open     *Finding // the run that may go on, nil for none
	rest     map[alike]*Finding
	failures int
}

func newTally(rep *Report, cfg Config) *tally {
	return &tally{rep: rep, cfg: cfg, set: sha256.New(), rest: map[alike]*Finding{}}
}

// add counts one key.
func (t *tally) add(s *step, v verdict) error {
	var bytes int64
	if there(s.ref) {
		bytes = s.ref.Size
		if t.cfg.Progress != nil {
			t.cfg.Progress(1, bytes)
		}
		if v.kind != gap.NotComparable {
			t.rep.Compared++
		}
	} else if there(s.tgt) {
		bytes = s.tgt.Size
	}
	if v.by != "" {
		t.rep.By[v.by]++
	}
	if v.kind == "" {
		t.end()
		if there(s.ref) {
			t.rep.Equal++
			if t.rep.Evidence == "" || v.evidence < t.rep.Evidence {
				t.rep.Evidence = v.evidence
			}
		} else if s.ref != nil && s.tgt != nil {
			t.rep.DeletedInBoth++
		}
		return nil
	}
	d := Difference{Key: s.key, Kind: v.kind, Bytes: bytes, Reason: v.reason, Detail: v.detail, Evidence: v.evidence, Version: v.version}
	if v.kind == gap.Missing || v.kind == gap.Corrupt {
		d.Source = "reference"
		if v.version != "" {
			d.Source = "reference and target"
		}
	}
	if err := t.difference(d); err != nil {
		return err
	}
	if v.failed {
		if t.failures++; t.failures == t.cfg.MaxFailures {
			t.unseen(s.key, fmt.Sprintf("not compared: the stores did not answer for %d objects; the last of them is named in detail", t.failures), v.detail)
			return errStopped
		}
	}
	return nil
}

// difference puts one into the run that it belongs to.
func (t *tally) difference(d Difference) error {
	line, err := json.Marshal(d)
	if err != nil {
		panic("objects: a difference is plain values: " + err.Error())
	}
	t.set.Write(append(line, '\n'))
	t.rep.Kinds[d.Kind]++
	if t.cfg.Each != nil {
		if err := t.cfg.Each(d); err != nil {
			return err
		}
	}
	if f := t.open; f == nil || (alike{f.Kind, f.Reason, f.Evidence}) != (alike{d.Kind, d.Reason, d.Evidence}) {
		t.end()
		t.open = &Finding{Kind: d.Kind, First: d.Key, Runs: 1, Reason: d.Reason, Detail: d.Detail, Evidence: d.Evidence}
	}
	t.open.Last = d.Key
	t.open.Count++
	t.open.Bytes += d.Bytes
	if d.Source != "" {
		t.open.InReference++
	}
	if d.Version != "" {
		t.open.InTarget++
	}
	return nil
}

// end closes the run.
func (t *tally) end() {
	f := t.open
	if t.open = nil; f == nil {
		return
	}
	if len(t.rep.Findings) < t.cfg.MaxFindings {
		t.rep.Findings = append(t.rep.Findings, *f)
		return
	}
	key := alike{f.Kind, f.Reason, f.Evidence}
	sum := t.rest[key]
	if sum == nil {
		t.rest[key] = f
		return
	}
	sum.Last = f.Last
	sum.Runs++
	sum.Count += f.Count
	sum.Bytes += f.Bytes
	sum.InReference += f.InReference
	sum.InTarget += f.InTarget
}

// cut makes a finding of a listing that broke off.
func (t *tally) cut(l *listing, side string) {
	if l.err != nil {
		t.unseen(l.last, "not compared: the listing of the "+side+" breaks off", l.err.Error())
	}
}

// unseen says that nothing behind a key was compared.
func (t *tally) unseen(after, reason, detail string) {
	t.end()
	t.rest[alike{gap.NotComparable, reason, ""}] = &Finding{
		Kind: gap.NotComparable, First: after, Open: true, Runs: 1, Count: -1, Reason: reason, Detail: detail,
	}
	fmt.Fprintf(t.set, "unseen behind %q: %s\n", after, reason)
}

// finish gives all findings their ids and says what was not looked at.
func (t *tally) finish() {
	t.end()
	var rest []Finding
	for _, f := range t.rest {
		if f.Kind == gap.Missing && f.Runs > 1 {
			f.Kind = gap.Partly // scattered, as with records
		}
		rest = append(rest, *f)
	}
	slices.SortFunc(rest, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Reason, b.Reason))
	})
	t.rep.Findings = append(t.rep.Findings, rest...)
	t.rep.Set = "g-" + hex.EncodeToString(t.set.Sum(nil)[:3])
	for i := range t.rep.Findings {
		t.rep.Findings[i].ID = fmt.Sprintf("%s.%d", t.rep.Set, i+1)
	}
	t.rep.NotChecked = notChecked(t.rep, t.cfg)
}

func notChecked(rep *Report, cfg Config) []string {
	var out []string
	if cfg.Listing {
		out = append(out, "contents: only listings were compared")
	}
	switch {
	case !cfg.Versions:
		out = append(out, "delete markers and older versions")
	case rep.Reference.Older+rep.Target.Older > 0:
		out = append(out, fmt.Sprintf("older versions: the reference has %s, the target %s; only current objects were compared with each other",
			gap.Count(rep.Reference.Older), gap.Count(rep.Target.Older)))
	}
	return append(out, "metadata, tags, storage classes and access rights", "until when each side keeps what it has: lifecycle rules were not read")
}
