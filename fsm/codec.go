package fsm

import (
	"errors"
	"fmt"

	"backstitch/fsm/wire"
)

// ErrUnknownOp says that a command has a number that this program does not know: a newer program proposed it. A replica
// that meets one latches, because going on without it would make its book another one.
var ErrUnknownOp = errors.New("op is not known to this program")

const (
	maxActorBytes  = 256
	maxReasonBytes = 4 << 10
)

// Encode returns the bytes to hand to Raft. Errors: wire.ErrTooLarge, and an actor or reason that is too long.
func Encode(env Envelope, cmd Command) ([]byte, error) {
	if _, ok := findOp(cmd.Op()); !ok {
		return nil, fmt.Errorf("encode %T: op %d: %w", cmd, cmd.Op(), ErrUnknownOp)
	}
	if len(env.Actor) > maxActorBytes || len(env.Reason) > maxReasonBytes {
		return nil, fmt.Errorf("encode %s: actor of %d bytes and reason of %d: at most %d and %d are allowed",
			OpName(cmd.Op()), len(env.Actor), len(env.Reason), maxActorBytes, maxReasonBytes)
	}
	body, err := wire.Marshal(cmd)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", OpName(cmd.Op()), err)
	}
	b, err := wire.AppendFrame(make([]byte, 0, len(body)+128), wire.Frame{
		Op: cmd.Op(), Actor: env.Actor, Reason: env.Reason, UnixNanos: env.UnixNanos, RequestID: env.RequestID, Body: body,
	})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", OpName(cmd.Op()), err)
	}
	return b, nil
}

// Decode reads what Encode wrote. The command comes back as a value of its struct type. Errors: wire.ErrCorrupt,
// wire.ErrVersion, ErrUnknownOp; with ErrUnknownOp the envelope is filled in.
func Decode(b []byte) (Envelope, Command, error) {
	env, _, cmd, err := decode(b)
	if err != nil {
		return env, nil, err
	}
	return env, cmd, nil
}

func decode(b []byte) (Envelope, uint16, op, error) {
	f, err := wire.ParseFrame(b)
	env := Envelope{Actor: f.Actor, Reason: f.Reason, UnixNanos: f.UnixNanos, RequestID: f.RequestID}
	if err != nil {
		return env, 0, nil, fmt.Errorf("decode command: %w", err)
	}
	spec, ok := findOp(f.Op)
	if !ok {
		return env, f.Op, nil, fmt.Errorf("decode command: op %d: %w", f.Op, ErrUnknownOp)
	}
	cmd, err := spec.decode(f.Body)
	if err != nil {
		return env, f.Op, nil, fmt.Errorf("decode %s: %w", spec.name, err)
	}
	if len(env.Actor) > maxActorBytes || len(env.Reason) > maxReasonBytes {
		return env, f.Op, nil, fmt.Errorf("decode %s: actor or reason is too long: %w", spec.name, wire.ErrCorrupt)
	}
	return env, f.Op, cmd, nil
}
