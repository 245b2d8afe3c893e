package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"backstitch/cluster/client"
)

// follower watches one job to its end and tells about it on stderr: a block that is redrawn on a terminal, elsewhere one line
// per interval and per change of phase. With -o jsonl the progress goes to stdout as data.
type follower struct {
	app      *app
	client   *client.Client
	now      func() time.Time
	interval time.Duration
	redraw   bool

	phase    string
	owners   map[string]string // slice -> node name, to notice moves
	samples  []sample
	began    time.Time
	lastLine time.Time
	drawn    int // lines of the block on the screen
}

type sample struct {
	at   time.Time
	done int64
}

// maxMoves bounds how many slices are watched for moves.
const maxMoves = 2000

func (a *app) newFollower(c *client.Client) (*follower, error) {
	f := &follower{
		app: a, client: c, now: time.Now, interval: 10 * time.Second, owners: map[string]string{},
		redraw: terminal(a.stderr) && !a.quiet && a.output == "text" && a.getenv("TERM") != "dumb",
	}
	if v := a.getenv("BACKSTITCH_PROGRESS_INTERVAL"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			return nil, &failure{
				Code: codeUsage, Title: "BACKSTITCH_PROGRESS_INTERVAL=" + v, Detail: "It must be a positive duration.",
				Next: "BACKSTITCH_PROGRESS_INTERVAL=10s", Exit: client.ExitUsage,
			}
		}
		f.interval = d
	}
	return f, nil
}

// follow returns the job once it is terminal. When ctx ends, the job goes on and the error says how to come back.
func (f *follower) follow(ctx context.Context, id string) (client.Job, error) {
	f.began = f.now()
	var index uint64
	for {
		job, next, err := f.client.Job(ctx, id, client.Blocking{Index: index, Wait: time.Second})
		if err != nil {
			return job, detached(ctx, id, err)
		}
		index = next
		f.moves(ctx, job)
		if err := f.show(job); err != nil {
			return job, err
		}
		if job.Terminal() {
			return job, nil
		}
		// A busy job changes at each checkpoint; twice a second is enough for people.
		select {
		case <-time.After(400 * time.Millisecond):
		case <-ctx.Done():
			return job, detached(ctx, id, ctx.Err())
		}
	}
}

func detached(ctx context.Context, id string, err error) error {
	return detachedFrom(ctx, "Job "+id, "backstitch wait "+id, "backstitch cancel "+id, err)
}

// detachedFrom says that what is called name goes on, if ctx is why watching ended.
func detachedFrom(ctx context.Context, name, back, end string, err error) error {
	if ctx.Err() == nil {
		return err
	}
	f := &failure{
		Code: codeInterrupted, Title: "stopped watching", Detail: name + " goes on.", Exit: client.ExitInterrupted,
		Next: back + "     or to end it: " + end,
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		f.Code, f.Title, f.Exit = codeTimeout, errTimeout.Error(), client.ExitTimeout
	}
	return f
}

// moves tells when slices change hands. It is a courtesy: when the question fails, the next one may not.
func (f *follower) moves(ctx context.Context, job client.Job) {
	if f.app.quiet || job.Slices > maxMoves || job.State != "running" {
		return
	}
	slices, _, err := f.client.Slices(ctx, job.ID, client.Blocking{})
	if err != nil {
		return
	}
	moved := map[[2]string]int{}
	for _, s := range slices {
		if s.Status != "leased" {
			continue
		}
		if old := f.owners[s.ID]; old != "" && old != s.OwnerName {
			moved[[2]string{old, s.OwnerName}]++
		}
		f.owners[s.ID] = s.OwnerName
	}
	for pair, n := range moved {
		f.event("%s gave up %d slice(s); %s goes on from their checkpoints", pair[0], n, pair[1])
	}
}

func (f *follower) event(format string, args ...any) {
	f.erase()
	f.app.say("==> %s %s", clock(f.now()), fmt.Sprintf(format, args...))
}

