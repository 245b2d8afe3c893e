package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"backstitch/cluster/admin"
	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/fsm/fsmtest"
	"backstitch/partition"
	"backstitch/replay/regroup"
	"backstitch/replay/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is a book without a group around it, behind the real API.
type node struct {
	admin.Node
	book *fsmtest.Book
}

func (n *node) Leader() partition.NodeID                             { return "a" }
func (n *node) View() (*fsm.View, error)                             { return n.book.View() }
func (n *node) Wait(_ context.Context, after uint64) (uint64, error) { return after + 1, nil }
func (n *node) RefusesAPI() bool                                     { return false }

func (n *node) Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error) {
	return n.book.Propose(ctx, env, cmd)
}

// world is a book, a Kafka that knows nothing but where groups stand, and files.
type world struct {
	t    *testing.T
	node *node
	*client.Client
	groups *groups
	void   map[string]bool // "JOB/PARTITION" whose records readers of files do not see any more
	later  []partition.JobID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, node: &node{book: fsmtest.New(t)}, groups: &groups{at: map[string]int{"billing@orders": 150, "fraud@orders": 7}}, void: map[string]bool{}}
	api, err := admin.New(admin.Config{Logger: slog.New(slog.DiscardHandler), Clock: time.Now, Gatherer: prometheus.NewRegistry()}, w.node)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(api.Handler())
	t.Cleanup(s.Close)
	cfg := client.DefaultConfig()
	cfg.Addresses = []string{s.URL}
	if w.Client, err = client.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Client.Close)
	return w
}

func (w *world) apply(cmd fsm.Command) {
	w.t.Helper()
	if r, err := w.node.Propose(w.t.Context(), fsm.Envelope{Actor: "test"}, cmd); err != nil || r.Code != fsm.OK || len(r.Refused) > 0 {
		w.t.Fatalf("%T: %+v, %v", cmd, r, err)
	}
}

// proved is a job that wrote a place of two partitions and has a passing proof.
func (w *world) proved(id partition.JobID, place string) client.Job {
	w.t.Helper()
	w.apply(fsm.SubmitJob{ID: id, Recipe: []byte("{}"), Locks: []string{place + "/0", place + "/1"}, Slices: 1, PlanHash: [32]byte{1}})
	s := partition.Slice{ID: partition.SliceID{Job: id}, Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: 10}}}
	c := fsm.Comparison{Verdict: fsm.Pass, Evidence: fsm.E3, Expected: fsm.Side{Records: 10}, ReadBy: "a"}
	proof := fsm.ProofID("r-" + id)
	for _, cmd := range []fsm.Command{
		fsm.AddSlices{Job: id, Slices: []partition.Slice{s}}, fsm.StartJob{ID: id}, fsm.BeginVerify{ID: id},
		fsm.GrantLeases{Grants: []fsm.Grant{{Slice: s.ID, Owner: "a"}}},
		fsm.FinishSlice{Slice: s.ID, Owner: "a", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1, Cursor: 10}, Comparison: &c},
		fsm.RecordProof{Proof: fsm.Proof{ID: proof, Job: id, Verdict: fsm.Pass, Evidence: fsm.E3, Comparisons: []fsm.Comparison{c}}},
		fsm.FinishJob{ID: id, State: fsm.JobSucceeded, Proof: proof},
	} {
		w.apply(cmd)
	}
	return w.job(id)
}

