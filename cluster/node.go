package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/cluster/access"
	"backstitch/cluster/conductor"
	"backstitch/cluster/discover"
	"backstitch/cluster/inject"
	"backstitch/cluster/leader"
	"backstitch/cluster/member"
	"backstitch/cluster/program"
	"backstitch/cluster/vitals"
	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Deps are what a Node is given rather than makes. Logger and Clock are required.
type Deps struct {
	Logger *slog.Logger
	// Clock is time.Now. Its monotonic reading measures silence; its wall reading stamps commands, for people.
	Clock func() time.Time
	// Registerer gets the metrics of the node; nil for none.
	Registerer prometheus.Registerer
	// Env looks up an environment variable that a token comes from, as os.LookupEnv does; nil for none.
	Env func(name string) (string, bool)
	// Planner makes the plans of recovery steps of flows, when this node leads; nil fails such steps.
	Planner conductor.Planner
	// Consumers reaches consumer groups for flows, when this node leads; nil fails steps that wait for them.
	Consumers conductor.Consumers
	// Rollbacker takes back jobs of flows, when this node leads; nil fails steps that do so.
	Rollbacker conductor.Rollbacker
	// Programs runs what this node's configuration allows, for steps of flows; nil allows nothing. The caller closes it after Run.
	Programs *program.Runner
	// Receivers takes what is posted to the endpoints of datasets, and what steps of flows call; nil is the network.
	Receivers http.RoundTripper
	// Discover is what entries of RetryJoin that are no addresses are looked up with. Its clock is Clock.
	Discover discover.Deps
	// FS is where the data directory lies; nil is the disk.
	FS vfs.FS
	// DiskUsage reads how full the disk of the data directory is; nil asks FS.
	DiskUsage func() (vfs.DiskUsage, error)
	// Network replaces TCP, and Gossip the sockets of gossip.
	Network Network
	Gossip  memberlist.Transport
	// End ends the process when a fault says so: at once for inject.Crash, as when it is asked to for inject.Stop. When nil, those
	// two faults are refused.
	End func(inject.Kind)
	// Fatal is called once when the disk failed or came back wrong, on the goroutine that found out. In production it ends
	// the process with ExitStatus(err) and does not return: nothing may be acknowledged after it. When nil, the node stops and
	// Run returns the error.
	Fatal func(error)
	// Tracer makes spans of proposals; nil makes none.
	Tracer trace.Tracer
}

// Node is one member of the cluster. Make it with New, run it with Run; every other method may be called at any time from any
// goroutine, and answers ErrNotReady until the node is far enough.
type Node struct {
	// Immutable after New.
	cfg      Config
	deps     Deps
	log      *slog.Logger
	fs       vfs.FS
	net      Network
	files    *access.Files    // nil without TLS
	proofKey *access.ProofKey // nil for reports that nobody signs
	hurts    *inject.Set      // faults on purpose; nil where the environment forbids them
	boot     [16]byte         // of this process
	died     chan struct{}    // closed when Run must end

	// Set by Run, before opened is closed, and never changed after.
	opened   chan struct{}
	id       string
	identity storage.Identity
	instance [16]byte
	ring     *member.Ring // of keys of gossip; nil without encryption
	gossip   *member.Gossip
	mux      *mux
	pool     *wire.Pool
	stores   *stores

	// Closed once the book had what the leader's had when it let this node in.
	current    chan struct{}
	nowCurrent sync.Once

	// Set by Run, before started is closed, and never changed after.
	started chan struct{}
	raft    *raft.Raft
	metrics *metrics

	contacts *contacts
	pace     pace
	lines    lines
	leaders  leaders
	state    atomic.Pointer[lifecycle]

	mu       sync.Mutex
	mark     mark
	failure  error // why the node must end
	left     bool
	promised bool     // may not make another plan
	leading  *leading // nil unless this node leads and its book is current

	seenMu sync.Mutex
	seen   fsm.Assignment // the last one that Assignment returned

	vitals *vitals.Table // clocks and disks of all nodes

	asked atomic.Uint64                // requests for parts of budgets so far
	paces atomic.Pointer[[]share.Pace] // of jobs on this node

	applies sync.WaitGroup
	handed  handed
	slots   chan struct{} // bounds proposals in flight

	restores sync.Mutex // one restore at a time
	rings    sync.Mutex // one change of keys at a time
}

// Phase is how far a node has come.
type Phase string

// The phases, in order. Waiting is for a node that must be let in again before it may take part.
const (
	PhaseOpening Phase = "opening"
	PhaseMeeting Phase = "meeting others"
	PhaseWaiting Phase = "waiting to be let in again"
	PhaseJoining Phase = "joining"
	PhaseServing Phase = "serving"
	PhaseStopped Phase = "stopped"
)

type lifecycle struct {
	Phase  Phase
	Reason string
	// SetAside is where damaged data was put at this start, "" if it was not damaged.
	SetAside string
}

