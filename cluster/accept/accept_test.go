package accept

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// script is a listener that answers what it is told, one after the other, and then that it is closed.
type script struct {
	answers []error // nil is a connection
	asked   []time.Time
}

func (s *script) Accept() (net.Conn, error) {
	s.asked = append(s.asked, time.Now())
	if len(s.answers) == 0 {
		return nil, net.ErrClosed
	}
	err := s.answers[0]
	s.answers = s.answers[1:]
	if err != nil {
		return nil, err
	}
	conn, other := net.Pipe()
	other.Close()
	return conn, nil
}

func (*script) Close() error   { return nil }
func (*script) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7} }

func full() error {
	return &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
}

func TestAcceptRestsWhileNoFileIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		s := &script{answers: []error{full(), full(), full(), nil, full(), nil}}
		l := Listener(s, slog.New(slog.NewTextHandler(&said, nil)))
		began := time.Now()
		for range 2 {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
		var at []time.Duration
		for _, when := range s.asked {
			at = append(at, when.Sub(began))
		}
		want := []time.Duration{0, firstRest, 3 * firstRest, 7 * firstRest, 7 * firstRest, 8 * firstRest}
		for i := range want {
			if at[i] != want[i] {
				t.Fatalf("asked at %v, want %v", at, want)
			}
		}
		if n := strings.Count(said.String(), "too many open files"); n != 2 {
			t.Errorf("said %d times that files are lacking, want once each time that it began:\n%s", n, &said)
		}
	})
}

func TestTheRestHasABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		for range 20 {
			s.answers = append(s.answers, full())
		}
		if _, err := Listener(s, slog.New(slog.DiscardHandler)).Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("got %v, want the listener's own end", err)
		}
		if last := s.asked[20].Sub(s.asked[19]); last != lastRest {
			t.Errorf("rested %s at last, want %s", last, lastRest)
		}
	})
}

func TestOtherErrorsEndIt(t *testing.T) {
	broken := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EINVAL)}
	if _, err := Listener(&script{answers: []error{broken}}, slog.New(slog.DiscardHandler)).Accept(); err != error(broken) {
		t.Errorf("got %v, want what the listener said", err)
	}
}

func TestCloseEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listener(&script{answers: []error{full(), full(), nil}}, slog.New(slog.DiscardHandler))
		ended := make(chan error)
		go func() {
			_, err := l.Accept()
			ended <- err
		}()
		synctest.Wait()
		began := time.Now()
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) || !time.Now().Equal(began) {
			t.Errorf("got %v after %s, want that it is closed at once", err, time.Since(began))
		}
	})
}
