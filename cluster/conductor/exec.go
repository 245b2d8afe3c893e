package conductor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"backstitch/cluster/program"
	"backstitch/cluster/turns"
	"backstitch/fsm"
	"backstitch/fsm/flow"
)

// A program runs on the node that the step names, which writes down what it begins. The order of things: the attempt is in the book, then which data
// directory that node has (the marks of the attempt), then the node is asked. So whoever leads next asks the same node for the same attempt, and a
// node that has lost its journal is not taken for one that never began.

// Exec is a program on a node.
type Exec struct {
	Node         string   `json:"node"`    // name
	Program      string   `json:"program"` // name of an entry in its configuration
	Args         []string `json:"args,omitempty"`
	TimeoutNanos int64    `json:"timeoutNanos"` // of the process
}

// ExecGrace is how much longer a step waits than its program may take: the node says that it was killed.
const ExecGrace = time.Minute

func (e Exec) check(step string) error {
	switch {
	case e.Node == "":
		return fmt.Errorf("step %s: it names no node", step)
	case e.TimeoutNanos <= 0 || time.Duration(e.TimeoutNanos) > program.MaxTimeout:
		return fmt.Errorf("step %s: a program has a time of up to %s", step, program.MaxTimeout)
	}
	if err := errors.Join(program.CheckName(e.Program), program.CheckArgs(e.Args)); err != nil {
		return fmt.Errorf("step %s: %w", step, err)
	}
	return nil
}

// Programs asks nodes to run programs. An error that is ErrRefused is the node's, and would come again; after any other one nobody knows whether it
// has begun, and asking again is right.
type Programs interface {
	Exec(ctx context.Context, on fsm.Member, o program.Order) (program.State, error)
}

// askEvery is how often a node is asked how a program goes.
const askEvery = 2 * time.Second

// given finds the node of a step. It returns the note that has to be in the book before that node is asked, nil when it is, or how the attempt
// ended before anything began.
func given(view *fsm.View, e Exec, note fsm.StepNote) (m fsm.Member, due *fsm.StepNote, out outcome, err error) {
	members, err := view.Members()
	if err != nil {
		return m, nil, out, err
	}
	found := false
	for _, o := range members {
		if o.Name == e.Node && o.State != fsm.MemberLeft {
			m, found = o, true
		}
	}
	mark := hex.EncodeToString(m.Instance[:])
	switch {
	case !found && len(note.Marks) > 0:
		return m, nil, failed(flow.Lost, "node %s is gone, and nobody knows how far it came", e.Node), nil
	case !found:
		return m, nil, failed(flow.Refused, "no node of the cluster is called %s", e.Node), nil
	case len(note.Marks) == 0:
		return m, &fsm.StepNote{Marks: []byte(mark), Text: "it is given to node " + e.Node}, outcome{}, nil
	case string(note.Marks) != mark:
		return m, nil, failed(flow.Lost, "node %s has lost its data since it was given the program, and nobody knows how far it came", e.Node), nil
	}
	return m, nil, outcome{}, nil
}

// exec has a node run a program, and asks until it has ended.
func (l *Loop) exec(ctx context.Context, e Exec, m fsm.Member, o program.Order, say func(fsm.StepNote)) outcome {
	if l.cfg.Programs == nil {
		return failed(flow.Refused, "this node asks no nodes for programs")
	}
	said, at := "", time.Time{}
	for {
		st, err := l.cfg.Programs.Exec(ctx, m, o)
		text := st.Output
		switch {
		case ctx.Err() != nil:
			return failed(flow.Lost, "node %s did not say in time how it ended", e.Node)
		case errors.Is(err, ErrRefused):
			return failed(flow.Refused, "%v", err)
		case err != nil:
			text = err.Error()
		case st.Phase == program.Ended:
			return ended(st)
		case st.Phase == program.Unknown:
			return failed(flow.Lost, "nobody knows how it ended: %s", st.Why)
		case st.Phase == program.Busy:
			return failed(flow.Transient, "node %s did not begin it: %s", e.Node, st.Why)
		}
		if now := l.cfg.Clock(); text != said && now.Sub(at) >= noteEvery {
			say(fsm.StepNote{Text: text})
			said, at = text, now
		}
		if !turns.Pause(ctx, askEvery) {
			return failed(flow.Lost, "node %s did not say in time how it ended", e.Node)
		}
	}
}

// Statuses of programs that say more than that it failed; see sysexits.h.
const (
	exitUsage  = 64
	exitNoUser = 68 // up to here the input is wrong
	exitAway   = 69 // a service is not there
	exitTemp   = 75
	exitNoPerm = 77
	exitConfig = 78
	exitNoExec = 126
	exitNoFile = 127
)

// ended is what the end of a program means.
func ended(st program.State) outcome {
	with := func(why string) string {
		if st.Output != "" {
			return why + ": " + lastOf(st.Output)
		}
		return why
	}
	switch code := st.Exit; {
	case st.TimedOut:
		return failed(flow.TimedOut, "%s", with("it was killed when its time was over"))
	case st.Stopped:
		return failed(flow.Failed, "%s", with("it was killed when its agent stopped"))
	case code == 0:
		return outcome{why: lastOf(st.Output)}
	case code < 0:
		return failed(flow.Failed, "%s", with(st.Why))
	case code == exitTemp || code == exitAway:
		return failed(flow.Transient, "%s", with(fmt.Sprintf("it ended with status %d", code)))
	case code >= exitUsage && code <= exitNoUser, code == exitNoPerm, code == exitConfig, code == exitNoExec, code == exitNoFile:
		return failed(flow.Refused, "%s", with(fmt.Sprintf("it ended with status %d", code)))
	default:
		return failed(flow.Failed, "%s", with(fmt.Sprintf("it ended with status %d", code)))
	}
}

// lastOf is the end of an output, as long as a reason may be.
func lastOf(out string) string {
	const most = 1024
	if len(out) > most {
		return "..." + out[len(out)-most:]
	}
	return out
}