// show tells how far job is.
func (f *follower) show(job client.Job) error {
	now := f.now()
	f.samples = append(f.samples, sample{now, done(job)})
	if len(f.samples) > 600 {
		f.samples = f.samples[len(f.samples)-600:]
	}
	word := job.State
	if p := phase(job); p != "-" && job.State != "paused" {
		word = p
	}
	changed := word != f.phase
	f.phase = word
	due := now.Sub(f.lastLine) >= f.interval
	switch {
	case f.app.output == "jsonl" && (changed || due):
		f.lastLine = now
		return json.NewEncoder(f.app.stdout).Encode(f.progress(job, word, now))
	case f.app.quiet || f.app.output != "text":
	case f.redraw:
		f.draw(job, now)
	case changed || due:
		f.lastLine = now
		fmt.Fprintln(f.app.stderr, f.line(job, word, now))
	}
	return nil
}

// progress is one line of -o jsonl.
func (f *follower) progress(job client.Job, word string, now time.Time) any {
	rate, left := f.forecast(job, now)
	return struct {
		Type  string    `json:"type"`
		Time  time.Time `json:"time"`
		Job   string    `json:"job"`
		Phase string    `json:"phase"`
		Done  int64     `json:"done"`
		Total int64     `json:"total"`
		Rate  string    `json:"rate,omitempty"`
		ETA   string    `json:"eta,omitempty"`
	}{"progress", now.UTC(), job.ID, word, done(job), job.Records, rate, left}
}

func (f *follower) line(job client.Job, word string, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s job=%s phase=%s done=%d total=%d", stamp(now), job.ID, word, done(job), job.Records)
	rate, left := f.forecast(job, now)
	if rate != "" {
		fmt.Fprintf(&b, " rate=%s", rate)
	}
	if left != "" {
		fmt.Fprintf(&b, " eta=%s", left)
	}
	if job.State == "paused" && job.Why != "" {
		fmt.Fprintf(&b, " why=%q", job.Why)
	}
	return b.String()
}

// forecast gives the rate over the last ten seconds, and the time left as a range between the slowest and the fastest rate
// seen lately. Before 30 s of samples there is no time left, and outside the write phase there is neither.
func (f *follower) forecast(job client.Job, now time.Time) (rate, left string) {
	if job.State != "running" {
		return "", ""
	}
	recentRate, ok := f.rate(now, 10*time.Second)
	if !ok {
		return "", ""
	}
	if now.Sub(f.began) >= minSample {
		wholeRate, _ := f.rate(now, time.Hour)
		left = leftText(job.Records-done(job), 0.9*min(recentRate, wholeRate), 1.1*max(recentRate, wholeRate))
		if left == "-" {
			left = ""
		}
	}
	return rateText(recentRate), left
}

// rate is records per second since the oldest sample that is not older than window.
func (f *follower) rate(now time.Time, window time.Duration) (float64, bool) {
	last := f.samples[len(f.samples)-1]
	for _, s := range f.samples {
		if now.Sub(s.at) <= window {
			seconds := last.at.Sub(s.at).Seconds()
			if seconds < 1 {
				return 0, false
			}
			return float64(last.done-s.done) / seconds, true
		}
	}
	return 0, false
}

// draw replaces the block on the screen.
func (f *follower) draw(job client.Job, now time.Time) {
	f.erase()
	rate, left := f.forecast(job, now)
	block := fmt.Sprintf("  write    %-9s %4s  %s of %s   %s\n  verify   %-9s %d of %d partitions\n  slices   %s  %d of %d   failed %d   quarantined %d\n  elapsed %s",
		stepState(job, "running"), percent(job), count(done(job)), count(job.Records), rate,
		stepState(job, "verifying"), job.VerifyDone, job.VerifySlices,
		bar(int64(job.FillDone), int64(job.FillSlices), 20), job.FillDone, job.FillSlices, job.FailedSlices, job.Progress.Quarantined,
		age(now.Sub(f.began)))
	if left != "" {
		block += "   left " + left
	}
	if job.State == "paused" {
		block += "   paused: " + job.Why
	}
	f.drawn = strings.Count(block, "\n") + 1
	io.WriteString(f.app.stderr, block+"\n")
}

func (f *follower) erase() {
	if f.drawn > 0 {
		fmt.Fprintf(f.app.stderr, "\x1b[%dA\x1b[J", f.drawn)
		f.drawn = 0
	}
}

// stepState is the word behind a step of the block.
func stepState(job client.Job, step string) string {
	order := map[string]int{"planned": 0, "running": 1, "verifying": 2, "succeeded": 3}
	at, known := order[job.State]
	switch {
	case !known:
		return job.State
	case at > order[step]:
		return "done"
	case at == order[step]:
		return "running"
	}
	return "waiting"
}