func (w *world) job(id partition.JobID) client.Job {
	w.t.Helper()
	j, _, err := w.Job(w.t.Context(), string(id), client.Blocking{})
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// topic is where readers of orders are sent, "" for nowhere.
func (w *world) topic() string {
	w.t.Helper()
	all, err := w.Aliases(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range all {
		if a.Name == "orders" {
			return a.Topic
		}
	}
	return ""
}

// state is all that a reader could notice.
func (w *world) state() string {
	var out []string
	for k, v := range w.groups.at {
		out = append(out, fmt.Sprint(k, "=", v))
	}
	for k := range maps.Keys(w.void) {
		out = append(out, "void "+k)
	}
	slices.Sort(out)
	return w.topic() + " " + strings.Join(out, " ")
}

// groups are positions by group@topic. A move adds 1000 to what it was.
type groups struct {
	at     map[string]int
	active string
	moved  bool // they have read on since they were planned
}

type groupPlan struct {
	Group, From, To string
	Stands          int
}

func (g *groups) Plan(_ context.Context, names []string, from, to Place) (out []client.GroupMove, err error) {
	for _, name := range names {
		text, err := json.Marshal(groupPlan{name, from.Topic, to.Topic, g.at[name+"@"+from.Topic]})
		if err != nil {
			return nil, err
		}
		out = append(out, client.GroupMove{Group: name, Plan: text})
	}
	return out, nil
}

var errActive = errors.New("the group has members")

func (g *groups) check(plan []byte) (p groupPlan, err error) {
	if err = json.Unmarshal(plan, &p); err == nil && p.Group == g.active {
		err = errActive
	}
	return p, err
}

func (g *groups) Movable(_ context.Context, plan []byte) error {
	if g.moved {
		return &regroup.Error{Code: regroup.CodeMoved}
	}
	_, err := g.check(plan)
	return err
}

func (g *groups) Returnable(_ context.Context, plan []byte) error {
	_, err := g.check(plan)
	return err
}

func (g *groups) Move(_ context.Context, plan []byte) error {
	p, err := g.check(plan)
	if err == nil {
		g.at[p.Group+"@"+p.To] = p.Stands + 1000
	}
	return err
}

func (g *groups) Return(_ context.Context, plan []byte) ([]string, error) {
	p, err := g.check(plan)
	if err == nil {
		g.at[p.Group+"@"+p.From] = p.Stands
		delete(g.at, p.Group+"@"+p.To)
	}
	return nil, err
}

// log is files of two partitions in which each job wrote five records.
type files struct{ w *world }

func (f files) PlanRevert(_ context.Context, part int32, job partition.JobID) (sink.Void, error) {
	v := sink.Void{Records: 5, Done: f.w.void[fmt.Sprint(job, "/", part)]}
	if !v.Done {
		v.Later = f.w.later
	}
	return v, nil
}

func (f files) Revert(ctx context.Context, part int32, job partition.JobID) (sink.Void, error) {
	v, _ := f.PlanRevert(ctx, part, job)
	f.w.void[fmt.Sprint(job, "/", part)] = true
	return v, nil
}

// mortal dies at its nth step, in front of it or right after.
type mortal struct {
	w     *world
	steps int
	after bool
}

var errDead = errors.New("dead")

func (m *mortal) step(do func() error) error {
	m.steps--
	if m.steps < 0 || m.steps == 0 && !m.after {
		m.steps = -1
		return errDead
	}
	err := do()
	m.w.consistent()
	if m.steps == 0 && m.after {
		return errDead
	}
	return err
}

// consistent: whoever asks now where to read has a position there.
func (w *world) consistent() {
	w.t.Helper()
	if topic := w.topic(); topic != "" {
		for _, g := range []string{"billing", "fraud"} {
			if _, ok := w.groups.at[g+"@"+topic]; !ok {
				w.t.Errorf("readers are sent to %s, and group %s has no position there", topic, g)
			}
		}
	}
}

func (m *mortal) Aliases(ctx context.Context) ([]client.Alias, error) { return m.w.Aliases(ctx) }
func (m *mortal) AliasMoves(ctx context.Context, name string, v uint32) ([]client.GroupMove, error) {
	return m.w.AliasMoves(ctx, name, v)
}

func (m *mortal) PutAlias(ctx context.Context, name string, p client.PutAlias) (a client.Alias, err error) {
	err = m.step(func() (err error) { a, err = m.w.PutAlias(ctx, name, p); return err })
	return a, err
}

func (m *mortal) RevertAlias(ctx context.Context, name string, r client.RevertAlias) (a client.Alias, err error) {
	err = m.step(func() (err error) { a, err = m.w.RevertAlias(ctx, name, r); return err })
	return a, err
}

func (m *mortal) VoidJob(ctx context.Context, id string, v client.VoidJob) (j client.Job, err error) {
	err = m.step(func() (err error) { j, err = m.w.VoidJob(ctx, id, v); return err })
	return j, err
}

func (m *mortal) Plan(ctx context.Context, names []string, from, to Place) ([]client.GroupMove, error) {
	return m.w.groups.Plan(ctx, names, from, to)
}
func (m *mortal) Movable(ctx context.Context, plan []byte) error {
	return m.w.groups.Movable(ctx, plan)
}
func (m *mortal) Returnable(ctx context.Context, plan []byte) error {
	return m.w.groups.Returnable(ctx, plan)
}
func (m *mortal) Move(ctx context.Context, plan []byte) error {
	return m.step(func() error { return m.w.groups.Move(ctx, plan) })
}

func (m *mortal) Return(ctx context.Context, plan []byte) (notes []string, err error) {
	err = m.step(func() (err error) { notes, err = m.w.groups.Return(ctx, plan); return err })
	return notes, err
}

func (m *mortal) PlanRevert(ctx context.Context, part int32, job partition.JobID) (sink.Void, error) {
	return files{m.w}.PlanRevert(ctx, part, job)
}

func (m *mortal) Revert(ctx context.Context, part int32, job partition.JobID) (v sink.Void, err error) {
	err = m.step(func() (err error) { v, err = files{m.w}.Revert(ctx, part, job); return err })
	return v, err
}

var (
	before = Place{"kafka:c/orders", "orders"}
	after  = Place{"kafka:c/orders-v2", "orders-v2"}
)

func (w *world) publish(m *mortal, job client.Job) error {
	ctx := w.t.Context()
	p, err := Look(ctx, m, m, Order{Job: job, Alias: "orders", Place: after, From: before, Groups: []string{"fraud", "billing"}})
	if err != nil || p.Done {
		return err
	}
	_, err = p.Do(ctx, m, m)
	return err
}

func (w *world) rollback(m *mortal, id partition.JobID, f *Files) error {
	s := Subject{Job: w.job(id), Place: after, Files: f}
	r, err := LookBack(w.t.Context(), m, m, s)
	if err != nil {
		return err
	}
	return r.Do(w.t.Context(), m, m)
}

func immortal(w *world) *mortal { return &mortal{w: w, steps: 1 << 30} }

// everyDeath calls try for each step that a command has, with a mortal that dies in front of it and with one that dies right after, until one lives.
func everyDeath(t *testing.T, try func(t *testing.T, w *world, m *mortal) (died bool)) {
	for n := 1; ; n++ {
		died := false
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("step %d after %t", n, after), func(t *testing.T) {
				w := newWorld(t)
				died = try(t, w, &mortal{w: w, steps: n, after: after}) || died
			})
		}
		if !died {
			if n < 3 {
				t.Errorf("only %d steps were tried", n)
			}
			return
		}
	}
}

