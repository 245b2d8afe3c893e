//go:build reads

package admin

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"backstitch/cluster"
	"backstitch/fsm"
	"backstitch/fsm/fsmtest"
	"backstitch/partition"
	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

var (
	judged = flag.Bool("judge", true, "fail when a route is slower than its bar")
	times  = flag.Int("times", 600, "requests of each route")
)

const (
	bar      = 20 * time.Millisecond // for p99 of each route
	jobs     = 5
	each     = 2000 // leased slices of a job
	owners   = 10   // nodes that hold them
	interval = time.Second
)

// settled are reads of this table that have nothing to show here, with the reason.
var settled = map[string]string{
	"list-faults": "a node of production has none",
	"show-plan":   "its size is that of one plan, whatever else is active",
	"show-stacks": "it looks at goroutines, not at the book",
}

// Every route that lists or shows, over a book with 10,000 leased slices on a disk, while every slice's checkpoint is renewed once a second as
// agents do it: one command for each node. Requests come over sockets, one at a time, with a token.
func TestReads(t *testing.T) {
	d := crowded(t)
	server := httptest.NewServer(d.h)
	defer server.Close()

	ctx, cancel := context.WithCancel(t.Context())
	var commands atomic.Int64
	renewed := make(chan error, 1)
	go func() { renewed <- d.renew(ctx, &commands) }()
	began := time.Now()

	var names []string
	for name, e := range examples {
		if _, left := settled[name]; !left && e[0] == http.MethodGet && (strings.HasPrefix(name, "list-") || strings.HasPrefix(name, "show-")) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "route\tbytes\tp50\tp99\tlargest\t")
	for i, name := range names {
		took, size := d.measure(t, server.URL, name, i)
		p50, p99 := took[len(took)/2], took[len(took)*99/100]
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t\n", name, size, short(p50), short(p99), short(took[len(took)-1]))
		if *judged && p99 > bar {
			t.Errorf("%s: p99 of %d requests is %s, bar %s", name, len(took), short(p99), bar)
		}
	}
	cancel()
	if err := <-renewed; err != nil {
		t.Fatal(err)
	}
	_ = w.Flush() // into memory
	t.Logf("%d slices active in %d jobs, %d requests a route; meanwhile %.0f checkpoints a second in %d commands\n%s", jobs*each, jobs, *times,
		float64(commands.Load()*jobs*each/owners)/time.Since(began).Seconds(), commands.Load(), table.String())
	if commands.Load() == 0 {
		t.Error("the book did not change while it was read")
	}
}

func short(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }

// crowd is a gated server over a book with all those slices.
type crowd struct {
	*gated
	held [owners][]fsm.SliceCheckpoint
}

func crowded(t *testing.T) *crowd {
	t.Helper()
	node := &fakeNode{Book: fsmtest.In(t, filepath.Join(t.TempDir(), "node"), storage.Options{FS: vfs.Default})}
	node.status = cluster.Status{Node: "n1", Name: "node-n1", Leader: "n1"}
	c := &crowd{gated: &gated{node: node, log: &bytes.Buffer{}, now: time.Unix(1_700_000_000, 0), text: map[string]string{}, acc: map[string]string{}}}
	for i := range owners {
		id := fmt.Sprintf("n%d", i+1)
		node.do(t, fsm.PutMember{Member: fsm.Member{ID: partition.NodeID(id), Name: "node-" + id, Instance: [16]byte{byte(i + 1)}, Role: fsm.RoleVoter, Weight: 1, MaxOp: fsm.MaxOp}})
	}
	node.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	var err error
	c.s, err = New(Config{
		Version: "test", Logger: slog.New(slog.DiscardHandler), Gatherer: prometheus.NewRegistry(), Clock: time.Now,
		Report: func(*fsm.View, fsm.ProofID) ([]byte, error) { return []byte("{}"), nil },
	}, node)
	if err != nil {
		t.Fatal(err)
	}
	c.h = c.s.Handler()
	c.root = c.first(t)
	c.furnish(t, here, "a")
	for j := range jobs {
		c.fill(t, partition.JobID(fmt.Sprintf("bs-many%c", 'a'+j)))
	}
	return c
}

