package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"backstitch/cluster/discover"
	"backstitch/cluster/leader"
	"backstitch/cluster/member"
	"backstitch/cluster/vitals"
	"backstitch/fsm"

	"github.com/hashicorp/raft"
)

// Config says who a node is and where it listens. The zero value is not usable; start from DefaultConfig.
type Config struct {
	Name    string // what people call the node; unique in the cluster and fixed for the life of the data directory
	DataDir string
	Zone    string // failure zone, "" for none
	Weight  uint32 // capacity: lanes that it works on at the same time; 0 takes no work
	Role    fsm.MemberRole
	Version string // of the program, for people

	// NodeID is used when the data directory is made; "" makes a random one. Afterwards it must be "" or the same.
	NodeID string

	BindAddr            string // host:port of Raft and RPC
	AdvertiseAddr       string // as others reach it; "" is BindAddr
	GossipBindAddr      string // host:port, TCP and UDP
	GossipAdvertiseAddr string // as others reach it; "" is GossipBindAddr
	APIAddr             string // host:port of the HTTP API as others reach it; only told to them

	// BootstrapExpect is how many voters make a new cluster together. 0 never makes one, only joins.
	BootstrapExpect int
	// RetryJoin is whom to meet, tried until one answers: gossip addresses, or ways to find them (discover.Parse).
	RetryJoin []string

	TLS           TLSFiles // all three or none
	GossipKeyFile string   // "" for unencrypted gossip
	ProofKeyFile  string   // "" for reports that nobody signs

	Notify Notify // how endpoints of datasets are told

	Raft      RaftTimings
	Autopilot Autopilot
	Gossip    member.Timings
	Leader    leader.Limits

	Disk vitals.Marks // from which on a full disk changes what the node does

	// Environment says what may be done to the node: only in staging and dev does it let itself be hurt. "" is production.
	Environment Environment

	// ApplyLagLimit is how many entries a node may be behind and still be ready.
	ApplyLagLimit uint64
	// ProposeTimeout bounds one proposal when the caller's context has no earlier end.
	ProposeTimeout time.Duration
	// SnapshotsKept is how many Raft snapshots stay on disk.
	SnapshotsKept int
}

// Notify says where this node finds tokens for endpoints, and whom it may tell, when it leads.
type Notify struct {
	SecretDir string         // directory of the files that tokens come from, "" for none
	Runbooks  string         // URL under which the pages of deploy/runbooks are served, "" where they are not
	Allow     []netip.Prefix // addresses that may be told although they look like metadata services
}

// Environment is what a cluster is there for.
type Environment string

// Environments.
const (
	Production Environment = "production"
	Staging    Environment = "staging"
	Dev        Environment = "dev"
)

// Expendable says whether faults may be injected on purpose.
func (e Environment) Expendable() bool { return e == Staging || e == Dev }

// TLSFiles name PEM files. They are read again when they change.
type TLSFiles struct{ CA, Cert, Key string }

func (f TLSFiles) set() bool { return f.CA != "" || f.Cert != "" || f.Key != "" }

// RaftTimings are Raft's tunables.
type RaftTimings struct {
	Heartbeat time.Duration // without word from a leader for so long, a follower asks for votes
	Election  time.Duration
	Lease     time.Duration // a leader without a quorum steps down after so long
	// Commit is how long replication may wait for more. The library's 50 ms cap a burst at 1,000 entries per second.
	Commit           time.Duration
	MaxAppend        int
	SnapshotInterval time.Duration
	SnapshotEntries  uint64 // entries after which a snapshot is taken
	Trailing         uint64 // entries kept behind a snapshot for slow followers
	Transport        time.Duration
}

// Autopilot says when a voter-role node gets and loses its vote.
type Autopilot struct {
	Stable    time.Duration // a learner must have been healthy for so long before it may vote
	Contact   time.Duration // silence after which a node is unhealthy
	MaxTrail  uint64        // entries behind which a node is unhealthy
	Update    time.Duration // between two looks at the servers
	Reconcile time.Duration // between two promotions or clean-ups
	// DeadAfter is how long a voter must have been gone before its place is given up, if enough others remain. A node that
	// returns later joins by itself.
	DeadAfter time.Duration
	// MinQuorum is the number of voters below which nobody is cleaned up; 0 is BootstrapExpect/2+1.
	MinQuorum int
}

