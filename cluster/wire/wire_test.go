package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var who = Who{Cluster: "c1", ID: "n1", Name: "node-a", Instance: [16]byte{1}, Boot: [16]byte{2}}

var anyWant = share.Want{Scope: "job/bs-a", Has: share.Share{1, 2, 3}, Wants: share.Share{share.More, 5, 6}, Lanes: 7}

var anyPace = share.Pace{Job: "bs-a", Rate: 1, Floor: 2, Binds: true, Hurts: true, Kind: "lag", Why: "w"}

// every is one message of each type with no field left empty.
func every() []Message {
	return []Message{
		&Hello{From: who},
		&HelloReply{Who: who, Expect: 3, State: true, Leader: "n2", LeaderAt: "h:1", KnownAt: "h:9"},
		&Promise{From: who, Servers: []Server{{ID: "n1", Instance: [16]byte{3}, RPCAddr: "h:2"}, {ID: "n2", RPCAddr: "h:3"}}},
		&Join{From: who, Role: 1, Weight: 2, Zone: "z", Version: "v", APIAddr: "a:1", RPCAddr: "r:1", GossipAddr: "g:1", MaxOp: 94},
		&Readmit{From: who},
		&Propose{From: who, Data: []byte{1, 2, 3}},
		&Renew{From: who, Load: 7, Data: []byte{4}},
		&StatusRequest{From: who},
		&StatusReply{Term: 1, LastIndex: 2, LastTerm: 3, Applied: 4, ContactNanos: -1},
		&Transfer{From: who, To: "n2"},
		&Remove{From: who, ID: "n3"},
		&Restore{From: who, Size: 1 << 40},
		&Done{Cluster: "c1", Index: 9},
		&ResultReply{Term: 5, Result: fsm.Result{Code: fsm.StaleEpoch, Index: 6, Object: "o", Refused: []fsm.Refusal{
			{Slice: partition.SliceID{Job: "bs-a", N: 7}, Code: fsm.WrongState}}}},
		&RenewShares{Renew: Renew{From: who, Load: 7, Data: []byte{4}}, Seq: 8, Wants: []share.Want{anyWant}},
		&RenewSharesReply{Result: ResultReply{Term: 5, Result: fsm.Result{Code: fsm.OK, Index: 6}}, Index: 6, Grants: []share.Grant{{Scope: "cluster", Share: share.Share{1, 2, share.More}}}},
		&SharesRequest{From: who},
		&SharesReply{Holdings: []Holding{{Node: "n1", Want: anyWant}}},
		&RenewPaced{Shares: RenewShares{Renew: Renew{From: who, Load: 7, Data: []byte{4}}, Seq: 8, Wants: []share.Want{anyWant}}, Paces: []share.Pace{anyPace}},
		&PacesRequest{From: who},
		&PacesReply{Paces: []NodePace{{Node: "n1", Pace: anyPace}}},
		&Exec{From: who, Instance: [16]byte{4}, Ask: true, Token: "9b2c", Attempt: 2, Program: "reload", Args: []string{"a", ""}, Flow: "fl-a", Step: "s", TimeoutNanos: 1 << 40},
		&ExecReply{Phase: 2, Exit: 1<<32 - 1, TimedOut: true, Stopped: true, Idempotent: true, Why: "w", Output: "o"},
		&Keyring{From: who, Keys: true},
		&PutKeyring{From: who, Base: 7, Revision: 9, Keys: []Secret{{1, 2}, {3}}},
		&KeyringReply{Revision: 9, Fingerprints: []string{"9b2c", "4f"}, Keys: []Secret{{1, 2}, {3}}},
		&Vitals{From: who},
		&VitalsReply{WallUnixNanos: -1, DiskUsed: 1 << 40, DiskBytes: 1 << 41, DiskLevel: 2},
		&Failure{Reason: InUse, Code: "BST-E0402", Text: "t", Hint: "h", Leader: "n2", LeaderAt: "h:4"},
	}
}

func frame(t testing.TB, m Message) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryMessageComesBackAsItWas(t *testing.T) {
	seen := map[Type]bool{}
	for _, m := range every() {
		got, err := Read(bytes.NewReader(frame(t, m)))
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		if diff := cmp.Diff(got, m); diff != "" {
			t.Errorf("%T (-got +want):\n%s", m, diff)
		}
		if seen[m.Type()] {
			t.Errorf("%T shares its type with another message", m)
		}
		seen[m.Type()] = true
	}
	for n := range 256 {
		if _, err := blank(Type(n)); (err == nil) != seen[Type(n)] {
			t.Errorf("type %d: known %t, tested %t", n, err == nil, seen[Type(n)])
		}
	}
}

func TestASecretIsNotPrinted(t *testing.T) {
	m := &PutKeyring{From: who, Keys: []Secret{[]byte("hunter2"), {104, 105}}}
	for _, shown := range []string{fmt.Sprintf("%v", m), fmt.Sprintf("%+v", *m), fmt.Sprintf("%#v", m.Keys), fmt.Sprintf("%x %s", m.Keys[0], m.Keys[0])} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e7465723") || strings.Contains(shown, "104") || strings.Contains(shown, "0x68") {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
}

