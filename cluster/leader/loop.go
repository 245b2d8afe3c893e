package leader

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"backstitch/fsm"
)

// Loop proposes what Decide decides, for as long as this node leads. Make a new one each time the node becomes leader,
// after the barrier that makes its book current: what a Loop remembers is true for one term only.
type Loop struct {
	cfg   Config
	log   *slog.Logger
	watch *watch

	// Owned by the goroutine of turns.
	cache       *cache
	lastDigest  DigestMark
	lastPreempt *time.Duration
	lastLook    *time.Duration // for what is unscanned
	failing     bool           // the last turn could not propose; says it once
}

// New checks cfg and starts nothing.
func New(cfg Config) (*Loop, error) {
	switch {
	case cfg.Self == "":
		return nil, errors.New("leader loop: Self is empty")
	case cfg.Book == nil || cfg.Proposer == nil || cfg.Rumours == nil:
		return nil, errors.New("leader loop: Book, Proposer and Rumours are required")
	case cfg.Clock == nil || cfg.Logger == nil:
		return nil, errors.New("leader loop: Clock and Logger are required")
	case cfg.Tick <= 0 || cfg.MinTurn <= 0 || cfg.MinTurn > cfg.Tick:
		return nil, fmt.Errorf("leader loop: tick %s and shortest turn %s: want 0 < shortest turn <= tick", cfg.Tick, cfg.MinTurn)
	}
	if err := cfg.Limits.Validate(); err != nil {
		return nil, err
	}
	if cfg.Wall == nil {
		cfg.Wall = cfg.Clock
	}
	return &Loop{
		cfg:   cfg,
		log:   cfg.Logger.With("node", string(cfg.Self)),
		watch: newWatch(cfg.Clock, cfg.Limits.Stall),
		cache: newCache(cfg.Book),
	}, nil
}

// Run takes turns until ctx ends, which is when leadership is lost, and then returns nil. It returns an error only when the
// book can not be read; proposals that fail are decided again. All its goroutines are gone when it returns.
func (l *Loop) Run(ctx context.Context) error {
	l.watch = newWatch(l.cfg.Clock, l.cfg.Limits.Stall)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	group.Go(func() error {
		l.watch.run(ctx, l.stopped)
		return nil
	})
	group.Go(func() error {
		defer stop()
		return l.turns(ctx)
	})
	return group.Wait()
}

func (l *Loop) turns(ctx context.Context) error {
	for ctx.Err() == nil {
		began := l.cfg.Clock()
		seen, err := l.Turn(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("leader loop: %w", err)
		}
		if err := l.pause(ctx, began, seen); err != nil {
			return fmt.Errorf("leader loop: wait for the book: %w", err)
		}
	}
	return nil
}

// pause waits for a change of the book after index seen or for the next tick, but at least until MinTurn after began.
func (l *Loop) pause(ctx context.Context, began time.Time, seen uint64) error {
	tick, cancel := context.WithTimeout(ctx, l.cfg.Tick)
	defer cancel()
	if _, err := l.cfg.Book.Wait(tick, seen); err != nil && tick.Err() == nil {
		return err
	}
	rest := time.NewTimer(l.cfg.MinTurn - l.cfg.Clock().Sub(began))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
	}
	return nil
}

// Turn reads, decides and proposes once. It returns the index of the book that it read. Run takes turns by itself; whoever
// drives a Loop by hand calls Turn from one goroutine, and must not call Run.
func (l *Loop) Turn(ctx context.Context) (uint64, error) {
	over, err := l.cfg.Book.Overview()
	if err != nil {
		return 0, fmt.Errorf("read the book: %w", err)
	}
	// Rumours first: if we are stopped after this line, they are old news of a time when we still watched.
	rumours := l.cfg.Rumours.Rumours()
	now, anew := l.watch.now()
	if anew {
		l.stopped()
	}
	if now < l.lastDigest.At {
		l.lastDigest.At = now
	}
	jobs, err := l.cache.refresh(over.Jobs, now)
	if err != nil {
		return 0, err
	}
	wall := l.cfg.Wall()
	for _, j := range l.cache.terms(jobs, over, now, wall) {
		l.log.Error("nothing of a job runs, since its calendar can not be read", "job", string(j.ID), "err", j.Unread)
	}
	if l.lastPreempt != nil && now < *l.lastPreempt {
		l.lastPreempt = nil
	}
	unscanned, err := l.unscanned(now)
	if err != nil {
		return 0, err
	}
	proposals := Decide(Input{
		Now: now, Wall: wall, LastPreempt: l.lastPreempt, Self: l.cfg.Self,
		Jobs: jobs, Members: over.Members, Rumours: rumours, Limits: l.cfg.Limits,
		Schedules: over.Schedules, Tokens: over.Tokens, Unscanned: unscanned, Version: over.Version, ByHand: over.ByHand, Versions: l.cfg.Versions,
		OwnProofKey: l.cfg.ProofKey, ProofKey: over.ProofKey,
		Applied: over.Applied, Digest: over.Digest, LastDigest: l.lastDigest,
	})
	for _, p := range proposals {
		if err := l.propose(ctx, p, now); err != nil {
			l.complain(ctx, p, err)
			return over.Applied, nil
		}
	}
	l.failing = false
	return over.Applied, nil
}