// New checks cfg and the TLS files and starts nothing.
func New(cfg Config, deps Deps) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Logger == nil || deps.Clock == nil {
		return nil, errors.New("cluster node: Logger and Clock are required")
	}
	n := &Node{
		cfg: cfg, deps: deps, log: deps.Logger.With("node", cfg.Name), fs: deps.FS, net: deps.Network,
		died: make(chan struct{}), opened: make(chan struct{}), started: make(chan struct{}), current: make(chan struct{}),
		contacts: newContacts(deps.Clock), slots: make(chan struct{}, maxProposals),
		metrics: newMetrics(), vitals: vitals.NewTable(),
	}
	if n.fs == nil {
		n.fs = vfs.Default
	}
	if n.net == nil {
		n.net = newTCP()
	}
	if cfg.Environment.Expendable() {
		n.hurts = inject.New(deps.Clock, n.log)
		n.fs, n.net = n.hurts.FS(n.fs), inject.Network{Base: n.net, Set: n.hurts}
	}
	if _, err := rand.Read(n.boot[:]); err != nil {
		return nil, fmt.Errorf("draw a boot number: %w", err)
	}
	n.state.Store(&lifecycle{Phase: PhaseOpening, Reason: "reading the data directory"})
	if cfg.TLS.set() {
		files, err := access.Open(cfg.TLS.CA, cfg.TLS.Cert, cfg.TLS.Key, deps.Clock, n.log)
		if err != nil {
			return nil, &Error{Code: CodeTLS, Object: "tls", Kind: ErrConfig, Cause: err, Hint: "backstitch cluster cert DIR NODE"}
		}
		if err := files.Subject().Allow(files.Subject().Cluster, cfg.Name, access.Node); err != nil {
			return nil, &Error{Code: CodeTLS, Object: cfg.TLS.Cert, Kind: ErrConfig, Cause: err,
				Hint: "a node's certificate carries its name: backstitch cluster cert DIR " + cfg.Name}
		}
		n.files = files
	}
	if cfg.GossipKeyFile != "" {
		if _, err := member.ReadKeys(cfg.GossipKeyFile); err != nil {
			return nil, &Error{Code: CodeGossip, Object: cfg.GossipKeyFile, Kind: ErrConfig, Cause: err, Hint: "backstitch cluster ca DIR"}
		}
	}
	if cfg.ProofKeyFile != "" {
		key, err := access.LoadProofKey(cfg.ProofKeyFile)
		if err != nil {
			return nil, &Error{Code: CodeProofKey, Object: cfg.ProofKeyFile, Kind: ErrConfig, Cause: err, Hint: "backstitch cluster proof-key create FILE"}
		}
		n.proofKey = key
	}
	if deps.Registerer != nil {
		if err := n.metrics.register(deps.Registerer, n); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// ID is the node's id, "" before the data directory is open.
func (n *Node) ID() partition.NodeID {
	if !closed(n.opened) {
		return ""
	}
	return partition.NodeID(n.id)
}

// Name is the configured name.
func (n *Node) Name() string { return n.cfg.Name }

// ClusterID is the id of the cluster, made once at bootstrap; "" while the node belongs to none.
func (n *Node) ClusterID() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mark.Cluster
}

// TLS is what the node's certificate files hold now, nil without TLS. The HTTP API is served with the same.
func (n *Node) TLS() *access.Files { return n.files }

// ProofKey is what this node signs reports with, nil when it has none.
func (n *Node) ProofKey() *access.ProofKey { return n.proofKey }

// View is this node's own replica as of now. The caller closes it. It errs with ErrNotReady until the book is open.
func (n *Node) View() (*fsm.View, error) {
	if !n.readable() {
		return nil, n.notReady()
	}
	v := n.stores.machine.View()
	if errors.Is(v.Err(), fsm.ErrClosed) {
		return nil, errors.Join(n.notReady(), v.Close())
	}
	return v, nil
}

// Wait blocks until an index above after is applied here, and returns the applied index. It also returns when ctx ends.
func (n *Node) Wait(ctx context.Context, after uint64) (uint64, error) {
	if !n.readable() {
		return 0, n.notReady()
	}
	return n.stores.machine.Wait(ctx, after)
}

// Left reports whether the node ended because it left the cluster.
func (n *Node) Left() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.left
}

// readable reports whether the stores are open.
func (n *Node) readable() bool {
	return closed(n.opened) && n.state.Load().Phase != PhaseStopped
}

func (n *Node) phase(p Phase, reason string) {
	next := lifecycle{Phase: p, Reason: reason, SetAside: n.state.Load().SetAside}
	n.state.Store(&next)
	n.log.Info("node is "+string(p), "reason", reason)
}

func (n *Node) notReady() error {
	s := n.state.Load()
	return fmt.Errorf("%w: %s (%s)", ErrNotReady, s.Phase, s.Reason)
}

// die ends the node with err; only the first call counts.
func (n *Node) die(err error) {
	n.mu.Lock()
	first := n.failure == nil && !closed(n.died)
	if first {
		n.failure = err
		close(n.died)
	}
	n.mu.Unlock()
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// who introduces this node.
func (n *Node) who() wire.Who {
	return wire.Who{Cluster: n.ClusterID(), ID: n.id, Name: n.cfg.Name, Instance: n.instance, Boot: n.boot}
}

var (
	_ leader.Proposer = (*Node)(nil)
	_ io.Closer       = (*stores)(nil)
)
