package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"backstitch/cluster/turns"
	"backstitch/fsm"
)

// Book is the leader's own replica.
type Book interface {
	View() (*fsm.View, error)
	// Wait blocks until an index above after is applied and returns the applied index. It also returns when ctx ends.
	Wait(ctx context.Context, after uint64) (uint64, error)
}

// Proposer applies a command through Raft.
type Proposer interface {
	Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error)
}

// Config is what a Loop needs. All fields are required but SecretDir and Runbooks.
type Config struct {
	Self     string // this node, for the audit trail
	Cluster  string // id
	Program  string // version
	Book     Book
	Proposer Proposer
	Client   *http.Client // see NewClient
	Env      func(name string) (string, bool)
	// SecretDir holds the files that tokens come from, "" for none.
	SecretDir string
	// Runbooks is the URL under which the pages of deploy/runbooks are served, "" where they are not.
	Runbooks string
	Clock    func() time.Time // monotonic and wall
	Logger   *slog.Logger

	Timeout time.Duration // of one try
	Backoff time.Duration // before the second try of a notice; doubled with each
	Longest time.Duration // between two tries
	GiveUp  time.Duration // age at which a notice is given up, by the wall clock
	AtOnce  int           // tries at the same time
	Turn    time.Duration // between two looks at the book, at least
}

// DefaultConfig returns the times and limits; the caller fills in the rest.
func DefaultConfig() Config {
	return Config{
		Timeout: 10 * time.Second, Backoff: time.Second, Longest: 10 * time.Minute, GiveUp: 24 * time.Hour,
		AtOnce: 16, Turn: 100 * time.Millisecond,
	}
}

// Validate refuses half a configuration.
func (c Config) Validate() error {
	switch {
	case c.Self == "" || c.Cluster == "" || c.Book == nil || c.Proposer == nil || c.Client == nil || c.Env == nil || c.Clock == nil || c.Logger == nil:
		return errors.New("notify: Self, Cluster, Book, Proposer, Client, Env, Clock and Logger are required")
	case c.Timeout <= 0 || c.Backoff <= 0 || c.Longest < c.Backoff || c.GiveUp <= 0 || c.AtOnce <= 0 || c.Turn <= 0:
		return errors.New("notify: times and limits have to be positive, and Longest at least Backoff")
	}
	return nil
}

// Loop delivers the notices of the outbox for as long as this node leads. Make a new one each time.
type Loop struct {
	cfg Config
	log *slog.Logger

	// Owned by the goroutine of Run.
	ends    map[end]*attempt
	flying  int
	results chan result
	posts   sync.WaitGroup
}

// end is one endpoint of one dataset, or of one flow.
type end struct {
	dataset  fsm.DatasetName // or the name of a flow's outbox
	endpoint string
}

// attempt is the oldest notice that an endpoint has not been told.
type attempt struct {
	index  uint64
	tries  int
	due    time.Time
	busy   bool
	settle *fsm.SettleNotices // what came of it, until the book knows
}

// result is what came of one post.
type result struct {
	end    end
	notice fsm.Notice
	err    error
}

// New checks cfg and starts nothing.
func New(cfg Config) (*Loop, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Loop{cfg: cfg, log: cfg.Logger.With("node", cfg.Self), ends: map[end]*attempt{}, results: make(chan result, cfg.AtOnce)}, nil
}

// Run delivers until ctx ends, and then returns nil. It returns an error only when the book can not be read. All its goroutines are gone
// when it returns.
func (l *Loop) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer l.posts.Wait()
	defer stop()
	changed := make(chan struct{}, 1)
	l.posts.Go(func() { turns.Watch(ctx, l.cfg.Book, l.cfg.Turn, changed) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-l.results:
			l.finished(r)
		case <-changed:
		case <-timer.C:
		}
		wait, err := l.turn(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("notify: %w", err)
		}
		timer.Reset(max(wait, l.cfg.Turn))
		if !turns.Pause(ctx, l.cfg.Turn) {
			return nil
		}
	}
}

// idle is how long the loop waits when nothing is due.
const idle = time.Minute

