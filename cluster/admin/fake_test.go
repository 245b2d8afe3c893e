package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/conductor"
	"backstitch/cluster/curve"
	"backstitch/cluster/inject"
	"backstitch/cluster/quota"
	"backstitch/fsm"
	"backstitch/fsm/fsmtest"
	"backstitch/partition"

	"github.com/prometheus/client_golang/prometheus"
)

// fakeNode is a book without a group around it. It can be told to fail.
type fakeNode struct {
	*fsmtest.Book
	fail   error // of Propose
	health cluster.Health
	status cluster.Status
	left   string // reason given to Leave

	rates    [2]float64 // of every job
	holdings []quota.Holding
	paces    []quota.Pace
	rings    []cluster.KeyringNode
	turned   []cluster.KeyringChange
	curve    []curve.Point // of every job
	led      []cluster.Led
}

func newFake(t testing.TB) *fakeNode {
	t.Helper()
	return &fakeNode{Book: fsmtest.Empty(t)}
}

func (f *fakeNode) Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error) {
	if f.fail != nil {
		return fsm.Result{}, f.fail
	}
	return f.Book.Propose(ctx, env, cmd)
}

func (f *fakeNode) SetState(ctx context.Context, env fsm.Envelope, id string, state fsm.MemberState) (fsm.Result, error) {
	return f.Propose(ctx, env, fsm.SetMemberState{ID: partition.NodeID(id), State: state})
}

func (f *fakeNode) ID() partition.NodeID                  { return "n1" }
func (f *fakeNode) Name() string                          { return "node-a" }
func (f *fakeNode) ClusterID() string                     { return "c1" }
func (f *fakeNode) Leader() partition.NodeID              { return "n1" }
func (f *fakeNode) Health() cluster.Health                { return f.health }
func (f *fakeNode) Status(context.Context) cluster.Status { return f.status }
func (f *fakeNode) Alive() map[partition.NodeID]bool      { return map[partition.NodeID]bool{"n1": true} }

func (f *fakeNode) Join(_ context.Context, addrs []string) (int, error) { return len(addrs), nil }
func (f *fakeNode) Leave(_ context.Context, reason string) error        { f.left = reason; return nil }
func (f *fakeNode) TransferLeadership(context.Context, string) (cluster.Transferred, error) {
	return cluster.Transferred{}, cluster.ErrNoLeader
}
func (f *fakeNode) RemovePeer(_ context.Context, id, _ string) error {
	return fmt.Errorf("%w: %s", cluster.ErrUnknownNode, id)
}
func (f *fakeNode) SaveSnapshot(context.Context) (io.ReadCloser, cluster.SnapshotMeta, error) {
	return io.NopCloser(strings.NewReader("stream")), cluster.SnapshotMeta{Index: 7, Term: 2, Size: 6}, nil
}
func (f *fakeNode) RestoreSnapshot(_ context.Context, r io.Reader) (fsm.SnapshotInfo, error) {
	return fsm.ReadSnapshot(r)
}

func (f *fakeNode) Environment() cluster.Environment { return cluster.Production }
func (f *fakeNode) Hurt(context.Context, inject.Fault) (inject.Active, error) {
	return inject.Active{}, f.protected()
}
func (f *fakeNode) Hurts() ([]inject.Active, error)  { return nil, f.protected() }
func (f *fakeNode) Heal(string, string) (int, error) { return 0, f.protected() }
func (f *fakeNode) RefusesAPI() bool                 { return false }
func (f *fakeNode) MayExec(_ context.Context, node, program string) error {
	if program == "reload" {
		return nil
	}
	return &cluster.Error{Code: cluster.CodeProgram, Object: "program " + program, Kind: conductor.ErrRefused, Cause: errors.New("node " + node + " does not allow it"), Hint: "exec.allow"}
}
func (f *fakeNode) Keyring(context.Context) ([]cluster.KeyringNode, error) { return f.rings, nil }
func (f *fakeNode) ChangeKeyring(ctx context.Context, env fsm.Envelope, change cluster.KeyringChange) (cluster.KeyringChanged, error) {
	if f.turned = append(f.turned, change); f.fail != nil {
		return cluster.KeyringChanged{}, f.fail
	}
	print := change.Fingerprint
	if change.Key != nil {
		print = change.Key.Fingerprint()
	}
	res, err := f.Propose(ctx, env, fsm.NoteKeyring{Change: change.Change, Key: print, Forced: change.Force})
	return cluster.KeyringChanged{Key: print, Changed: true, Revision: res.Index, Nodes: f.rings}, err
}
func (f *fakeNode) protected() error {
	return &cluster.Error{Code: cluster.CodeProtected, Object: "node node-a", Kind: cluster.ErrProtected,
		Cause: errors.New("its environment is production"), Hint: "environment: staging"}
}

var errPlanted = errors.New("planted")

// api is a server over a fake node.
func api(t *testing.T, node Node) http.Handler {
	t.Helper()
	s, err := New(Config{
		Version: "test", Logger: slog.New(slog.DiscardHandler), Gatherer: prometheus.NewRegistry(),
		Clock: func() time.Time { return time.Unix(1_700_000_000, 0) },
	}, node)
	if err != nil {
		t.Fatal(err)
	}
	return s.Handler()
}

// ask sends one request and decodes the answer into out, which may be nil.
func ask(t *testing.T, h http.Handler, method, path, key, body string, out any) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body)).WithContext(t.Context())
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			t.Fatalf("%s %s: %d %s: %v", method, path, w.Code, w.Body, err)
		}
	}
	return w
}

func (f *fakeNode) Paces(context.Context) ([]quota.Pace, error)       { return slices.Clone(f.paces), nil }
func (f *fakeNode) Holdings(context.Context) ([]quota.Holding, error) { return f.holdings, nil }

func (f *fakeNode) Rates(partition.JobID) (low, high float64, ok bool) {
	return f.rates[0], f.rates[1], f.rates[1] > 0
}

func (f *fakeNode) Curve(partition.JobID) []curve.Point { return slices.Clone(f.curve) }
func (f *fakeNode) Leaders() []cluster.Led              { return slices.Clone(f.led) }
