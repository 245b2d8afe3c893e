package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/sink"
	"backstitch/replay/source"
	"backstitch/storage/failpoint"
	"backstitch/storage/spill"
)

// Config says how to verify.
type Config struct {
	NewBag match.NewBag // where unmatched records are kept; nil for memory
	// Spill is for what tells repetitions, one set for each comparison; the zero value is the system's temporary directory.
	Spill spill.Options
	// Progress is told how many records were read since the last call; nil for nobody.
	Progress func(records, bytes int64)
}

// bagBytes is what one bag keeps in memory. A comparison has two at a time.
const bagBytes = 16 << 20

// DefaultConfig keeps unmatched records in temporary files when there are many.
func DefaultConfig() Config {
	return Config{NewBag: match.Spill(spill.Options{MemoryBytes: bagBytes})}
}

// Verifier compares verify slices. It satisfies worker.Verifier and is safe for concurrent use.
type Verifier struct{ cfg Config }

// New makes a verifier.
func New(cfg Config) *Verifier { return &Verifier{cfg: cfg} }

// Verify compares the partition of one verify slice. quarantined is what the job has set aside of it, ends are those of the job.
func (v *Verifier) Verify(ctx context.Context, slice partition.Slice, quarantined partition.Ranges, ends *open.Ends) (fsm.Comparison, []fsm.Window, error) {
	r, err := v.Compare(ctx, Work{
		Slice: slice, Quarantined: quarantined, Recipe: ends.Recipe, Reference: ends.Source, Target: ends.Targets,
	})
	return r.Comparison, r.Windows, err
}

// Result is a comparison with both sides' numbers per window. There are no windows where nothing could be compared.
type Result struct {
	fsm.Comparison
	Windows []fsm.Window
}

// Comparisons leaves the windows out.
func Comparisons(rs []Result) []fsm.Comparison {
	out := make([]fsm.Comparison, len(rs))
	for i, r := range rs {
		out[i] = r.Comparison
	}
	return out
}

// Work is one partition to compare.
type Work struct {
	Slice partition.Slice // of kind verify
	// Quarantined are positions of the reference that the job could not write. They are expected to be absent, so they are
	// neither read nor counted among what is expected; a record of the job that stands for one is one too many.
	Quarantined partition.Ranges
	Recipe      recovery.Recipe
	Reference   source.Source
	Target      sink.Targets
}

// Compare is Verify for callers that have their own ends.
func (v *Verifier) Compare(ctx context.Context, w Work) (Result, error) {
	if w.Slice.Kind != partition.SliceVerify {
		return Result{}, fmt.Errorf("slice %s is of kind %s, want verify", w.Slice.ID, w.Slice.Kind)
	}
	frames, err := w.Recipe.Frames()
	if err != nil {
		return Result{}, fmt.Errorf("verify: %w", err)
	}
	c := v.comparison(w, frames)
	err = c.repetitions(ctx)
	if err == nil {
		err = c.run(ctx)
	}
	if err == nil && c.out.Missing > 0 {
		// Nothing that the job wrote is missing before all is decided that was written up to now. Once is enough: the job had
		// written everything before it was to be compared.
		var more bool
		if more, err = c.settled(ctx); more && err == nil {
			left, moved := c.left, c.moved
			c = v.comparison(w, frames)
			c.leave(left, moved)
			err = c.run(ctx)
		}
	}
	if err == nil {
		err = c.lateness(ctx)
	}
	var ref *referenceError
	if errors.As(err, &ref) && ctx.Err() == nil && final(err) {
		// It can not be proved any more, and trying again does not help. That is a result.
		c.out.Verdict, c.out.Evidence, c.out.Detail = fsm.Indeterminate, fsm.E0, "the reference can not be read: "+ref.Error()
		return Result{Comparison: c.out}, nil
	}
	if err != nil {
		return Result{}, err
	}
	windows := c.conclude()
	return Result{c.out, windows}, nil
}

