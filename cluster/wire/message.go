package wire

import (
	"errors"
	"fmt"

	"backstitch/fsm"
	"backstitch/partition"
)

// Type is the second field of a frame. The numbers cross the wire between program versions; never reuse one.
type Type uint8

const (
	TypeHello    Type = 1
	TypePromise  Type = 2
	TypeJoin     Type = 3
	TypeReadmit  Type = 4
	TypePropose  Type = 5
	TypeRenew    Type = 6
	TypeStatus   Type = 7
	TypeTransfer Type = 8
	TypeRemove   Type = 9
	TypeRestore  Type = 10

	TypeHelloReply  Type = 0x81
	TypeDone        Type = 0x82
	TypeResultReply Type = 0x85
	TypeStatusReply Type = 0x87
	TypeFailure     Type = 0xff
)

// ErrType says that the other side sent a message that this program does not know.
var ErrType = errors.New("unknown message")

// Message is a request or an answer.
type Message interface {
	Type() Type
	encode(*writer)
	decode(*reader)
}

// Who is a node as it introduces itself.
type Who struct {
	Cluster  string // cluster id, "" while the node has none
	ID       string
	Name     string
	Instance [16]byte // of the data directory
	Boot     [16]byte // of the process
}

func (m *Who) encode(w *writer) {
	w.text(m.Cluster)
	w.text(m.ID)
	w.text(m.Name)
	w.id(m.Instance)
	w.id(m.Boot)
}

func (m *Who) decode(r *reader) {
	m.Cluster, m.ID, m.Name = r.text(), r.text(), r.text()
	m.Instance, m.Boot = r.id(), r.id()
}

// Hello asks a node who it is.
type Hello struct{ From Who }

// HelloReply says who a node is and what it belongs to.
type HelloReply struct {
	Who      Who
	Expect   uint8  // voters that it wants to make a cluster with
	State    bool   // it has Raft state: a cluster exists
	Leader   string // node id, "" if it knows none
	LeaderAt string // the leader's RPC address
	KnownAt  string // where the answering node would look for the asking one, "" if it does not know
}

// Promise asks a node to bind itself to making the cluster named by From.Cluster with exactly these servers.
type Promise struct {
	From    Who
	Servers []Server
}

// Server is one of the nodes that make a cluster.
type Server struct {
	ID       string
	Instance [16]byte
	RPCAddr  string
}

// Join asks the leader to let a node in, or to learn its new addresses.
type Join struct {
	From             Who
	Role             uint8
	Weight           uint32
	Zone, Version    string
	APIAddr, RPCAddr string
	GossipAddr       string
	MaxOp            uint16
}

// Readmit asks the leader to take away the vote of a node that lost its data.
type Readmit struct{ From Who }

// Propose asks the leader to put a command, as fsm encodes it, into the log.
type Propose struct {
	From Who
	Data []byte
}

// Renew says that a node's worker lives. Data is a command to propose at the same time, or empty.
type Renew struct {
	From Who
	Load uint16
	Data []byte
}

// StatusRequest asks how far a node's log and book are.
type StatusRequest struct{ From Who }

// StatusReply answers it.
type StatusReply struct {
	Term, LastIndex, LastTerm, Applied uint64
	ContactNanos                       int64 // since the last word from the leader; -1 if there was none
}

// Transfer asks the leader to hand over to node To, "" for any.
type Transfer struct {
	From Who
	To   string
}

// Remove asks the leader to take node ID out of the Raft group. Gone says that the node itself asks, in leaving.
type Remove struct {
	From Who
	ID   string
}

// Restore announces Size bytes of a snapshot, which follow the frame as they are.
type Restore struct {
	From Who
	Size uint64
}

// Done answers a request that has nothing to say but an index.
type Done struct {
	Cluster string
	Index   uint64
}

// ResultReply carries the result of a command.
type ResultReply struct {
	Term   uint64
	Result fsm.Result
}

// Reason says why a request was not done. The numbers cross the wire; never reuse one.
type Reason uint8

const (
	NotLeader    Reason = 1 // nothing was done; Leader and LeaderAt name a better address, if known
	Unknown      Reason = 2 // it may have been done
	Refused      Reason = 3 // it will not be done; Code, Object and Text say why
	NotReady     Reason = 4 // nothing was done; try again
	InUse        Reason = 5 // another process or directory has this id or name
	OtherCluster Reason = 6
)

// Failure answers a request that was not done. It is an error.
type Failure struct {
	Reason           Reason
	Code, Text, Hint string
	Leader, LeaderAt string
}