// turn settles what can be settled and posts what is due. It returns how long nothing else will be.
func (l *Loop) turn(ctx context.Context) (time.Duration, error) {
	l.settle(ctx)
	view, err := l.cfg.Book.View()
	if err != nil {
		return 0, err
	}
	defer view.Close()
	names, err := view.Waiting()
	if err != nil {
		return 0, err
	}
	wait, alive := idle, map[end]bool{}
	for _, name := range names {
		s, ok, err := subjectOf(view, name)
		if err != nil {
			return 0, err
		}
		if !ok {
			continue
		}
		notices, err := view.Notices(name)
		if err != nil {
			return 0, err
		}
		told, err := view.Deliveries(name)
		if err != nil {
			return 0, err
		}
		for _, e := range s.endpoints {
			at := end{name, e.Name}
			next := nextFor(e, settledOf(told, e.Name), notices)
			if next == nil {
				continue
			}
			alive[at] = true
			ready, err := l.start(ctx, view, s, e, *next)
			if err != nil {
				return 0, err
			}
			wait = min(wait, ready)
		}
	}
	for at, a := range l.ends {
		if !alive[at] && !a.busy && a.settle == nil {
			delete(l.ends, at)
		}
		if a.settle != nil {
			wait = min(wait, l.cfg.Backoff)
		}
	}
	return wait, nil
}

// subject is a dataset or a flow that has notices.
type subject struct {
	name      fsm.DatasetName
	endpoints []fsm.Endpoint
	dataset   fsm.Dataset
	flow      *fsm.FlowOutbox // nil for a dataset
}

// subjectOf finds what has notices under a name; ok is false when it is gone.
func subjectOf(view *fsm.View, name fsm.DatasetName) (s subject, ok bool, err error) {
	o, ok, err := view.FlowOutbox(name)
	if err != nil || ok {
		return subject{name: name, endpoints: o.Endpoints, flow: &o}, ok, err
	}
	d, ok, err := view.Dataset(name)
	return subject{name: name, endpoints: d.Endpoints, dataset: d}, ok, err
}

func settledOf(told []fsm.Delivery, endpoint string) uint64 {
	for _, d := range told {
		if d.Endpoint == endpoint {
			return d.Settled
		}
	}
	return 0
}

// nextFor returns the oldest notice that an endpoint has not been told and wants to hear.
func nextFor(e fsm.Endpoint, settled uint64, notices []fsm.Notice) *fsm.Notice {
	for i, n := range notices {
		if n.Index > settled && e.Hears(n.Kind) {
			return &notices[i]
		}
	}
	return nil
}

// start posts a notice if it is due and there is room, and returns how long it is not.
func (l *Loop) start(ctx context.Context, view *fsm.View, s subject, e fsm.Endpoint, n fsm.Notice) (time.Duration, error) {
	at := end{s.name, e.Name}
	a := l.ends[at]
	if a == nil || a.index != n.Index && !a.busy && a.settle == nil {
		a = &attempt{index: n.Index, due: l.cfg.Clock()}
		l.ends[at] = a
	}
	if a.busy || a.settle != nil {
		return idle, nil // the result, or the book, wakes us
	}
	if rest := a.due.Sub(l.cfg.Clock()); rest > 0 {
		return rest, nil
	}
	if l.flying >= l.cfg.AtOnce {
		return l.cfg.Turn, nil
	}
	event, err := l.event(view, s, n)
	if err != nil {
		return 0, err
	}
	message, err := Encode(e, event)
	if err != nil {
		a.settle = l.dropped(at, n, err)
		return 0, nil
	}
	a.busy = true
	a.tries++
	l.flying++
	l.posts.Go(func() {
		l.results <- result{at, n, l.cfg.post(ctx, e, message)} // as many fit as fly
	})
	return idle, nil
}

