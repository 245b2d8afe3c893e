package sla

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"backstitch/cluster/forecast"
	"backstitch/fsm"
	"backstitch/partition"
)

// Book is the leader's own replica.
type Book interface {
	View() (*fsm.View, error)
}

// Proposer applies a command through Raft.
type Proposer interface {
	Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error)
}

// Config is what a Loop needs. All fields are required.
type Config struct {
	Self     string // this node, for the audit trail
	Book     Book
	Proposer Proposer
	// Rates are how many records a second a job has dealt with, as this node measured it; ok is false where that is not enough to say anything.
	Rates  func(job partition.JobID) (low, high float64, ok bool)
	Clock  func() time.Time // wall
	Logger *slog.Logger

	Every time.Duration // between two looks
	// Holds is how long a forecast has to say the same before it is told, and HoldsPart the part of the time to the deadline that is enough where that is less.
	Holds     time.Duration
	HoldsPart int64
}

// DefaultConfig returns the times; the caller fills in the rest.
func DefaultConfig() Config {
	return Config{Every: 5 * time.Second, Holds: 5 * time.Minute, HoldsPart: 20}
}

// Validate refuses half a configuration.
func (c Config) Validate() error {
	switch {
	case c.Self == "" || c.Book == nil || c.Proposer == nil || c.Rates == nil || c.Clock == nil || c.Logger == nil:
		return errors.New("sla: Self, Book, Proposer, Rates, Clock and Logger are required")
	case c.Every <= 0 || c.Holds < 0 || c.HoldsPart <= 0:
		return errors.New("sla: times have to be positive")
	}
	return nil
}

// Loop tells of deadlines for as long as this node leads. Make a new one each time.
type Loop struct {
	cfg   Config
	log   *slog.Logger
	since map[partition.JobID]time.Time // a forecast says without a break that the job is late
	over  map[partition.JobID]int64     // deadlines of which nothing is left to say
}

// New checks cfg and starts nothing.
func New(cfg Config) (*Loop, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Loop{cfg: cfg, log: cfg.Logger.With("node", cfg.Self), since: map[partition.JobID]time.Time{}, over: map[partition.JobID]int64{}}, nil
}

// Run tells until ctx ends, and then returns nil. It returns an error only when the book can not be read.
func (l *Loop) Run(ctx context.Context) error {
	tick := time.NewTicker(l.cfg.Every)
	defer tick.Stop()
	for {
		if err := l.turn(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("sla: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// turn says what is to be said now. What could not be noted is said in the next turn, by whoever leads then.
func (l *Loop) turn(ctx context.Context) error {
	todo, err := l.look()
	if err != nil {
		return err
	}
	for _, c := range todo {
		env := fsm.Envelope{Actor: "leader:" + l.cfg.Self, Reason: c.Why, UnixNanos: l.cfg.Clock().UnixNano()}
		switch r, err := l.cfg.Proposer.Propose(ctx, env, c); {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			l.log.Warn("could not note what is to be said of a deadline", "job", string(c.Job), "kind", c.Kind.String(), "err", err)
		case r.Code != fsm.OK: // the job was cancelled meanwhile
			l.log.Info("nothing is said of a deadline", "job", string(c.Job), "kind", c.Kind.String(), "code", r.Code.String(), "why", r.Object)
		default:
			l.log.Warn("a deadline is told of", "job", string(c.Job), "kind", c.Kind.String(), "why", c.Why)
		}
	}
	return nil
}

// look judges each job with a deadline of which something is left to say.
func (l *Loop) look() ([]fsm.TellSLA, error) {
	v, err := l.cfg.Book.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	version, err := v.Version()
	if err != nil {
		return nil, err
	}
	if since, _ := fsm.Since(fsm.TellSLA{}.Op()); version < since {
		return nil, nil
	}
	now, late := l.cfg.Clock(), map[partition.JobID]time.Time{}
	var newest map[string]fsm.Job
	var out []fsm.TellSLA
	for x, err := range v.AllTerms() {
		if err != nil {
			return nil, err
		}
		if x.DeadlineUnixNanos == 0 || l.over[x.Job] == x.DeadlineUnixNanos {
			continue
		}
		job, ok, err := v.Job(x.Job)
		if err != nil {
			return nil, err
		}
		if !ok || job.State == fsm.JobCancelled {
			continue
		}
		if job.State == fsm.JobFailed {
			if newest == nil {
				if newest, err = newestJobs(v); err != nil {
					return nil, err
				}
			}
			if newest[called(job)].ID != job.ID {
				continue // another job of that name mends what this one did not, and has a clock of its own
			}
		}
		clock, err := Read(v, job, x)
		if err != nil {
			return nil, err
		}
		if clock.Told.Has(fsm.NoticeMissed) {
			l.over[x.Job] = x.DeadlineUnixNanos
			continue
		}
		low, high, measured := l.cfg.Rates(x.Job)
		c := clock.Case(now, low, high, measured)
		j := forecast.Judge(c)
		if j.State == forecast.Met {
			l.over[x.Job] = x.DeadlineUnixNanos
			continue
		}
		word, ok := j.Word(c)
		if ok && !word.Firm {
			if late[x.Job] = now; !l.since[x.Job].IsZero() {
				late[x.Job] = l.since[x.Job]
			}
			ok = now.Sub(late[x.Job]) >= l.holds(x)
		}
		if ok && !clock.Told.Has(word.Kind) {
			out = append(out, fsm.TellSLA{Job: x.Job, Kind: word.Kind, DeadlineUnixNanos: x.DeadlineUnixNanos, Why: word.Why})
		}
	}
	l.since = late
	return out, nil
}

// holds is how long a forecast has to say the same of a job.
func (l *Loop) holds(x fsm.Terms) time.Duration {
	return min(l.cfg.Holds, time.Duration((x.DeadlineUnixNanos-x.DetectedUnixNanos)/l.cfg.HoldsPart))
}

func called(j fsm.Job) string { return j.Namespace + "/" + j.Name }

// newestJobs is the job of each name that was submitted last.
func newestJobs(v *fsm.View) (map[string]fsm.Job, error) {
	out := map[string]fsm.Job{}
	for j, err := range v.Jobs() {
		if err != nil {
			return nil, err
		}
		if have, ok := out[called(j)]; !ok || j.CreateIndex > have.CreateIndex {
			out[called(j)] = j
		}
	}
	return out, nil
}
