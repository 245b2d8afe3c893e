package wire

import "backstitch/partition/share"

// Messages about what holds jobs back beside budgets. They are of cluster version 7: nobody sends them before every node knows them.

const (
	TypeRenewPaced Type = 13
	TypePaces      Type = 14

	TypePacesReply Type = 0x8d
)

// RenewPaced is a RenewShares that also tells the paces of jobs on its node. It is answered with a RenewSharesReply.
type RenewPaced struct {
	Shares RenewShares
	Paces  []share.Pace
}

// PacesRequest asks the leader for the paces that nodes have told it.
type PacesRequest struct{ From Who }

// PacesReply answers it.
type PacesReply struct{ Paces []NodePace }

// NodePace is the pace of one job on one node.
type NodePace struct {
	Node string
	Pace share.Pace
}

func (m *RenewPaced) Type() Type   { return TypeRenewPaced }
func (m *PacesRequest) Type() Type { return TypePaces }
func (m *PacesReply) Type() Type   { return TypePacesReply }

// paceBytes is the least that a Pace takes.
const paceBytes = 3*4 + 2*8 + 2

func (w *writer) pace(p share.Pace) {
	w.text(p.Job)
	w.u64(uint64(p.Rate))
	w.u64(uint64(p.Floor))
	w.flag(p.Binds)
	w.flag(p.Hurts)
	w.text(p.Kind)
	w.text(p.Why)
}

func (r *reader) pace() share.Pace {
	return share.Pace{
		Job: r.text(), Rate: int64(r.u64()), Floor: int64(r.u64()), Binds: r.flag(), Hurts: r.flag(), Kind: r.text(), Why: r.text(),
	}
}

func (m *RenewPaced) encode(w *writer) {
	m.Shares.encode(w)
	w.u32(uint32(len(m.Paces)))
	for _, p := range m.Paces {
		w.pace(p)
	}
}

func (m *RenewPaced) decode(r *reader) {
	m.Shares.decode(r)
	for range r.count(paceBytes) {
		m.Paces = append(m.Paces, r.pace())
	}
}

func (m *PacesRequest) encode(w *writer) { m.From.encode(w) }
func (m *PacesRequest) decode(r *reader) { m.From.decode(r) }

func (m *PacesReply) encode(w *writer) {
	w.u32(uint32(len(m.Paces)))
	for _, p := range m.Paces {
		w.text(p.Node)
		w.pace(p.Pace)
	}
}

func (m *PacesReply) decode(r *reader) {
	for range r.count(4 + paceBytes) {
		m.Paces = append(m.Paces, NodePace{Node: r.text(), Pace: r.pace()})
	}
}
