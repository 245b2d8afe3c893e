package cluster

import (
	"context"
	"math"
	"sync"
	"time"

	"backstitch/cluster/vitals"
	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/partition"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// This file looks at clocks and disks. Every node asks every other one over the channel that is there for requests, whoever leads: the next leader has
// to know which disks are full in its first turn. The trap in it: what is wrong with a clock or a disk stays so for hours, so it is said when it
// changes and not with every look.

const (
	vitalsEvery   = 2 * time.Second
	vitalsTimeout = 2 * time.Second
)

// keepVitals looks until ctx ends.
func (n *Node) keepVitals(ctx context.Context) error {
	tick := time.NewTicker(vitalsEvery)
	defer tick.Stop()
	said := said{node: n}
	for {
		n.lookAtDisk(&said)
		n.askVitals(ctx)
		if ctx.Err() == nil {
			said.clocks(vitals.Judge(partition.NodeID(n.id), n.vitals.Offsets()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// said is what the log has been told already. It belongs to keepVitals.
type said struct {
	node *Node
	skew bool
	disk vitals.Level
	read bool // that the disk can not be read
}

// clocks says once that clocks are apart, and once that they are not any more: at half of the limit.
func (s *said) clocks(k vitals.Skew) {
	log := s.node.log.With("peer", s.node.nameOf(k.Node), "skew", k.Max.Round(time.Millisecond).String(), "within", k.Within.Round(time.Microsecond).String())
	switch {
	case !s.skew && k.Loud():
		s.skew = true
		log.Warn("clocks are apart: times in the audit trail, hours, deadlines and the ends of tokens are off by that", "limit", vitals.Limit)
	case s.skew && k.Compared > 0 && k.Max+k.Within < vitals.Limit/2:
		s.skew = false
		log.Info("clocks agree again")
	}
}

func (s *said) full(d vitals.Disk) {
	if d.Level == s.disk {
		return
	}
	log := s.node.log.With("disk", d.String(), "soft", s.node.cfg.Disk.Soft, "hard", s.node.cfg.Disk.Hard)
	switch was := s.disk; {
	case d.Level == vitals.Hard:
		log.Error("the disk of the data directory is past the hard mark: this node gives its work to others and keeps what is left for Raft")
	case d.Level == vitals.Soft:
		log.Warn("the disk of the data directory is past the soft mark: this node takes no new work")
	case was != vitals.Unknown:
		log.Info("the disk of the data directory has room again: this node takes work")
	}
	s.disk = d.Level
}

// lookAtDisk reads how full this node's disk is.
func (n *Node) lookAtDisk(said *said) {
	read := n.deps.DiskUsage
	if read == nil {
		read = func() (vfs.DiskUsage, error) { return n.fs.GetDiskUsage(n.cfg.DataDir) }
	}
	u, err := read()
	if err != nil || u.UsedBytes+u.AvailBytes == 0 {
		// The level stays what it was: a disk that can not be read has not become empty.
		if !said.read {
			said.read = true
			n.log.Warn("how full the disk of the data directory is can not be read", "err", err)
		}
		return
	}
	said.read = false
	d := vitals.Disk{Used: u.UsedBytes, Bytes: u.UsedBytes + u.AvailBytes}
	d.Level = n.cfg.Disk.Next(n.vitals.Own().Level, d)
	n.vitals.Read(d)
	said.full(d)
}

// vitalsHere answers another node.
func (n *Node) vitalsHere() *wire.VitalsReply {
	d := n.vitals.Own()
	return &wire.VitalsReply{WallUnixNanos: n.deps.Clock().UnixNano(), DiskUsed: d.Used, DiskBytes: d.Bytes, DiskLevel: uint8(d.Level)}
}

// askVitals asks everybody at the same time.
func (n *Node) askVitals(ctx context.Context) {
	members, err := n.bookMembers()
	if err != nil {
		return // the leader's loop, or the next proposal, reports it
	}
	needs := uint16(math.MaxUint16)
	if vitalsSince <= fsm.LatestVersion {
		needs = fsm.VersionNeeds(vitalsSince)
	}
	var ids []partition.NodeID
	var round sync.WaitGroup
	for _, m := range members {
		if string(m.ID) == n.id || m.State == fsm.MemberLeft {
			continue
		}
		ids = append(ids, m.ID)
		if m.MaxOp >= needs { // an older program would not know the question, and close the connection
			round.Go(func() { n.askVitalsOf(ctx, m.ID) })
		}
	}
	round.Wait()
	n.vitals.Keep(ids)
}

// vitalsSince is the cluster version whose programs know the question.
const vitalsSince uint32 = 8

func (n *Node) askVitalsOf(ctx context.Context, id partition.NodeID) {
	ctx, cancel := context.WithTimeout(ctx, vitalsTimeout)
	defer cancel()
	addr, _, err := n.resolve(string(id))
	if err != nil {
		n.vitals.Silent(id)
		return
	}
	sent := n.deps.Clock()
	answer, err := n.pool.Call(ctx, string(id), addr, &wire.Vitals{From: n.who()}, nil, true)
	got := n.deps.Clock()
	r, ok := answer.(*wire.VitalsReply)
	if err != nil || !ok {
		n.vitals.Silent(id)
		return
	}
	var offset *vitals.Offset
	if o, ok := vitals.Measure(sent, got, time.Unix(0, r.WallUnixNanos)); ok {
		offset = &o
	}
	n.vitals.Heard(id, offset, vitals.Disk{Used: r.DiskUsed, Bytes: r.DiskBytes, Level: vitals.Level(r.DiskLevel)})
}

// nameOf is what people call a member, its id when the book does not know it.
func (n *Node) nameOf(id partition.NodeID) string {
	if m, ok, err := n.bookMember(id); err == nil && ok {
		return m.Name
	}
	return string(id)
}
