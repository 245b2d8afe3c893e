package client

import "time"

// Cluster is GET /v1/cluster, as the answering node sees it.
type Cluster struct {
	ID               string   `json:"id" doc:"made once, at bootstrap"`
	Node             NodeRef  `json:"node" doc:"the node that answered"`
	Healthy          bool     `json:"healthy"`
	Reasons          []string `json:"reasons,omitempty" doc:"why it is not healthy"`
	FailureTolerance int      `json:"failureTolerance" doc:"voters that may fail now"`
	Voters           int      `json:"voters"`
	Quorum           int      `json:"quorum"`
	Leader           *NodeRef `json:"leader,omitempty"`
	Term             uint64   `json:"term"`
	LastIndex        uint64   `json:"lastIndex"`
	CommitIndex      uint64   `json:"commitIndex"`
	AppliedIndex     uint64   `json:"appliedIndex"`
	Level            uint32   `json:"level" doc:"activated cluster version"`
	Versions         []string `json:"versions" doc:"program versions of the members"`
	Digest           string   `json:"digest,omitempty" doc:"of the book at appliedIndex"`
	Leaders          []Led    `json:"leaders,omitempty" doc:"who led since the answering node was started, as it has seen it, oldest first; at most 16"`
	Environment      string   `json:"environment" enum:"production,staging,dev" doc:"of the node that answered"`
	Clock            *Clock   `json:"clock,omitempty" doc:"how far clocks are apart, as the answering node has measured it; absent while it has measured none"`
	Disks            []Disk   `json:"disks" doc:"by name, as each node has told the answering one last; a node that never did is not among them"`
}

// Disk is where one node keeps its data. Bytes is its size as far as the node may use it; 0 when that is not known.
type Disk struct {
	Node  string `json:"node"`
	Bytes uint64 `json:"bytes"`
	Used  uint64 `json:"usedBytes" doc:"by everybody, not by the node alone"`
	Level string `json:"level" enum:"unknown,room,soft,hard" doc:"soft: takes no new work; hard: gives its work to others"`
}

// Clock says how far the two clocks are apart that are farthest from each other. Compared other clocks are known.
type Clock struct {
	SkewMs   int64  `json:"skewMs"`
	WithinMs int64  `json:"withinMs" doc:"the skew is at most so much more or less"`
	Node     string `json:"node" doc:"whose clock is farthest from most others; of two nodes the one that did not answer"`
	Compared int    `json:"compared" doc:"clocks of other nodes that are known"`
	LimitMs  int64  `json:"limitMs"`
	Apart    bool   `json:"apart" doc:"for certain by more than the limit"`
}

// Led is a term in which somebody led, or nobody did.
type Led struct {
	Leader *NodeRef  `json:"leader,omitempty" doc:"absent while nobody led"`
	Term   uint64    `json:"term"`
	Since  time.Time `json:"since"`
}

// NodeRef names a node.
type NodeRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	API  string `json:"api,omitempty" doc:"host:port of its HTTP API"`
}

// Member is a node that the cluster knows.
type Member struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Role        string `json:"role" enum:"voter,worker"`
	State       string `json:"state" enum:"active,draining,left"`
	Alive       bool   `json:"alive" doc:"rumour, never a fact"`
	Leader      bool   `json:"leader"`
	Zone        string `json:"zone,omitempty"`
	Weight      uint32 `json:"weight"`
	Leases      int    `json:"leases" doc:"slices that it owns"`
	APIAddr     string `json:"apiAddr"`
	RPCAddr     string `json:"rpcAddr"`
	GossipAddr  string `json:"gossipAddr"`
	Version     string `json:"version"`
	MaxOp       uint16 `json:"maxOp"`
	Why         string `json:"why,omitempty"`
	ModifyIndex uint64 `json:"modifyIndex"`
}

// Members is GET /v1/members, by name.
type Members struct {
	Members []Member `json:"members"`
}

// Peer is one entry of the Raft configuration.
type Peer struct {
	ID            string  `json:"id"`
	Name          string  `json:"name"`
	Address       string  `json:"address"`
	State         string  `json:"state" enum:"leader,follower,learner"`
	Voter         bool    `json:"voter"`
	Healthy       bool    `json:"healthy"`
	LastContactMs *int64  `json:"lastContactMs,omitempty" doc:"milliseconds; absent for the leader and when it is not known"`
	Applied       uint64  `json:"applied"`
	Lag           *uint64 `json:"lag,omitempty" doc:"entries behind the leader; absent when it is not known"`
	Reason        string  `json:"reason,omitempty" doc:"why it is not healthy"`

	GoneSince  *time.Time `json:"goneSince,omitempty" doc:"since when it is lost, as gossip says on the answering node"`
	PlaceUntil *time.Time `json:"placeUntil,omitempty" doc:"when a voter that stays lost loses its place at the earliest; it keeps it when too few others would remain"`
}

// Peers is GET /v1/raft/peers, by name.
type Peers struct {
	Peers []Peer `json:"peers"`
}

// Join is the body of POST /v1/cluster/join: gossip addresses of nodes to meet.
type Join struct {
	Addresses []string `json:"addresses" minItems:"1"`
}

// Joined answers Join.
type Joined struct {
	Contacted int `json:"contacted"`
}

// Leave is the body of POST /v1/cluster/leave: the answering node drains, leaves the Raft group and ends.
type Leave struct {
	Reason string `json:"reason,omitempty" maxLength:"1024"`
}

// Transfer is the body of POST /v1/cluster/leader/transfer; To is a node's id or name, "" lets the leader choose.
type Transfer struct {
	To string `json:"to,omitempty"`
}

// Transferred answers Transfer.
type Transferred struct {
	From   NodeRef `json:"from"`
	To     NodeRef `json:"to"`
	Term   uint64  `json:"term"`
	Millis int64   `json:"millis"`
}

// Restored answers POST /v1/snapshot.
type Restored struct {
	Index uint64 `json:"index"`
	Jobs  int    `json:"jobs"`
}

// Done answers a request that has nothing else to say.
type Done struct {
	Index uint64 `json:"index,omitempty"`
}

// Health is the body of /healthz/*; the HTTP status is 200 or 503.
type Health struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Check is one reason for or against health.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

// Blocking makes a read wait until something newer than Index is applied, at most for Wait.
type Blocking struct {
	Index uint64
	Wait  time.Duration
}