// DefaultConfig is a single voter on loopback. Name and DataDir have no default.
//
// The Raft timings move leadership in about a second on two shared cores; shorter ones gave false elections there.
func DefaultConfig() Config {
	return Config{
		Weight: 4, Role: fsm.RoleVoter, Version: "devel",
		BindAddr: "127.0.0.1:7421", GossipBindAddr: "127.0.0.1:7422", APIAddr: "127.0.0.1:7420",
		BootstrapExpect: 1,
		Raft: RaftTimings{
			Heartbeat: 500 * time.Millisecond, Election: 500 * time.Millisecond, Lease: 250 * time.Millisecond,
			Commit: 5 * time.Millisecond, MaxAppend: 1024,
			SnapshotInterval: 30 * time.Second, SnapshotEntries: 8192, Trailing: 10240, Transport: 5 * time.Second,
		},
		Autopilot: Autopilot{
			Stable: 5 * time.Second, Contact: time.Second, MaxTrail: 1000,
			Update: time.Second, Reconcile: 2 * time.Second, DeadAfter: 10 * time.Minute,
		},
		Gossip:        member.DefaultTimings(),
		Leader:        leader.DefaultLimits(),
		Disk:          vitals.DefaultMarks(),
		ApplyLagLimit: 10000, ProposeTimeout: 10 * time.Second, SnapshotsKept: 2,
	}
}

// Validate refuses half a configuration. Each error is an *Error that says what to type.
func (c Config) Validate() error {
	refuse := func(object, why, hint string) error {
		return &Error{Code: CodeConfig, Object: object, Kind: ErrConfig, Cause: fmt.Errorf("%s", why), Hint: hint}
	}
	switch {
	case c.Name == "":
		return refuse("node name", "is empty", "--name NAME, unique in the cluster")
	case len(c.Name) > maxNameLen || strings.ContainsAny(c.Name, "/\\ \t\r\n\x00"):
		return refuse(fmt.Sprintf("node name %q", c.Name), fmt.Sprintf("want at most %d characters without blanks and slashes", maxNameLen), "--name NAME")
	case c.DataDir == "":
		return refuse("data directory", "is not set", "--data-dir DIR")
	case c.Role != fsm.RoleVoter && c.Role != fsm.RoleWorker:
		return refuse("role", "is neither voter nor worker", "--role voter   or   --role worker")
	case c.Environment != "" && c.Environment != Production && !c.Environment.Expendable():
		return refuse(fmt.Sprintf("environment %q", c.Environment), "is not known", "production, staging or dev")
	case len(c.Zone) > maxZoneLen:
		return refuse("zone", fmt.Sprintf("is longer than %d characters", maxZoneLen), "--zone ZONE")
	case c.BootstrapExpect < 0:
		return refuse("bootstrap expect", "is negative", "--bootstrap-expect 1, 3 or 5; 0 to join a cluster")
	case c.BootstrapExpect > 1 && c.BootstrapExpect%2 == 0:
		return refuse("bootstrap expect", fmt.Sprintf("is %d: an even number of voters survives no more losses than one less", c.BootstrapExpect),
			fmt.Sprintf("--bootstrap-expect %d", c.BootstrapExpect+1))
	case c.BootstrapExpect > 0 && c.Role == fsm.RoleWorker:
		return refuse("bootstrap expect", "a worker does not make a cluster, it joins one", "--bootstrap-expect 0 --retry-join HOST:7422")
	case c.BootstrapExpect == 1 && len(c.RetryJoin) > 0:
		// Alone and together at once: every such node would make a cluster of its own.
		return refuse("bootstrap expect", "is 1, and retry join names other nodes",
			"--bootstrap-expect 0 to join them, or the number of voters that make a cluster together (3 or 5)")
	case c.BootstrapExpect != 1 && len(c.RetryJoin) == 0:
		return refuse("retry join", "is empty, so this node would never meet another one", "--retry-join HOST:7422   (gossip address of any other node)")
	case badEntry(c.RetryJoin) != nil:
		bad := badEntry(c.RetryJoin)
		return refuse(fmt.Sprintf("retry join %q", bad.Entry), bad.Why, "--retry-join '"+bad.Next+"'")
	case c.ProposeTimeout <= 0 || c.SnapshotsKept < 1:
		return refuse("propose timeout and snapshots kept", "want more than 0", "leave them out for the defaults")
	}
	if err := c.validateAddresses(refuse); err != nil {
		return err
	}
	if err := c.Leader.Validate(); err != nil {
		return refuse("leader limits", err.Error(), "leave them out for the defaults")
	}
	if err := c.Disk.Validate(); err != nil {
		return refuse("disk marks", err.Error(), "leave them out for the defaults")
	}
	if err := raft.ValidateConfig(c.raftConfig("check")); err != nil {
		return refuse("raft timings", err.Error(), "leave them out for the defaults")
	}
	return nil
}

