package wire

import (
	"fmt"

	"backstitch/partition/share"
)

// Messages about parts of budgets. They are of cluster version 6: nobody sends them before every node knows them.

const (
	TypeRenewShares Type = 11
	TypeShares      Type = 12

	TypeRenewSharesReply Type = 0x8b
	TypeSharesReply      Type = 0x8c
)

// RenewShares is a Renew that also asks for parts of budgets.
type RenewShares struct {
	Renew Renew
	Seq   uint64 // rises with each one of a process
	Wants []share.Want
}

// RenewSharesReply answers it. A scope that is not granted has no budget as of Index of the book, or was asked about by a later request.
type RenewSharesReply struct {
	Result ResultReply
	Index  uint64
	Grants []share.Grant
}

// SharesRequest asks the leader who has which part of which budget.
type SharesRequest struct{ From Who }

// SharesReply answers it.
type SharesReply struct{ Holdings []Holding }

// Holding is what one node said of one scope when it last asked.
type Holding struct {
	Node string
	Want share.Want
}

func (m *RenewShares) Type() Type      { return TypeRenewShares }
func (m *RenewSharesReply) Type() Type { return TypeRenewSharesReply }
func (m *SharesRequest) Type() Type    { return TypeShares }
func (m *SharesReply) Type() Type      { return TypeSharesReply }

// wantBytes is the least that a Want takes.
const wantBytes = 4 + 2*3*8 + 4

func (w *writer) share(s share.Share) {
	for _, n := range s {
		w.u64(uint64(n))
	}
}

func (r *reader) share() (s share.Share) {
	for i := range s {
		if s[i] = int64(r.u64()); s[i] < 0 && r.err == nil {
			r.err = fmt.Errorf("%w: a share below zero", ErrFrame)
		}
	}
	return s
}

func (w *writer) want(x share.Want) {
	w.text(x.Scope)
	w.share(x.Has)
	w.share(x.Wants)
	w.u32(x.Lanes)
}

func (r *reader) want() share.Want {
	return share.Want{Scope: r.text(), Has: r.share(), Wants: r.share(), Lanes: r.u32()}
}

func (m *RenewShares) encode(w *writer) {
	m.Renew.encode(w)
	w.u64(m.Seq)
	w.u32(uint32(len(m.Wants)))
	for _, x := range m.Wants {
		w.want(x)
	}
}

func (m *RenewShares) decode(r *reader) {
	m.Renew.decode(r)
	m.Seq = r.u64()
	for range r.count(wantBytes) {
		m.Wants = append(m.Wants, r.want())
	}
}

func (m *RenewSharesReply) encode(w *writer) {
	m.Result.encode(w)
	w.u64(m.Index)
	w.u32(uint32(len(m.Grants)))
	for _, g := range m.Grants {
		w.text(g.Scope)
		w.share(g.Share)
	}
}

func (m *RenewSharesReply) decode(r *reader) {
	m.Result.decode(r)
	m.Index = r.u64()
	for range r.count(4 + 3*8) {
		m.Grants = append(m.Grants, share.Grant{Scope: r.text(), Share: r.share()})
	}
}

func (m *SharesRequest) encode(w *writer) { m.From.encode(w) }
func (m *SharesRequest) decode(r *reader) { m.From.decode(r) }

func (m *SharesReply) encode(w *writer) {
	w.u32(uint32(len(m.Holdings)))
	for _, h := range m.Holdings {
		w.text(h.Node)
		w.want(h.Want)
	}
}

func (m *SharesReply) decode(r *reader) {
	for range r.count(4 + wantBytes) {
		m.Holdings = append(m.Holdings, Holding{Node: r.text(), Want: r.want()})
	}
}