// fill starts a job whose slices are all leased, each lane by one of the owners.
func (c *crowd) fill(t *testing.T, id partition.JobID) {
	t.Helper()
	c.node.do(t, fsm.SubmitJob{ID: id, Name: string(id), Namespace: here, Recipe: []byte(`{"from":"an archive"}`), Locks: []string{"kafka:c/" + string(id) + "/*"}, Slices: each,
		Records: each * 1_000_000, Bytes: each << 30, PlanHash: [32]byte{1}})
	add, grant := fsm.AddSlices{Job: id}, fsm.GrantLeases{}
	for n := range uint32(each) {
		s := partition.Slice{ID: partition.SliceID{Job: id, N: n}, Kind: partition.SliceFill, Partition: int32(n), Records: 1_000_000, Bytes: 1 << 30,
			Ranges: partition.Ranges{{From: 0, To: 1_000_000}}, Objects: []partition.Object{{Key: fmt.Sprintf("archive/partition=%d/000.seg", n), Size: 1 << 28}}}
		add.Slices = append(add.Slices, s)
		owner := int(n) % owners
		grant.Grants = append(grant.Grants, fsm.Grant{Slice: s.ID, Owner: partition.NodeID(fmt.Sprintf("n%d", owner+1))})
		c.held[owner] = append(c.held[owner], fsm.SliceCheckpoint{Slice: s.ID, Checkpoint: fsm.Checkpoint{Epoch: 1}})
	}
	for part := range slices.Chunk(add.Slices, 500) {
		c.node.do(t, fsm.AddSlices{Job: id, Slices: part})
	}
	c.node.do(t, fsm.StartJob{ID: id})
	c.node.do(t, grant)
}

// renew saves every checkpoint once an interval, owner by owner, until ctx ends.
func (c *crowd) renew(ctx context.Context, commands *atomic.Int64) error {
	turn := time.NewTicker(interval / owners)
	defer turn.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-turn.C:
		}
		mine := c.held[i%owners]
		for k := range mine {
			mine[k].Checkpoint.Cursor++
			mine[k].Checkpoint.Records++
			mine[k].Checkpoint.Bytes += 1000
		}
		cmd := fsm.SaveCheckpoints{Owner: partition.NodeID(fmt.Sprintf("n%d", i%owners+1)), Entries: mine}
		if r, err := c.node.Propose(ctx, fsm.Envelope{Actor: "node:n1"}, cmd); err != nil || r.Code != fsm.OK || len(r.Refused) > 0 {
			return fmt.Errorf("save checkpoints: %v, %d refused, %w", r.Code, len(r.Refused), err)
		}
		commands.Add(1)
	}
}

// measure asks one route again and again and returns how long each answer took to its last byte, sorted, and its size. It comes from an
// address of its own, since one may ask only so often.
func (c *crowd) measure(t *testing.T, base, name string, i int) (took []time.Duration, size int64) {
	t.Helper()
	path := strings.ReplaceAll(examples[name][1], "/jobs/bs-%[1]s", "/jobs/bs-manya")
	if name == "list-proofs" || name == "list-discarded-records" {
		path = examples[name][1] // of the job that has some
	}
	path = strings.NewReplacer("job=bs-%[1]s", "job=bs-manya", "%[1]s", "a", "%[2]s", here, "/tokens/none", "/tokens/"+c.accessor(t)).Replace(path)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	defer transport.CloseIdleConnections()
	http := &http.Client{Transport: transport}
	for range *times {
		req, err := newGet(t.Context(), base+path, c.root)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		resp, err := http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		size, err = io.Copy(io.Discard, resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
		_ = resp.Body.Close() // it is read
		if resp.StatusCode != 200 {
			t.Fatalf("%s: %s", path, resp.Status)
		}
	}
	slices.Sort(took)
	return took, size
}

func newGet(ctx context.Context, url, token string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, err
}

// accessor is that of the token which asks.
func (c *crowd) accessor(t *testing.T) string {
	t.Helper()
	view := c.node.Machine.View()
	tokens, err := view.Tokens()
	if err = errors.Join(err, view.Close()); err != nil || len(tokens) == 0 {
		t.Fatalf("tokens: %v, %v", tokens, err)
	}
	return tokens[0].Accessor
}
