package wire

// Messages about programs that steps of flows run. They are of cluster version 8: nobody sends them before every node knows them.

const (
	TypeExec Type = 19

	TypeExecReply Type = 0x93
)

// Exec asks a node to begin an attempt of a program, or how one goes that it has begun. With Ask it only wants to know whether the node allows
// it. See program.Order.
type Exec struct {
	From         Who
	Instance     [16]byte // of the node that is meant: one that lost its data lost its journal with it
	Ask          bool
	Token        string
	Attempt      uint32
	Program      string
	Args         []string
	Flow, Step   string
	TimeoutNanos uint64
}

// ExecReply says how it goes. See program.State. Of an Ask only Idempotent matters.
type ExecReply struct {
	Phase             uint8
	Exit              uint32
	TimedOut, Stopped bool
	Idempotent        bool
	Why, Output       string
}

func (m *Exec) Type() Type      { return TypeExec }
func (m *ExecReply) Type() Type { return TypeExecReply }

func (m *Exec) encode(w *writer) {
	m.From.encode(w)
	w.id(m.Instance)
	w.flag(m.Ask)
	w.text(m.Token)
	w.u32(m.Attempt)
	w.text(m.Program)
	w.u32(uint32(len(m.Args)))
	for _, a := range m.Args {
		w.text(a)
	}
	w.text(m.Flow)
	w.text(m.Step)
	w.u64(m.TimeoutNanos)
}

func (m *Exec) decode(r *reader) {
	m.From.decode(r)
	m.Instance, m.Ask, m.Token, m.Attempt, m.Program = r.id(), r.flag(), r.text(), r.u32(), r.text()
	for range r.count(4) {
		m.Args = append(m.Args, r.text())
	}
	m.Flow, m.Step, m.TimeoutNanos = r.text(), r.text(), r.u64()
}

func (m *ExecReply) encode(w *writer) {
	w.u8(m.Phase)
	w.u32(m.Exit)
	w.flag(m.TimedOut)
	w.flag(m.Stopped)
	w.flag(m.Idempotent)
	w.text(m.Why)
	w.text(m.Output)
}

func (m *ExecReply) decode(r *reader) {
	m.Phase, m.Exit = r.u8(), r.u32()
	m.TimedOut, m.Stopped, m.Idempotent = r.flag(), r.flag(), r.flag()
	m.Why, m.Output = r.text(), r.text()
}
