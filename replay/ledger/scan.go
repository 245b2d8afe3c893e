package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/schema"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"
)

// Ledger is a directory with what scans have read, a directory for each comparison and a file for each of its partitions.
type Ledger struct{ dir string }

// New is the ledger in dir, which need not be there yet.
func New(dir string) *Ledger { return &Ledger{dir: dir} }

// Scan is gap.Scan. It reads what the ledger does not vouch for and writes down what it has read.
func (l *Ledger) Scan(ctx context.Context, in gap.Input, cfg gap.Config, a gap.Anchors) (_ *gap.Report, err error) {
	s := &session{in: in, a: a, parallel: cfg.Parallel, parts: map[int32]*part{}, path: filepath.Join(l.dir, name(in.Dataset, a.Comparison))}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	with := in
	with.Reference, with.Target = &references{in.Reference, s.parts}, &targets{in.Target, s.parts}
	var rep *gap.Report
	for moved := true; moved; {
		if rep, err = gap.Scan(ctx, with, cfg); err != nil {
			return nil, err
		}
		// What was believed and is not true any more is forgotten, so this ends: nobody knows when it ceased to be.
		if moved, err = s.look(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.save(ctx); err != nil {
		return nil, err
	}
	rep.Ledger = s.use()
	return rep, nil
}

// name is the directory of a comparison.
func name(dataset, comparison string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, dataset)
	sum := sha256.Sum256([]byte(comparison))
	return plain[:min(len(plain), 64)] + "-" + hex.EncodeToString(sum[:6])
}

// session is one scan. After begin the map of parts does not change.
type session struct {
	in       gap.Input
	a        gap.Anchors
	parallel int
	path     string
	lock     io.Closer // nil when somebody else writes
	notKept  string

	parts  map[int32]*part
	before [2]*gap.LogState // by side; nil for a side that is no log
	after  [2]*gap.LogState
}

func (s *session) schemas(side int) *schema.Side {
	return [2]*schema.Side{s.in.ReferenceSchemas, s.in.TargetSchemas}[side]
}

func (s *session) log(side int) gap.Log { return [2]gap.Log{s.a.Reference, s.a.Target}[side] }

// begin finds out what of the ledger can be believed.
func (s *session) begin(ctx context.Context) error {
	if err := os.MkdirAll(s.path, 0o750); err != nil {
		return fmt.Errorf("make the ledger's directory: %w", err)
	}
	if lock, err := vfs.Default.Lock(filepath.Join(s.path, "LOCK")); err == nil {
		s.lock = lock
		if err := s.sweep(); err != nil {
			return err
		}
	} else {
		s.notKept = fmt.Sprintf("its lock can not be had, another scan may be writing: %v", err)
	}
	if s.in.Scope != (gap.Scope{}) {
		s.notKept = "the scan is of a range"
	}
	var why [2]string
	for side := range s.before {
		var err error
		if s.before[side], why[side], err = s.state(ctx, side); err != nil {
			return err
		}
	}
	for n := range s.in.Extents {
		if !slices.Contains(s.in.Missing, n) {
			s.parts[n] = s.part(n)
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, s.parallel))
	for _, p := range s.parts {
		g.Go(func() error { return s.vouch(gctx, p, why) })
	}
	return g.Wait()
}

// sweep removes what killed scans have left.
func (s *session) sweep() error {
	left, err := filepath.Glob(filepath.Join(s.path, ".*"+suffix+".*"))
	if err != nil {
		return err
	}
	for _, f := range left {
		if err := os.Remove(f); err != nil {
			return fmt.Errorf("sweep the ledger's directory: %w", err)
		}
	}
	return nil
}

const suffix = ".ledger"

func (s *session) part(n int32) *part {
	p := &part{n: n, path: filepath.Join(s.path, fmt.Sprintf("p%05d%s", n, suffix))}
	for i, name := range []string{"reference", "target"} {
		p.sides[i] = &side{p: p, name: name, fields: s.in.Fields(), schemas: s.schemas(i), keep: s.notKept == ""}
	}
	return p
}

// state describes the log behind a side. why says why it vouches for nothing.
func (s *session) state(ctx context.Context, side int) (state *gap.LogState, why string, err error) {
	log := s.log(side)
	if log == nil {
		if side == targetSide {
			return nil, "nothing vouches for a target that is no topic", nil
		}
		return nil, "", nil
	}
	now, err := log.State(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		return nil, fmt.Sprintf("the topic can not be described: %v", err), nil
	}
	return &now, unable(&now), nil
}

// look describes the logs again. moved says that something that was believed is no longer so; it is forgotten then.
func (s *session) look(ctx context.Context) (moved bool, err error) {
	for i := range s.after {
		var why string
		if s.after[i], why, err = s.state(ctx, i); err != nil {
			return false, err
		}
		if s.log(i) == nil {
			continue
		}
		for _, p := range s.parts {
			had := [2]anchor{p.had.Reference, p.had.Target}[i].Log
			old := slices.ContainsFunc(p.sides[i].windows, func(w window) bool { return w.old })
			if !old || had == nil {
				continue
			}
			reason := why
			if reason == "" {
				if reason, err = vouchLog(ctx, s.log(i), s.after[i], had, p.n); err != nil {
					return false, err
				}
			}
			if reason != "" {
				p.sides[i].forgetAll("while it was compared: " + reason)
				moved = true
			}
		}
	}
	return moved, nil
}

// save writes down what the scan has read.
func (s *session) save(ctx context.Context) error {
	if s.notKept != "" {
		return nil
	}
	for _, n := range slices.Sorted(maps.Keys(s.parts)) {
		p := s.parts[n]
		if !p.sides[referenceSide].fresh && !p.sides[targetSide].fresh {
			continue
		}
		a := anchors{Comparison: s.a.Comparison, Partition: n, Fields: s.in.Fields(), Canonical: record.CanonicalVersion, Schemas: s.learnt()}
		reason := ""
		for i, to := range []*anchor{&a.Reference, &a.Target} {
			var err error
			if reason, err = s.anchor(ctx, p, i, to); err != nil {
				return err
			}
			if reason != "" {
				break
			}
		}
		if reason == "" {
			if err := p.save(a); err != nil {
				reason = err.Error()
			}
		}
		if reason != "" && s.notKept == "" {
			s.notKept = fmt.Sprintf("partition %d: %s", n, reason)
		}
	}
	return nil
}

// learnt is what the hashes of both sides were made with.
func (s *session) learnt() *schemas {
	if s.schemas(referenceSide) == nil {
		return nil
	}
	return &schemas{Reference: s.schemas(referenceSide).Learnt(), Target: s.schemas(targetSide).Learnt()}
}

// anchor says what vouches for the windows of a side. A reason says why nothing of the partition is to be written.
func (s *session) anchor(ctx context.Context, p *part, i int, to *anchor) (reason string, err error) {
	side := p.sides[i]
	if s.log(i) == nil {
		side.dropDamaged(objectsOf(s.in.Extents[p.n].Objects, s.a.Span), s.a.Span != nil)
		if len(side.windows) > 0 {
			to.Objects = objectsOf(s.in.Extents[p.n].Objects, s.a.Span)
		}
		return "", nil
	}
	if len(side.windows) == 0 {
		return "", nil
	}
	before, now := s.before[i], s.after[i]
	if now == nil {
		return "the topic can not be described any more", nil
	}
	if reason := unable(now); reason != "" {
		return reason, nil
	}
	was, is := before.Partitions[p.n], now.Partitions[p.n]
	end := side.windows[len(side.windows)-1].Range.To
	switch {
	case before.ID != now.ID:
		return "the topic was deleted and created again while it was read", nil
	case was.Epoch != is.Epoch:
		return "a leader was elected while it was read", nil
	case is.End < end:
		return fmt.Sprintf("the log ends at offset %d, and was read up to %d", is.End, end), nil
	}
	epoch, err := lastEpoch(ctx, s.log(i), p.n, is.Epoch, end)
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return fmt.Sprintf("the brokers do not say where leader epochs end: %v", err), nil
	}
	to.Log = &logAnchor{Cluster: now.Cluster, Topic: now.Topic, ID: now.ID, Start: was.Start, End: end, Epoch: epoch}
	return "", nil
}