// badEntry is what is wrong with the first entry of retry join that can never work; nil when all may.
func badEntry(entries []string) *discover.BadEntry {
	for _, text := range entries {
		var bad *discover.BadEntry
		if _, err := discover.Parse(text); errors.As(err, &bad) {
			return bad
		}
	}
	return nil
}

func (c Config) validateAddresses(refuse func(object, why, hint string) error) error {
	const make2 = "backstitch cluster ca DIR     then: backstitch cluster cert DIR NODE"
	t := c.TLS
	if t.set() && (t.CA == "" || t.Cert == "" || t.Key == "") {
		return refuse("tls", "has only some of ca, cert and key", "give all three; to make them: "+make2)
	}
	for _, a := range []struct {
		name, addr string
		bind       bool
	}{
		{"rpc address", c.BindAddr, true}, {"gossip address", c.GossipBindAddr, true},
		{"advertised rpc address", c.advertise(), false}, {"advertised gossip address", c.gossipAdvertise(), false},
	} {
		host, port, err := net.SplitHostPort(a.addr)
		if err != nil || port == "" {
			return refuse(fmt.Sprintf("%s %q", a.name, a.addr), "want host:port", "e.g. 127.0.0.1:7421")
		}
		ip := net.ParseIP(host)
		if !a.bind && (host == "" || (ip != nil && ip.IsUnspecified())) {
			return refuse(fmt.Sprintf("%s %q", a.name, a.addr), "nobody can dial that", "--advertise-rpc HOST:7421 --advertise-gossip HOST:7422")
		}
		if !a.bind || host == "localhost" || (ip != nil && ip.IsLoopback()) {
			continue
		}
		if !t.set() {
			return refuse(fmt.Sprintf("%s %s", a.name, a.addr), "can be reached from elsewhere, and tls is not set", make2)
		}
		if c.GossipKeyFile == "" {
			return refuse(fmt.Sprintf("%s %s", a.name, a.addr), "can be reached from elsewhere, and there is no gossip key",
				"backstitch cluster ca DIR     makes one; then: --gossip-key-file DIR/gossip.key")
		}
	}
	return nil
}

const (
	maxNameLen = 63
	maxZoneLen = 63
)

func (c Config) advertise() string {
	if c.AdvertiseAddr != "" {
		return c.AdvertiseAddr
	}
	return c.BindAddr
}

func (c Config) gossipAdvertise() string {
	if c.GossipAdvertiseAddr != "" {
		return c.GossipAdvertiseAddr
	}
	return c.GossipBindAddr
}

func (c Config) minQuorum() uint {
	if c.Autopilot.MinQuorum > 0 {
		return uint(c.Autopilot.MinQuorum)
	}
	return uint(c.BootstrapExpect/2 + 1)
}

// raftConfig is the library's configuration for node id, without a logger.
func (c Config) raftConfig(id string) *raft.Config {
	out := raft.DefaultConfig()
	out.LocalID = raft.ServerID(id)
	out.HeartbeatTimeout, out.ElectionTimeout, out.LeaderLeaseTimeout = c.Raft.Heartbeat, c.Raft.Election, c.Raft.Lease
	out.CommitTimeout, out.MaxAppendEntries, out.BatchApplyCh = c.Raft.Commit, c.Raft.MaxAppend, true
	out.SnapshotInterval, out.SnapshotThreshold, out.TrailingLogs = c.Raft.SnapshotInterval, c.Raft.SnapshotEntries, c.Raft.Trailing
	// A node that was removed goes on as a silent follower until it is told to join again; its port, book and health stay.
	out.ShutdownOnRemove = false
	out.NoLegacyTelemetry = true
	return out
}