const (
	asItWas     = "orders billing@orders=150 fraud@orders=7"
	asPublished = "orders-v2 billing@orders-v2=1150 billing@orders=150 fraud@orders-v2=1007 fraud@orders=7"
)

// Whoever publishes may die between any two steps: the same command finishes it, or a rollback takes back exactly what was done. In between no
// reader is sent to where its group has no position.
func TestDyingWhilePublishing(t *testing.T) {
	for name, end := range map[string]struct {
		do   func(w *world) error
		want string
	}{
		"published again": {func(w *world) error { return w.publish(immortal(w), w.job("bs-a")) }, asPublished},
		"rolled back":     {func(w *world) error { return w.rollback(immortal(w), "bs-a", nil) }, asItWas},
	} {
		t.Run(name, func(t *testing.T) {
			everyDeath(t, func(t *testing.T, w *world, m *mortal) bool {
				job := w.proved("bs-a", after.Name)
				err := w.publish(m, job)
				if err == nil && w.state() != asPublished {
					t.Errorf("published: %s", w.state())
				}
				nothing := w.topic() == "" && len(w.groups.at) == 2 // it died before anything was written
				if err := end.do(w); err != nil {
					t.Fatal(err)
				}
				want := end.want
				if nothing && want == asItWas {
					want = strings.TrimPrefix(want, "orders")
				}
				if got := w.state(); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
				return err != nil
			})
		})
	}
}

// The same of whoever rolls back: the same command finishes it, and then it may be published again.
func TestDyingWhileRollingBack(t *testing.T) {
	everyDeath(t, func(t *testing.T, w *world, m *mortal) bool {
		job := w.proved("bs-a", after.Name)
		if err := w.publish(immortal(w), job); err != nil {
			t.Fatal(err)
		}
		err := w.rollback(m, "bs-a", nil)
		if err2 := w.rollback(immortal(w), "bs-a", nil); err2 != nil {
			t.Fatal(err2)
		}
		if got := w.state(); got != asItWas {
			t.Errorf("rolled back: got %q, want %q", got, asItWas)
		}
		if err := w.publish(immortal(w), job); err != nil || w.state() != asPublished {
			t.Errorf("published again: %v, %s", err, w.state())
		}
		return err != nil
	})
}

// Files are void in all partitions in the end, and the locks are free.
func TestDyingWhileFilesAreMadeVoid(t *testing.T) {
	everyDeath(t, func(t *testing.T, w *world, m *mortal) bool {
		w.proved("bs-a", "dir:/d")
		err := w.rollback(m, "bs-a", &Files{Sink: m, Partitions: []int32{0, 1}})
		if err != nil && len(w.void) > 0 && w.job("bs-a").Void == nil {
			t.Error("files are void and the book does not know of it")
		}
		if err := w.rollback(immortal(w), "bs-a", &Files{Sink: immortal(w), Partitions: []int32{0, 1}}); err != nil {
			t.Fatal(err)
		}
		if v := w.job("bs-a").Void; v == nil || !v.Done || v.Records != 10 || len(w.void) != 2 {
			t.Errorf("got %+v and %v", v, w.void)
		}
		w.proved("bs-b", "dir:/d") // which takes the same locks
		return err != nil
	})
}