func (v *Verifier) comparison(w Work, frames *record.Frames) *comparison {
	c := &comparison{cfg: v.cfg, work: w, frames: frames, fields: w.Reference.Fields() & w.Target.Fields()}
	// Only what the job was to write can be in its quarantine; a list that says more must not hide what was lost.
	absent := w.Slice.Filled.Minus(w.Slice.Filled.Minus(w.Quarantined))
	c.wanted, c.filled = w.Slice.Ranges.Minus(absent), w.Slice.Filled.Minus(absent)
	c.ledger = newLedger(w.Slice.Ranges, c.fields)
	c.out = fsm.Comparison{
		Partition: w.Slice.Partition, Range: w.Slice.Ranges.Span(), Evidence: fsm.E3,
		NotChecked: gap.NotChecked(w.Reference.Fields(), w.Target.Fields()), Quarantined: absent.Len(),
	}
	if text := w.Recipe.Target.Reshape.Unordered(); text != "" {
		c.out.NotChecked = append(c.out.NotChecked, text)
	}
	return c
}

// settled waits until what is in the target is decided, and says whether more of it can be seen than was compared.
func (c *comparison) settled(ctx context.Context) (more bool, err error) {
	part := c.work.Slice.Partition
	if err := c.work.Target.Settled(ctx, part); err != nil {
		return false, err
	}
	_, to, err := c.work.Target.Bounds(ctx, part)
	return to > c.to, err
}

// final reports whether err is about what is there, and not about a connection.
func final(err error) bool {
	var damaged *source.DamagedError
	return errors.As(err, &damaged) || errors.Is(err, source.ErrChanged) || errors.Is(err, source.ErrGone) ||
		errors.Is(err, source.ErrRecreated) || errors.Is(err, source.ErrRetention)
}

type referenceError struct{ err error }

func (e *referenceError) Error() string { return e.err.Error() }
func (e *referenceError) Unwrap() error { return e.err }

// comparison is one partition on its way to a fsm.Comparison.
type comparison struct {
	cfg    Config
	work   Work
	fields record.Fields
	frames *record.Frames // how records are told to be the same; nil by their bytes
	out    fsm.Comparison
	// What is expected to be in the target, and of that what the job was to write: both without what is in quarantine.
	wanted, filled partition.Ranges
	left           partition.Ranges // repetitions, which are in neither
	moved          string           // why they are not those that the plan has left out; "" where they are
	mislabelled    int64            // records of the job that do not say how late they are
	unknown        string           // why nobody can tell how late they are; "" where that can be told

	ledger   *ledger
	astray   match.Positions // records of the target in a partition that is not theirs, and of others where nobody may write
	from, to int64           // bounds of the target now
	detail   []string
	chain    [2]record.Chain // reference, target
	sum      [2]record.Sum
}

func (c *comparison) run(ctx context.Context) error {
	s := &c.work.Slice
	var err error
	if c.from, c.to, err = c.work.Target.Bounds(ctx, s.Partition); err != nil {
		return err
	}
	if c.to < s.TargetTo {
		c.say(fmt.Sprintf("the target ends at offset %d, the plan saw %d: records were lost since", c.to, s.TargetTo))
	}
	if c.from > s.TargetFrom {
		c.say(fmt.Sprintf("the target begins at offset %d, the plan saw %d: retention deleted records since", c.from, s.TargetFrom))
	}
	if c.fields&record.FieldValue == 0 {
		c.say("the two sides have no field in common that could be compared")
		return nil
	}
	if all, err := c.counted(ctx); all || err != nil {
		return err
	}
	if err := c.survivors(ctx); err != nil {
		return err
	}
	failpoint.Reach(failpoint.VerifySurvivors)
	return c.refilled(ctx)
}

// hasher tells records to be the same as the job does.
func (c *comparison) hasher() *record.Hasher { return &record.Hasher{Frames: c.frames} }

// say notes a difference. The first few are printed.
func (c *comparison) say(text string) {
	if len(c.detail) < maxDetails {
		c.detail = append(c.detail, text)
	}
}

// maxDetails is how many differences a comparison names.
const maxDetails = 3

// name is how people call a place in the target.
func (c *comparison) name(offset int64) string {
	part := c.work.Slice.Partition
	if s, ok := c.work.Target.(sink.Spread); ok {
		part, offset = s.At(offset)
	}
	return fmt.Sprintf("%s offset %d", gap.Name(c.topic(), part), offset)
}

