package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/fsm/fsmtest"
	"backstitch/partition"
)

// book is a book without a group around it. It can be told to refuse proposals.
type book struct {
	*fsmtest.Book
	t    *testing.T
	mu   sync.Mutex
	fail error
}

func newBook(t *testing.T) *book {
	t.Helper()
	return &book{Book: fsmtest.New(t), t: t}
}

func (b *book) Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return fsm.Result{}, b.fail
	}
	return b.Book.Propose(ctx, env, cmd)
}

func (b *book) do(cmds ...fsm.Command) {
	b.t.Helper()
	b.Must(fsm.Envelope{Actor: "test", UnixNanos: at.UnixNano()}, cmds...)
}

// put makes a dataset with endpoints that hear of starts.
func (b *book) put(name fsm.DatasetName, endpoints ...fsm.Endpoint) {
	b.t.Helper()
	for i := range endpoints {
		endpoints[i].On = 1 << fsm.NoticeStarted
	}
	b.do(fsm.PutDataset{Name: name, Document: []byte("{}"), Reference: fsm.Place{Namespace: "file", Name: "/a"},
		Targets: []fsm.Place{{Namespace: "file", Name: "/b"}}, Endpoints: endpoints})
}

// start starts a job about a dataset, which is one notice.
func (b *book) start(id partition.JobID, name string) {
	b.t.Helper()
	b.do(fsm.SubmitJob{ID: id, Name: name, Recipe: []byte("{}"), Slices: 1},
		fsm.AddSlices{Job: id, Slices: []partition.Slice{{ID: partition.SliceID{Job: id}, Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 9}}}}},
		fsm.StartJob{ID: id})
}

func (b *book) delivery(name fsm.DatasetName, endpoint string) fsm.Delivery {
	b.t.Helper()
	v := b.Machine.View()
	defer v.Close()
	told, err := v.Deliveries(name)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, d := range told {
		if d.Endpoint == endpoint {
			return d
		}
	}
	b.t.Fatalf("nobody tells %s", endpoint)
	return fsm.Delivery{}
}

// hand drives a loop by hand, with a clock that only moves when it is told to.
type hand struct {
	*Loop
	b   *book
	now time.Time
}

func drive(t *testing.T, b *book) *hand {
	t.Helper()
	h := &hand{b: b, now: at}
	c := config(t)
	c.Book, c.Proposer, c.Clock = b, b, func() time.Time { return h.now }
	var err error
	if h.Loop, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.posts.Wait)
	return h
}

// round takes one turn and waits for all that it posted.
func (h *hand) round() time.Duration {
	h.b.t.Helper()
	wait, err := h.turn(h.b.t.Context())
	if err != nil {
		h.b.t.Fatal(err)
	}
	for h.flying > 0 {
		h.finished(<-h.results)
	}
	return wait
}

// receiver counts what it gets by id, and answers as it is told.
type receiver struct {
	mu     sync.Mutex
	order  []string
	status int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order = append(r.order, req.Header.Get("Idempotency-Key"))
	w.WriteHeader(r.status)
}

func (r *receiver) got() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.order)
}

// TestEachNoticeIsToldOnceAndInOrder, and the next leader tells none of them again.
func TestEachNoticeIsToldOnceAndInOrder(t *testing.T) {
	b := newBook(t)
	r := &receiver{status: 200}
	b.put("default/orders", answering(t, r.ServeHTTP))
	b.start("bs-a", "orders")
	b.start("bs-b", "orders.refill")
	h := drive(t, b)
	for range 4 {
		h.round()
	}
	if r.got() != 2 || r.order[0] == r.order[1] {
		t.Fatalf("got %v, want two different ones", r.order)
	}
	if d := b.delivery("default/orders", "bus"); d.Sent != 2 || d.Dropped != 0 {
		t.Errorf("got %+v, want two sent", d)
	}
	next := drive(t, b)
	next.round()
	b.start("bs-c", "orders")
	next.round()
	if r.got() != 3 {
		t.Errorf("the next leader: got %d, want one more", r.got())
	}
}

// TestANoticeThatWasNotNotedIsSentAgainUnderItsID: the leader is lost between the answer and the book.
func TestANoticeThatWasNotNotedIsSentAgainUnderItsID(t *testing.T) {
	b := newBook(t)
	r := &receiver{status: 200}
	b.put("default/orders", answering(t, r.ServeHTTP))
	b.start("bs-a", "orders")
	h := drive(t, b)
	h.round()
	b.fail = errors.New("no quorum")
	h.round()
	h.round()
	if r.got() != 1 {
		t.Fatalf("got %d posts, want that the same leader sends once", r.got())
	}
	b.fail = nil
	next := drive(t, b)
	next.round()
	next.round()
	if r.got() != 2 || r.order[0] != r.order[1] {
		t.Errorf("got %v, want the same id twice", r.order)
	}
	if d := b.delivery("default/orders", "bus"); d.Sent != 1 {
		t.Errorf("got %+v, want one sent", d)
	}
}