// Everything that can be refused is refused before anything is written.
func TestRefusals(t *testing.T) {
	code := func(err error) string {
		var e *Error
		if errors.As(err, &e) {
			return e.Code
		}
		return fmt.Sprint(err)
	}
	w := newWorld(t)
	a, b := w.proved("bs-a", after.Name), w.proved("bs-b", "kafka:c/orders-v3")
	w.groups.active = "fraud"
	if err := w.publish(immortal(w), a); !errors.Is(err, errActive) || w.topic() != "" {
		t.Errorf("a group with members: got %v, %s", err, w.state())
	}
	w.groups.active = ""
	for name, row := range map[string]struct {
		change func(*client.Job)
		want   string
	}{
		"a proof that fails": {func(j *client.Job) { j.Verdict = "fail" }, CodeUnproved},
		"no proof":           {func(j *client.Job) { j.State, j.Verdict = "failed", "" }, CodeUnproved},
		"rolled back":        {func(j *client.Job) { j.Void = &client.JobVoid{} }, CodeUnproved},
	} {
		j := a
		row.change(&j)
		if err := w.publish(immortal(w), j); code(err) != row.want {
			t.Errorf("%s: got %v, want %s", name, err, row.want)
		}
	}
	// Two publications at a time, and another set of groups.
	m := &mortal{w: w, steps: 1, after: true}
	if err := w.publish(m, a); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	if _, err := Look(t.Context(), w, w.groups, Order{Job: b, Alias: "orders", Place: Place{"kafka:c/orders-v3", "orders-v3"}}); code(err) != CodeUnfinished {
		t.Errorf("while another is staged: got %v, want %s", err, CodeUnfinished)
	}
	if _, err := Look(t.Context(), w, w.groups, Order{Job: a, Alias: "orders", Place: after, Groups: []string{"billing"}}); code(err) != CodeUnfinished {
		t.Errorf("with other groups than it was begun with: got %v, want %s", err, CodeUnfinished)
	}
	w.groups.moved = true // consumers were started on the old topic again
	if err := w.publish(immortal(w), a); code(err) != CodeUnfinished {
		t.Errorf("gone on with after the group has read on: got %v, want %s", err, CodeUnfinished)
	}
	w.groups.moved = false
	if err := w.rollback(immortal(w), "bs-a", nil); err != nil || w.state() != asItWas {
		t.Fatalf("rolled back: %v, %s", err, w.state())
	}
	if err := w.publish(immortal(w), a); err != nil {
		t.Fatal(err)
	}
	// A later version, and a job that still runs.
	p, err := Look(t.Context(), w, w.groups, Order{Job: b, Alias: "orders", Place: Place{"kafka:c/orders-v3", "orders-v3"}})
	if err == nil {
		_, err = p.Do(t.Context(), w, w.groups)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.rollback(immortal(w), "bs-a", nil); code(err) != CodeSuperseded {
		t.Errorf("while a later version is current: got %v, want %s", err, CodeSuperseded)
	}
	j := a
	j.State = "running"
	if _, err := LookBack(t.Context(), w, w.groups, Subject{Job: j, Place: after}); code(err) != CodeRunning {
		t.Errorf("a job that runs: got %v, want %s", err, CodeRunning)
	}
	c := w.proved("bs-c", "kafka:c/live")
	if _, err := LookBack(t.Context(), w, w.groups, Subject{Job: c, Place: Place{"kafka:c/live", "live"}, InPlace: true}); code(err) != CodeInPlace {
		t.Errorf("in place: got %v, want %s", err, CodeInPlace)
	}
	w.proved("bs-d", "dir:/d")
	w.later = []partition.JobID{"bs-e"}
	if err := w.rollback(immortal(w), "bs-d", &Files{Sink: files{w}, Partitions: []int32{0, 1}}); code(err) != CodeSuperseded || len(w.void) != 0 {
		t.Errorf("built upon: got %v, want %s", err, CodeSuperseded)
	}
	if w.job("bs-d").Void != nil {
		t.Error("refused, and the book says that it has begun")
	}
}

// People are told the clusters where two topics are not in one.
func TestPlacesInWords(t *testing.T) {
	file := Place{"dir:/lake", "orders"}
	for _, row := range []struct {
		from, to Place
		want     string
	}{
		{before, after, "orders to orders-v2"},
		{Place{"kafka:old/orders", "orders"}, before, "orders in Kafka old to orders in Kafka c"},
		{Place{}, after, "nowhere to orders-v2"},
		{file, after, "/lake/orders to orders-v2"},
	} {
		if from, to := Between(row.from, row.to); from+" to "+to != row.want {
			t.Errorf("got %s to %s, want %s", from, to, row.want)
		}
	}
	if got := before.Cluster() + file.Cluster(); got != "c" {
		t.Errorf("clusters: got %q, want c of the topic and none of the file", got)
	}
}