func TestOneByteMoreOrLessIsAnError(t *testing.T) {
	for _, m := range every() {
		whole := frame(t, m)
		for n := range len(whole) {
			if _, err := Read(bytes.NewReader(whole[:n])); err == nil {
				t.Errorf("%T cut to %d of %d bytes: accepted", m, n, len(whole))
			}
		}
		for _, change := range []int{-1, 1} { // a frame whose length is honest and whose body is not
			body := append([]byte(nil), whole[5:]...)
			if change < 0 {
				body = body[:max(0, len(body)-1)]
			} else {
				body = append(body, 0)
			}
			forged := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
			forged = append(append(forged, whole[4]), body...)
			if _, err := Read(bytes.NewReader(forged)); !errors.Is(err, ErrFrame) {
				t.Errorf("%T with %+d byte: got %v, want %v", m, change, err, ErrFrame)
			}
		}
	}
}

func TestALengthIsNotBelieved(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, byte(TypeHello)}
	if _, err := Read(bytes.NewReader(huge)); !errors.Is(err, ErrFrame) {
		t.Errorf("a frame of 4 GiB: got %v, want %v", err, ErrFrame)
	}
	var body writer
	who.encode(&body)
	body.u32(0xffffffff) // servers
	forged := binary.BigEndian.AppendUint32(nil, uint32(len(body.b)))
	forged = append(append(forged, byte(TypePromise)), body.b...)
	if _, err := Read(bytes.NewReader(forged)); !errors.Is(err, ErrFrame) {
		t.Errorf("a list of 4 billion: got %v, want %v", err, ErrFrame)
	}
	if err := Write(io.Discard, &Propose{Data: make([]byte, MaxFrame)}); !errors.Is(err, ErrFrame) {
		t.Errorf("writing beyond the limit: got %v, want %v", err, ErrFrame)
	}
}

func FuzzRead(f *testing.F) {
	for _, m := range every() {
		f.Add(frame(f, m))
	}
	f.Add([]byte{0, 0, 0, 1, 0x82, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if again := frame(t, m); !bytes.HasPrefix(b, again) {
			t.Errorf("%T: two encodings of one message:\n% x\n% x", m, b, again)
		}
	})
}

// peer answers each request with what reply says, on every connection that dial opens.
func peer(t *testing.T, reply func(conn int, m Message) Message) Dial {
	t.Helper()
	count := 0
	return func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		count++
		n := count
		go func() {
			defer far.Close()
			for {
				m, err := Read(far)
				if err != nil {
					return
				}
				a := reply(n, m)
				if a == nil || Write(far, a) != nil {
					return
				}
			}
		}()
		return near, nil
	}
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	conns := map[int]bool{}
	p := NewPool(peer(t, func(conn int, m Message) Message {
		conns[conn] = true
		return &Done{Index: 1}
	}), 2)
	defer p.Close()
	for range 3 {
		if _, err := p.Call(context.Background(), "n", "a", &Hello{From: who}, nil, false); err != nil {
			t.Fatal(err)
		}
	}
	if len(conns) != 1 {
		t.Errorf("connections for three calls: got %d, want 1", len(conns))
	}
}

func TestADeadPooledConnectionIsReplacedForRepeatableRequestsOnly(t *testing.T) {
	calls := 0
	dial := peer(t, func(conn int, m Message) Message {
		calls++
		if conn == 1 && calls == 2 {
			return nil // the other process was restarted while the connection was idle
		}
		return &Done{Index: uint64(conn)}
	})
	p := NewPool(dial, 2)
	defer p.Close()
	call := func(repeatable bool) (Message, error) {
		return p.Call(context.Background(), "n", "a", &Hello{From: who}, nil, repeatable)
	}
	if _, err := call(true); err != nil {
		t.Fatal(err)
	}
	if got, err := call(true); err != nil || got.(*Done).Index != 2 {
		t.Errorf("repeatable over a dead connection: got %v, %v, want an answer from the second one", got, err)
	}
	calls = 1
	q := NewPool(peer(t, func(conn int, m Message) Message {
		if calls++; conn == 1 && calls == 3 {
			return nil
		}
		return &Done{}
	}), 2)
	defer q.Close()
	if _, err := q.Call(context.Background(), "n", "a", &Hello{From: who}, nil, false); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Call(context.Background(), "n", "a", &Hello{From: who}, nil, false); err == nil || !Sent(err) {
		t.Errorf("not repeatable over a dead connection: got %v, want a failure that may have been sent", err)
	}
}

func TestACallSaysWhetherItMayHaveArrived(t *testing.T) {
	refused := NewPool(func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }, 1)
	defer refused.Close()
	if _, err := refused.Call(context.Background(), "n", "a", &Hello{}, nil, true); err == nil || Sent(err) {
		t.Errorf("a dial that fails: got %v, want a failure that was not sent", err)
	}
	block := make(chan struct{})
	defer close(block)
	silent := NewPool(peer(t, func(int, Message) Message { <-block; return nil }), 1)
	defer silent.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := silent.Call(ctx, "n", "a", &Hello{}, nil, true); !errors.Is(err, context.DeadlineExceeded) || !Sent(err) {
		t.Errorf("no answer: got %v, want a deadline, sent", err)
	}
	failing := NewPool(peer(t, func(int, Message) Message { return &Failure{Reason: NotLeader} }), 1)
	defer failing.Close()
	_, err := failing.Call(context.Background(), "n", "a", &Hello{}, nil, true)
	var f *Failure
	if !errors.As(err, &f) || f.Reason != NotLeader || Sent(err) {
		t.Errorf("a refusal: got %v, want the failure itself", err)
	}
}