// lostOnTheWay is a network that loses the first message and carries the others: the sender hears nothing until its time is over.
type lostOnTheWay struct {
	mu    sync.Mutex
	order []string
}

func (l *lostOnTheWay) RoundTrip(req *http.Request) (*http.Response, error) {
	l.mu.Lock()
	l.order = append(l.order, req.Header.Get("Idempotency-Key"))
	first := len(l.order) == 1
	l.mu.Unlock()
	if first {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

// TestSilenceIsNoAnswer: a notice whose time was over before anybody answered is not noted as told, and is sent again under its id.
func TestSilenceIsNoAnswer(t *testing.T) {
	b := newBook(t)
	b.put("default/orders", fsm.Endpoint{Name: "bus", Format: fsm.FormatCloudEvents, URL: "https://bus.example", On: 1 << fsm.NoticeStarted})
	b.start("bs-a", "orders")
	h, way := drive(t, b), &lostOnTheWay{}
	h.cfg.Client = &http.Client{Transport: way}
	h.cfg.Timeout = time.Millisecond
	h.round()
	h.cfg.Timeout = time.Minute
	h.now = h.now.Add(h.round())
	h.round()
	h.round()
	if len(way.order) != 2 || way.order[0] != way.order[1] {
		t.Errorf("got %v, want the same id twice", way.order)
	}
	if d := b.delivery("default/orders", "bus"); d.Sent != 1 || d.Dropped != 0 {
		t.Errorf("got %+v, want one sent", d)
	}
}

// TestADeadReceiverHoldsUpNobody: others are told meanwhile, tries come further apart, and after a day the notice is given up.
func TestADeadReceiverHoldsUpNobody(t *testing.T) {
	b := newBook(t)
	dead, alive := &receiver{status: 503}, &receiver{status: 200}
	down := answering(t, dead.ServeHTTP)
	down.Name = "down"
	b.put("default/orders", down, answering(t, alive.ServeHTTP))
	b.start("bs-a", "orders")
	b.start("bs-b", "orders")
	h := drive(t, b)
	h.round()
	h.round()
	h.round()
	if alive.got() != 2 || dead.got() != 1 {
		t.Fatalf("got %d and %d posts, want 2 to who answers and 1 to who does not", alive.got(), dead.got())
	}
	var pauses []time.Duration
	for h.now.Sub(at) < h.cfg.GiveUp {
		before := dead.got()
		wait := h.round()
		if dead.got() == before {
			pauses = append(pauses, wait)
			h.now = h.now.Add(wait)
		}
	}
	if pauses[0] != time.Second || pauses[1] != 2*time.Second || pauses[len(pauses)-1] > h.cfg.Longest {
		t.Errorf("pauses begin with %v and end with %s", pauses[:3], pauses[len(pauses)-1])
	}
	for range 6 { // both notices are old enough, and each gets a try
		h.round()
		h.now = h.now.Add(h.cfg.Longest)
	}
	if d := b.delivery("default/orders", "down"); d.Dropped != 2 || d.Sent != 0 || d.Why != "answered 503 Service Unavailable" {
		t.Errorf("got %+v, want two dropped and why", d)
	}
	v := b.Machine.View()
	defer v.Close()
	if left, err := v.Waiting(); err != nil || len(left) != 0 {
		t.Errorf("got %v, %v, want nothing left in the outbox", left, err)
	}
}

// TestARefusedNoticeIsGivenUpAtOnce: the next one gets its turn.
func TestARefusedNoticeIsGivenUpAtOnce(t *testing.T) {
	b := newBook(t)
	r := &receiver{status: 422}
	b.put("default/orders", answering(t, r.ServeHTTP))
	b.start("bs-a", "orders")
	h := drive(t, b)
	h.round()
	r.status = 200
	b.start("bs-b", "orders")
	h.round()
	h.round()
	if d := b.delivery("default/orders", "bus"); d.Dropped != 1 || d.Sent != 1 {
		t.Errorf("got %+v, want one dropped and one sent", d)
	}
}

// flow hands in a flow that asks, and whose endpoints hear of everything.
func (b *book) flow(id fsm.FlowID, endpoints ...fsm.Endpoint) {
	b.t.Helper()
	for i := range endpoints {
		endpoints[i].On = 0
		for _, k := range flowKinds {
			endpoints[i].On |= 1 << k
		}
	}
	b.do(fsm.BeginFlow{Flow: fsm.SubmitFlow{ID: id, Name: "outage", Namespace: "shop", Steps: []flow.Step{{Name: "ask", Kind: "manual"}}}, Endpoints: endpoints})
}

// TestWhatHappensToAFlowIsTold, each once and in order, beside what happens to datasets, and once more under its id when the leader is lost before the book
// knows. The flow that waits is told while it waits.
func TestWhatHappensToAFlowIsTold(t *testing.T) {
	b := newBook(t)
	r := &receiver{status: 200}
	e := answering(t, r.ServeHTTP)
	b.put("default/orders", e)
	b.flow("fl-a", e)
	b.start("bs-a", "orders")
	h := drive(t, b)
	for range 3 {
		h.round()
	}
	if r.got() != 2 {
		t.Fatalf("got %d posts, want that the flow and the job began", r.got())
	}
	b.do(fsm.BeginStep{Flow: "fl-a", Step: "ask", Attempt: 1, Wait: true, Why: "Release held consumers?"})
	h.round() // told, and the leader is lost
	next := drive(t, b)
	for range 3 {
		next.round()
	}
	if r.got() != 4 || r.order[2] != r.order[3] {
		t.Fatalf("got %v, want what waits twice under one id", r.order)
	}
	b.do(fsm.ApproveStep{Flow: "fl-a", Step: "ask", Attempt: 1}, fsm.FinishFlow{ID: "fl-a"})
	for range 4 {
		next.round()
	}
	if d := b.delivery(fsm.OutboxOf("fl-a"), "bus"); r.got() != 6 || d.Sent != 4 || d.Dropped != 0 {
		t.Errorf("got %d posts and %+v, want four notices of the flow", r.got(), d)
	}
	v := b.Machine.View()
	defer v.Close()
	if left, err := v.Waiting(); err != nil || len(left) != 0 {
		t.Errorf("got %v, %v, want nothing left in the outbox", left, err)
	}
}

// TestADatasetThatGoesAwayIsForgotten in the middle of a post.
func TestADatasetThatGoesAwayIsForgotten(t *testing.T) {
	b := newBook(t)
	b.put("default/orders", answering(t, func(w http.ResponseWriter, r *http.Request) {
		v := b.Machine.View()
		defer v.Close()
		d, _, err := v.Dataset("default/orders")
		if err != nil {
			t.Error(err)
		}
		b.do(fsm.DeleteDataset{Name: "default/orders", Seen: d.ModifyIndex})
	}))
	b.start("bs-a", "orders")
	h := drive(t, b)
	h.round()
	h.round()
	if len(h.ends) != 0 {
		t.Errorf("got %d ends, want that all are forgotten", len(h.ends))
	}
}

// TestNoMoreThanAtOnce: as many posts fly as are allowed, and the others wait for their turn.
func TestNoMoreThanAtOnce(t *testing.T) {
	b := newBook(t)
	var now, most atomic.Int32
	var endpoints []fsm.Endpoint
	for i := range fsm.MaxEndpoints {
		e := answering(t, func(http.ResponseWriter, *http.Request) {
			most.Store(max(most.Load(), now.Add(1)))
			now.Add(-1)
		})
		e.Name = fmt.Sprint("bus-", i)
		endpoints = append(endpoints, e)
	}
	b.put("default/orders", endpoints...)
	b.start("bs-a", "orders")
	h := drive(t, b)
	h.cfg.AtOnce = 3
	if _, err := h.turn(t.Context()); err != nil || h.flying != 3 {
		t.Errorf("got %d posts, %v, want 3", h.flying, err)
	}
	for range 4 {
		h.round()
	}
	for _, e := range endpoints {
		if d := b.delivery("default/orders", e.Name); d.Sent != 1 {
			t.Errorf("%s: got %+v, want one sent", e.Name, d)
		}
	}
}

// TestRun: the whole loop on a real clock tells what happens while it runs, and ends with its context.
func TestRun(t *testing.T) {
	b := newBook(t)
	heard := make(chan string, 8)
	b.put("default/orders", answering(t, func(_ http.ResponseWriter, r *http.Request) { heard <- r.Header.Get("Idempotency-Key") }))
	c := config(t)
	c.Book, c.Proposer, c.Turn = b, b, time.Millisecond
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	b.start("bs-a", "orders")
	first := <-heard
	b.start("bs-b", "orders")
	if second := <-heard; second == first {
		t.Errorf("got %s twice", first)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := New(DefaultConfig()); err == nil {
		t.Error("got no error, want one for a configuration without a book")
	}
}

// TestEventsKnowWhereRunbooksAre: what a node is told of the pages' address reaches what it sends.
func TestEventsKnowWhereRunbooksAre(t *testing.T) {
	b := newBook(t)
	h := drive(t, b)
	h.cfg.Runbooks = "https://docs.acme.com/runbooks"
	v := b.Machine.View()
	defer v.Close()
	e, err := h.event(v, subject{name: theDataset.Name, dataset: theDataset}, notice(fsm.NoticeFailed, 300))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cloudEvent(e).Runbook, "https://docs.acme.com/runbooks/BackstitchRecoveryFailed.md"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