// window is how people call the window of a position of the reference.
func (c *comparison) window(o int64) string {
	i := c.ledger.at(o)
	if i < 0 {
		return ""
	}
	return fmt.Sprintf(" (window %d of %d, reference offsets %s)", i+1, len(c.ledger.windows), c.ledger.windows[i].Range)
}

func (c *comparison) topic() string {
	if t := c.work.Recipe.Target.Topic; t != "" {
		return t
	}
	return c.work.Recipe.Target.Path
}

// hasTime reports whether a record is in the time range of the job. Sources without timestamps have no time range.
func (c *comparison) hasTime(r *record.Record) bool {
	s := c.work.Recipe.Source
	scope := gap.Scope{FromMs: s.FromMs, ToMs: s.ToMs}
	return c.fields&record.FieldTimestamp == 0 || scope.HasTime(r.TimestampMs)
}

// fold adds a class to both sides.
func (c *comparison) fold(k *class) {
	c.out.Expected.Records += k.out.Reference.Records
	c.out.Expected.Bytes += k.out.Reference.Bytes
	c.out.Actual.Records += k.matched()
	c.out.Actual.Bytes += k.out.Target.Bytes - k.out.SurplusBytes + k.late.Bytes
	c.out.Missing += k.missing.Len()
	c.sum[0].AddSum(k.out.Reference.Sum)
	c.sum[1].AddSum(k.out.Target.Sum)
	c.sum[1].SubSum(k.out.SurplusSum)
	c.sum[1].AddSum(k.late.Sum)
	c.chain[0].Fold(k.chain[0])
	c.chain[1].Fold(k.chain[1])
}

// conclude decides, and closes the ledger.
func (c *comparison) conclude() []fsm.Window {
	o := &c.out
	o.Expected.Sum, o.Actual.Sum = c.sum[0].Bytes(), c.sum[1].Bytes()
	o.Expected.Chain, o.Actual.Chain = [16]byte(c.chain[0]), [16]byte(c.chain[1])
	if o.Expected.Records == 0 {
		o.Expected.Chain, o.Actual.Chain = [16]byte{}, [16]byte{}
	}
	windows, adds := c.ledger.close(o.Expected, o.Actual)
	if o.Expected.Records == 0 {
		windows = nil
	} else if !adds {
		windows = nil
		o.NotChecked = append(o.NotChecked, "numbers per window: they do not add up to those of the partition; please report this")
	}
	switch {
	case c.moved != "":
		o.Verdict, o.Evidence, windows = fsm.Indeterminate, fsm.E0, nil
		c.detail = []string{c.moved}
	case o.Missing > 0 || o.IntroducedDuplicates > 0 || o.OrderViolations > 0:
		o.Verdict = fsm.Fail
	case c.mislabelled > 0:
		o.Verdict = fsm.Fail
	case c.unknown != "":
		o.Verdict, o.Evidence, windows = fsm.Indeterminate, fsm.E0, nil
		c.detail = []string{c.unknown}
	case o.Expected.Records == 0:
		o.Verdict, o.Evidence = fsm.Indeterminate, fsm.E0
		c.say("nothing was compared: the reference has no records in this range")
	case o.Expected.Sum != o.Actual.Sum || o.Expected.Records != o.Actual.Records:
		// Matching found a partner for each record, so this can not be, unless the matching is wrong.
		o.Verdict = fsm.Fail
		c.say("the sums of both sides differ although every record has a partner; please report this")
	default:
		o.Verdict = fsm.Pass
	}
	if o.Verdict == fsm.Pass {
		if o.Expected.Chain != o.Actual.Chain {
			o.Evidence = fsm.E2 // the order of survivors was another before the job; their contents are proved all the same
		}
		return windows
	}
	if len(c.detail) == 0 && o.Missing > 0 {
		c.say(fmt.Sprintf("%d records are missing", o.Missing))
	}
	o.Detail = strings.Join(slices.Compact(c.detail), "; ")
	return windows
}