func (m *Failure) Error() string {
	if m.Text == "" {
		return fmt.Sprintf("refused (%d)", m.Reason)
	}
	return m.Text
}

func (m *Hello) Type() Type         { return TypeHello }
func (m *HelloReply) Type() Type    { return TypeHelloReply }
func (m *Promise) Type() Type       { return TypePromise }
func (m *Join) Type() Type          { return TypeJoin }
func (m *Readmit) Type() Type       { return TypeReadmit }
func (m *Propose) Type() Type       { return TypePropose }
func (m *Renew) Type() Type         { return TypeRenew }
func (m *StatusRequest) Type() Type { return TypeStatus }
func (m *StatusReply) Type() Type   { return TypeStatusReply }
func (m *Transfer) Type() Type      { return TypeTransfer }
func (m *Remove) Type() Type        { return TypeRemove }
func (m *Restore) Type() Type       { return TypeRestore }
func (m *Done) Type() Type          { return TypeDone }
func (m *ResultReply) Type() Type   { return TypeResultReply }
func (m *Failure) Type() Type       { return TypeFailure }

// blank returns an empty message of type t.
func blank(t Type) (Message, error) {
	switch t {
	case TypeHello:
		return &Hello{}, nil
	case TypeHelloReply:
		return &HelloReply{}, nil
	case TypePromise:
		return &Promise{}, nil
	case TypeJoin:
		return &Join{}, nil
	case TypeReadmit:
		return &Readmit{}, nil
	case TypePropose:
		return &Propose{}, nil
	case TypeRenew:
		return &Renew{}, nil
	case TypeStatus:
		return &StatusRequest{}, nil
	case TypeStatusReply:
		return &StatusReply{}, nil
	case TypeTransfer:
		return &Transfer{}, nil
	case TypeRemove:
		return &Remove{}, nil
	case TypeRestore:
		return &Restore{}, nil
	case TypeDone:
		return &Done{}, nil
	case TypeResultReply:
		return &ResultReply{}, nil
	case TypeRenewShares:
		return &RenewShares{}, nil
	case TypeRenewSharesReply:
		return &RenewSharesReply{}, nil
	case TypeShares:
		return &SharesRequest{}, nil
	case TypeSharesReply:
		return &SharesReply{}, nil
	case TypeRenewPaced:
		return &RenewPaced{}, nil
	case TypePaces:
		return &PacesRequest{}, nil
	case TypePacesReply:
		return &PacesReply{}, nil
	case TypeExec:
		return &Exec{}, nil
	case TypeExecReply:
		return &ExecReply{}, nil
	case TypeKeyring:
		return &Keyring{}, nil
	case TypePutKeyring:
		return &PutKeyring{}, nil
	case TypeKeyringReply:
		return &KeyringReply{}, nil
	case TypeVitals:
		return &Vitals{}, nil
	case TypeVitalsReply:
		return &VitalsReply{}, nil
	case TypeFailure:
		return &Failure{}, nil
	}
	return nil, fmt.Errorf("%w: type %d", ErrType, t)
}

// From is who sent a request; nil for answers.
func From(m Message) *Who {
	switch m := m.(type) {
	case *Hello:
		return &m.From
	case *Promise:
		return &m.From
	case *Join:
		return &m.From
	case *Readmit:
		return &m.From
	case *Propose:
		return &m.From
	case *Renew:
		return &m.From
	case *RenewShares:
		return &m.Renew.From
	case *SharesRequest:
		return &m.From
	case *RenewPaced:
		return &m.Shares.Renew.From
	case *PacesRequest:
		return &m.From
	case *StatusRequest:
		return &m.From
	case *Transfer:
		return &m.From
	case *Remove:
		return &m.From
	case *Restore:
		return &m.From
	case *Exec:
		return &m.From
	case *Keyring:
		return &m.From
	case *PutKeyring:
		return &m.From
	case *Vitals:
		return &m.From
	}
	return nil
}

func (m *Hello) encode(w *writer) { m.From.encode(w) }
func (m *Hello) decode(r *reader) { m.From.decode(r) }

func (m *HelloReply) encode(w *writer) {
	m.Who.encode(w)
	w.u8(m.Expect)
	w.flag(m.State)
	w.text(m.Leader)
	w.text(m.LeaderAt)
	w.text(m.KnownAt)
}

func (m *HelloReply) decode(r *reader) {
	m.Who.decode(r)
	m.Expect, m.State = r.u8(), r.flag()
	m.Leader, m.LeaderAt, m.KnownAt = r.text(), r.text(), r.text()
}