// dropDamaged leaves out windows into which an object reaches of which not everything could be read. The next scan must find that out
// for itself.
func (s *side) dropDamaged(objects []object, spans bool) {
	if len(s.damaged) == 0 {
		return
	}
	var bad []object
	for _, d := range s.damaged {
		at := slices.IndexFunc(objects, func(o object) bool { return o.Key == d.Object })
		if at < 0 {
			s.windows = nil // nobody knows where it lies
			return
		}
		bad = append(bad, objects[at])
	}
	ok := untouched(bad, spans)
	s.windows = slices.DeleteFunc(s.windows, func(w window) bool { return !ok(w.Range) })
}

// use adds up what was believed and what was read.
func (s *session) use() *gap.Ledger {
	out := &gap.Ledger{Path: s.path, NotKept: s.notKept}
	for _, n := range slices.Sorted(maps.Keys(s.parts)) {
		for _, side := range s.parts[n].sides {
			out.VouchedRecords += side.vouchedRecords
			out.VouchedBytes += side.vouchedBytes
			out.ReadRecords += side.readRecords
			out.ReadBytes += side.readBytes
			out.Doubts = append(out.Doubts, side.doubts...)
		}
	}
	return out
}

func (s *session) close() error {
	var err error
	for _, p := range s.parts {
		err = errors.Join(err, p.close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}