// event reads what a notice is about.
func (l *Loop) event(view *fsm.View, s subject, n fsm.Notice) (Event, error) {
	if s.flow != nil {
		event := NewFlowEvent(l.cfg.Cluster, l.cfg.Program, *s.flow, n)
		event.Runbooks = l.cfg.Runbooks
		return event, nil
	}
	job, _, err := view.Job(n.Job)
	if err != nil {
		return Event{}, err
	}
	var proof *fsm.Proof
	if n.Proof != "" {
		p, ok, err := view.Proof(n.Proof)
		if err != nil {
			return Event{}, err
		}
		if ok {
			proof = &p
		}
	}
	event := NewEvent(l.cfg.Cluster, l.cfg.Program, s.dataset, n, job.Locks, proof)
	event.Runbooks = l.cfg.Runbooks
	if n.Kind == fsm.NoticeAtRisk || n.Kind == fsm.NoticeMissed {
		x, ok, err := view.Terms(n.Job)
		if err != nil {
			return Event{}, err
		}
		if ok {
			event.Terms = &x
		}
		event.Over = job.State == fsm.JobSucceeded && n.UnixNanos >= job.FinishedUnixNanos
	}
	if n.Kind == fsm.NoticeAnomaly {
		return event, event.unusual(view, n)
	}
	plan, ok, err := view.Plan(n.Job)
	if ok {
		event.Plan = &plan
	}
	return event, err
}

// unusual adds what a notice tells of.
func (e *Event) unusual(view *fsm.View, n fsm.Notice) error {
	all, err := view.Baselines(n.Dataset)
	e.Topics = map[string]string{}
	for _, b := range all {
		for _, a := range b.Anomalies {
			if a.ToldIndex == n.Index {
				e.Anomalies = append(e.Anomalies, a)
				e.Topics[a.ID] = b.Topic
			}
		}
	}
	return err
}

// finished decides what comes of a post.
func (l *Loop) finished(r result) {
	l.flying--
	a := l.ends[r.end]
	a.busy = false
	log := l.log.With("dataset", string(r.end.dataset), "endpoint", r.end.endpoint, "index", r.notice.Index)
	var no *refused
	switch now := l.cfg.Clock(); {
	case r.err == nil:
		log.Info("told an endpoint", "kind", r.notice.Kind.String(), "job", string(r.notice.Job))
		a.settle = &fsm.SettleNotices{Dataset: r.end.dataset, Endpoint: r.end.endpoint, UpTo: r.notice.Index, Sent: 1}
	case errors.As(r.err, &no) || now.UnixNano()-r.notice.UnixNanos >= int64(l.cfg.GiveUp):
		log.Error("gave up telling an endpoint", "kind", r.notice.Kind.String(), "job", string(r.notice.Job), "err", r.err)
		a.settle = l.dropped(r.end, r.notice, r.err)
	default:
		if a.tries == 1 {
			log.Warn("could not tell an endpoint and will try again", "err", r.err)
		}
		a.due = now.Add(l.pauseAfter(a.tries))
	}
}

func (l *Loop) pauseAfter(tries int) time.Duration {
	d := l.cfg.Backoff
	for range tries - 1 {
		if d *= 2; d >= l.cfg.Longest {
			return l.cfg.Longest
		}
	}
	return d
}

// maxWhy keeps a reason below what the book takes.
const maxWhy = 400

func (l *Loop) dropped(at end, n fsm.Notice, err error) *fsm.SettleNotices {
	why := strings.ToValidUTF8(err.Error(), "?")
	if len(why) > maxWhy {
		why = strings.ToValidUTF8(why[:maxWhy], "")
	}
	return &fsm.SettleNotices{Dataset: at.dataset, Endpoint: at.endpoint, UpTo: n.Index, Dropped: 1, Why: why}
}

// settle tells the book what came of posts. What can not be proposed now is proposed in the next turn: sent again it is not.
func (l *Loop) settle(ctx context.Context) {
	for at, a := range l.ends {
		if a.settle == nil {
			continue
		}
		_, err := l.cfg.Proposer.Propose(ctx, fsm.Envelope{Actor: "leader:" + l.cfg.Self, UnixNanos: l.cfg.Clock().UnixNano()}, *a.settle)
		if err != nil {
			if ctx.Err() == nil {
				l.log.Warn("could not note what an endpoint was told", "dataset", string(at.dataset), "endpoint", at.endpoint, "err", err)
			}
			return
		}
		// A refusal says that dataset or endpoint are gone: then there is nothing to note.
		delete(l.ends, at)
	}
}