func (m *Promise) encode(w *writer) {
	m.From.encode(w)
	w.u32(uint32(len(m.Servers)))
	for _, s := range m.Servers {
		w.text(s.ID)
		w.id(s.Instance)
		w.text(s.RPCAddr)
	}
}

func (m *Promise) decode(r *reader) {
	m.From.decode(r)
	for range r.count(4 + 16 + 4) {
		m.Servers = append(m.Servers, Server{ID: r.text(), Instance: r.id(), RPCAddr: r.text()})
	}
}

func (m *Join) encode(w *writer) {
	m.From.encode(w)
	w.u8(m.Role)
	w.u32(m.Weight)
	for _, s := range []string{m.Zone, m.Version, m.APIAddr, m.RPCAddr, m.GossipAddr} {
		w.text(s)
	}
	w.u16(m.MaxOp)
}

func (m *Join) decode(r *reader) {
	m.From.decode(r)
	m.Role, m.Weight = r.u8(), r.u32()
	for _, s := range []*string{&m.Zone, &m.Version, &m.APIAddr, &m.RPCAddr, &m.GossipAddr} {
		*s = r.text()
	}
	m.MaxOp = r.u16()
}

func (m *Readmit) encode(w *writer) { m.From.encode(w) }
func (m *Readmit) decode(r *reader) { m.From.decode(r) }

func (m *Propose) encode(w *writer) { m.From.encode(w); w.blob(m.Data) }
func (m *Propose) decode(r *reader) { m.From.decode(r); m.Data = r.blob() }

func (m *Renew) encode(w *writer) { m.From.encode(w); w.u16(m.Load); w.blob(m.Data) }
func (m *Renew) decode(r *reader) { m.From.decode(r); m.Load, m.Data = r.u16(), r.blob() }

func (m *StatusRequest) encode(w *writer) { m.From.encode(w) }
func (m *StatusRequest) decode(r *reader) { m.From.decode(r) }

func (m *StatusReply) encode(w *writer) {
	for _, v := range []uint64{m.Term, m.LastIndex, m.LastTerm, m.Applied, uint64(m.ContactNanos)} {
		w.u64(v)
	}
}

func (m *StatusReply) decode(r *reader) {
	m.Term, m.LastIndex, m.LastTerm, m.Applied = r.u64(), r.u64(), r.u64(), r.u64()
	m.ContactNanos = int64(r.u64())
}

func (m *Transfer) encode(w *writer) { m.From.encode(w); w.text(m.To) }
func (m *Transfer) decode(r *reader) { m.From.decode(r); m.To = r.text() }

func (m *Remove) encode(w *writer) { m.From.encode(w); w.text(m.ID) }
func (m *Remove) decode(r *reader) { m.From.decode(r); m.ID = r.text() }

func (m *Restore) encode(w *writer) { m.From.encode(w); w.u64(m.Size) }
func (m *Restore) decode(r *reader) { m.From.decode(r); m.Size = r.u64() }

func (m *Done) encode(w *writer) { w.text(m.Cluster); w.u64(m.Index) }
func (m *Done) decode(r *reader) { m.Cluster, m.Index = r.text(), r.u64() }

func (m *ResultReply) encode(w *writer) {
	w.u64(m.Term)
	w.u16(uint16(m.Result.Code))
	w.u64(m.Result.Index)
	w.text(m.Result.Object)
	w.u32(uint32(len(m.Result.Refused)))
	for _, f := range m.Result.Refused {
		w.text(string(f.Slice.Job))
		w.u32(f.Slice.N)
		w.u16(uint16(f.Code))
	}
}

func (m *ResultReply) decode(r *reader) {
	m.Term = r.u64()
	m.Result.Code, m.Result.Index, m.Result.Object = fsm.Code(r.u16()), r.u64(), r.text()
	for range r.count(4 + 4 + 2) {
		var f fsm.Refusal
		f.Slice = partition.SliceID{Job: partition.JobID(r.text()), N: r.u32()}
		f.Code = fsm.Code(r.u16())
		m.Result.Refused = append(m.Result.Refused, f)
	}
}

func (m *Failure) encode(w *writer) {
	w.u8(uint8(m.Reason))
	for _, s := range []string{m.Code, m.Text, m.Hint, m.Leader, m.LeaderAt} {
		w.text(s)
	}
}

func (m *Failure) decode(r *reader) {
	m.Reason = Reason(r.u8())
	for _, s := range []*string{&m.Code, &m.Text, &m.Hint, &m.Leader, &m.LeaderAt} {
		*s = r.text()
	}
}