// lookEvery is how often a leader looks for what is unscanned: nobody waits for it by the second, and it reads all baselines.
const lookEvery = 10 * time.Second

// unscanned is what the book has of that, and nothing between two looks.
func (l *Loop) unscanned(now time.Duration) ([]fsm.Unscanned, error) {
	if l.lastLook != nil && now >= *l.lastLook && now < *l.lastLook+lookEvery {
		return nil, nil
	}
	l.lastLook = &now
	return l.cfg.Book.Unscanned()
}

func (l *Loop) stopped() {
	l.log.Warn("this leader was stopped for a while and begins to watch anew", "limit", l.cfg.Limits.Stall)
}

// propose applies one proposal and remembers what later decisions gain from.
func (l *Loop) propose(ctx context.Context, p Proposal, now time.Duration) error {
	res, err := l.cfg.Proposer.Propose(ctx, fsm.Envelope{
		Actor: "leader:" + string(l.cfg.Self), Reason: p.Reason, UnixNanos: l.cfg.Wall().UnixNano(),
	}, p.Command)
	if err != nil {
		return err
	}
	log := l.log.With("op", p.Command.Op(), "index", res.Index, "reason", p.Reason)
	if res.Code != fsm.OK {
		// Not an error: the book moved between reading and proposing. The next turn decides on what is there then.
		log.Info("the book refused a decision", "code", uint16(res.Code), "object", res.Object)
		return nil
	}
	switch c := p.Command.(type) {
	case fsm.GrantLeases:
		refused := make(map[string]bool, len(res.Refused))
		for _, r := range res.Refused {
			refused[r.Slice.String()] = true
		}
		for _, g := range c.Grants {
			if !refused[g.Slice.String()] {
				l.cache.held(g)
			}
		}
		log.Info("granted leases", "n", len(c.Grants)-len(res.Refused), "refused", len(res.Refused))
	case fsm.RevokeLeases:
		log.Info("revoked leases", "n", len(c.Leases)-len(res.Refused), "refused", len(res.Refused))
	case fsm.YieldLeases:
		if p.Preempts {
			l.lastPreempt = &now
		}
		log.Info("asked for leases", "n", len(c.Leases)-len(res.Refused), "refused", len(res.Refused))
	case fsm.FinishJob:
		log.Info("finished a job", "job", string(c.ID), "state", c.State.String())
	case fsm.BeginVerify:
		log.Info("a job is filled and will be verified", "job", string(c.ID))
	case fsm.RecordProof:
		log.Info("recorded a proof", "job", string(c.Proof.Job), "proof", string(c.Proof.ID), "verdict", c.Proof.Verdict.String())
	case fsm.SubmitScan:
		log.Info("started a scan", "job", string(c.ID), "schedule", c.Schedule)
	case fsm.FinishScan:
		log.Info("ended a scan", "job", string(c.ID))
	case fsm.EndToken:
		log.Info("a token came to its end", "accessor", c.Accessor)
	case fsm.RaiseVersion:
		log.Info("raised the cluster version", "version", c.Version)
	case fsm.PutProofKey:
		log.Info("a proof key speaks for the cluster now", "key", hex.EncodeToString(c.Key[:]))
	case fsm.CompareDigest:
		l.lastDigest = DigestMark{At: now, Index: c.Index}
		log.Debug("compared digests")
	}
	return nil
}

// complain logs the first of a row of failures. A leader that lost its quorum fails every turn until it learns so.
func (l *Loop) complain(ctx context.Context, p Proposal, err error) {
	if ctx.Err() != nil || l.failing {
		return
	}
	l.failing = true
	l.log.Warn("a decision could not be applied and will be made again", "op", p.Command.Op(), "reason", p.Reason, "err", err)
}
