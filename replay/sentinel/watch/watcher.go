package watch

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
)

// Control is what a watcher needs of the control plane. The cluster room satisfies it; cmd asserts the fit.
type Control interface {
	// Duties are all topics that are counted, with how far they are; none where this node takes no work.
	Duties(ctx context.Context) ([]fsm.Duty, error)
	// Learned is what was learned of one.
	Learned(ctx context.Context, dataset fsm.DatasetName, target uint32) ([]byte, error)
	// ClaimBaseline and SaveBaseline are refused with NeedsVersion in a cluster of an older version. When they return, Duties knows of what they did.
	ClaimBaseline(ctx context.Context, cmd fsm.ClaimBaseline) (fsm.Result, error)
	SaveBaseline(ctx context.Context, cmd fsm.SaveBaseline) (fsm.Result, error)
}

// Config is how often a watcher looks around. DefaultConfig is what agents have.
type Config struct {
	Node  partition.NodeID
	Every time.Duration // between looks at the book
	// Spread is within which time after an hour is over nodes begin, each at a moment of its own.
	Spread time.Duration
	Claim  time.Duration // how long a claim lasts; it is renewed in time
}

// DefaultConfig returns the configuration of an agent, without its id.
func DefaultConfig() Config {
	return Config{Every: 20 * time.Second, Spread: time.Minute, Claim: 5 * time.Minute}
}

// Watcher counts what is due, one topic after the other.
type Watcher struct {
	cfg     Config
	control Control
	dial    Dial
	now     func() time.Time
	log     *slog.Logger
}

// New makes a watcher. It starts nothing. A nil log is silent.
func New(cfg Config, control Control, dial Dial, now func() time.Time, log *slog.Logger) *Watcher {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{cfg: cfg, control: control, dial: dial, now: now, log: log}
}

// Run works until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(w.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		all, err := w.control.Duties(ctx)
		if err != nil {
			w.log.Debug("what is counted by the hour is not known yet", "err", err)
			continue
		}
		for _, d := range all {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if w.due(d) {
				w.count(ctx, d)
			}
		}
	}
}

// due says whether an hour is over that nobody has counted, and this node's moment has come.
func (w *Watcher) due(d fsm.Duty) bool {
	now := w.now()
	r, err := parse(d.Topic.Recipe)
	if err != nil {
		return d.Baseline.Waits(w.cfg.Node) <= now.UnixNano() // looking says why
	}
	over := (now.UnixMilli() - r.GraceMs) / hourMs
	if over-1 <= d.Baseline.LastHour || d.Baseline.Waits(w.cfg.Node) > now.UnixNano() {
		return false
	}
	began := time.UnixMilli(over*hourMs + r.GraceMs)
	return now.Sub(began) >= w.turn(d)
}

// turn is how long after the end of an hour this node begins, drawn for each hour and each failure.
func (w *Watcher) turn(d fsm.Duty) time.Duration {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s\x00%d\x00%d\x00%d", w.cfg.Node, d.Dataset, d.Topic.Target, d.Baseline.LastHour, d.Baseline.Failures)
	return time.Duration(h.Sum64() % uint64(max(w.cfg.Spread, 1)))
}

// count claims a topic, looks, and says what came of it.
func (w *Watcher) count(ctx context.Context, d fsm.Duty) {
	log := w.log.With("dataset", string(d.Dataset), "topic", d.Topic.Topic)
	claim := fsm.ClaimBaseline{Dataset: d.Dataset, Target: d.Topic.Target, Node: w.cfg.Node, ForNanos: int64(w.cfg.Claim)}
	if res, err := w.control.ClaimBaseline(ctx, claim); err != nil || res.Code != fsm.OK {
		return // another one counts, or nobody leads
	}
	// What the claim has waited for may be more than was known before.
	d, ok, err := w.again(ctx, d)
	if err != nil || !ok {
		return
	}
	learned, err := w.control.Learned(ctx, d.Dataset, d.Topic.Target)
	if err != nil {
		log.Warn("what was learned of hours can not be read", "err", err)
		return
	}
	looking, stop := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		w.renew(looking, stop, claim)
	}()
	began := w.now()
	l, err := look(looking, w.dial, d.Topic, d.Baseline, learned, began.UnixMilli())
	lost := context.Cause(looking)
	stop(nil)
	<-renewed
	if ctx.Err() != nil || errors.Is(lost, errClaimed) {
		return
	}
	cmd := fsm.SaveBaseline{Dataset: d.Dataset, Target: d.Topic.Target, Node: w.cfg.Node, Base: d.Baseline.LastHour, Look: l}
	if err != nil {
		cmd.Look, cmd.Failure = nil, cut(err.Error(), noteBytes)
		log.Warn("hours can not be counted", "err", err)
	}
	res, err := w.control.SaveBaseline(ctx, cmd)
	switch {
	case err != nil:
		log.Warn("what was learned of hours is not saved, and is learned again", "err", err)
	case res.Code != fsm.OK:
		log.Info("what was learned of hours is not taken", "code", res.Code.String(), "why", res.Object)
	case l != nil:
		log.Debug("hours are counted", "hours", l.Hours, "records", l.Records, "unusual", len(l.Unusual), "dur", w.now().Sub(began))
	}
}

// again reads a duty as it is now.
func (w *Watcher) again(ctx context.Context, d fsm.Duty) (fsm.Duty, bool, error) {
	all, err := w.control.Duties(ctx)
	for _, o := range all {
		if o.Dataset == d.Dataset && o.Topic.Target == d.Topic.Target {
			return o, o.Baseline.Claimant == w.cfg.Node, err
		}
	}
	return d, false, err
}

// errClaimed says that another node has said that it counts.
var errClaimed = errors.New("another node counts these hours now")

// renew makes the claim longer, and stops a look that another node does now.
func (w *Watcher) renew(ctx context.Context, stop context.CancelCauseFunc, claim fsm.ClaimBaseline) {
	tick := time.NewTicker(w.cfg.Claim / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// An error is no reason to stop: what is learned twice is taken once.
		if res, err := w.control.ClaimBaseline(ctx, claim); err == nil && res.Code != fsm.OK {
			stop(fmt.Errorf("%w: %s", errClaimed, res.Object))
			return
		}
	}
}
