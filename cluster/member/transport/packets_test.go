package transport

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/accept/accepttest"

	"golang.org/x/net/ipv4"
)

// TestPacketsOfStrangersAreDropped without a word for each, and one that belongs here takes no more memory than it has bytes.
func TestPacketsOfStrangersAreDropped(t *testing.T) {
	var said bytes.Buffer
	now := time.Unix(1000, 0)
	here, err := Listen(Config{IP: net.IPv4(127, 0, 0, 1), Lock: seal("ours"), Clock: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ip, port, err := here.FinalAdvertiseAddr("127.0.0.1", 0)
	if err != nil || port == 0 {
		t.Fatalf("got %s, %d, %v", ip, port, err)
	}
	there, err := Listen(Config{IP: net.IPv4(127, 0, 0, 1), Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	to := fmt.Sprintf("127.0.0.1:%d", port)
	for n := range 100 {
		if _, err := there.WriteTo(seal("theirs").packet(strings.Repeat("x", n)), to); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range [][]byte{nil, seal("ours").packet(strings.Repeat("x", largestPacket)), seal("ours").packet("hello")} {
		if _, err := there.WriteTo(b, to); err != nil {
			t.Fatal(err)
		}
	}
	p := <-here.PacketCh()
	if string(p.Buf) != "helloours" || cap(p.Buf) > 64 || p.From.String() != there.listener.Addr().String() || !p.Timestamp.Equal(now) {
		t.Errorf("got %q in %d bytes from %s at %s", p.Buf, cap(p.Buf), p.From, p.Timestamp)
	}
	for range 2 {
		if err := errors.Join(here.Shutdown(), there.Shutdown()); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(said.String(), "no key opens a packet"); n != 50 {
		t.Errorf("%d lines about 100 strangers, want 50:\n%s", n, &said)
	}
}

// TestWithoutKeysAllIsTaken, and what has no bytes is nothing.
func TestWithoutKeysAllIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted([]string{"", "a", ""}, []string{"b"})
		tr := start(Config{Clock: time.Now, Logger: slog.New(slog.DiscardHandler)}, accepttest.New(), s)
		for _, want := range []string{"a", "b"} {
			if p := <-tr.PacketCh(); string(p.Buf) != want {
				t.Errorf("got %q, want %q", p.Buf, want)
			}
		}
		if err := tr.Shutdown(); err != nil {
			t.Error(err)
		}
	})
}

// TestStrangersAreReadTogether: once all has been read that had come, the next are waited for in silence if some of it was a stranger's.
func TestStrangersAreReadTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		many := make([]string, atOnce)
		for i := range many {
			many[i] = "theirs"
		}
		s := scripted([]string{"ours"}, []string{"ours", "theirs"}, many, many, []string{"theirs"}, []string{"ours"})
		tr := start(Config{Lock: seal("ours"), Clock: time.Now, Logger: slog.New(slog.DiscardHandler)}, accepttest.New(), s)
		began := time.Now()
		for n, want := range []time.Duration{0, 0, 2 * strangerRest} {
			if p := <-tr.PacketCh(); p.Timestamp.Sub(began) != want {
				t.Errorf("packet %d of ours is read after %s, want %s", n, p.Timestamp.Sub(began), want)
			}
		}
		if err := tr.Shutdown(); err != nil {
			t.Error(err)
		}
		if got, want := s.times(began), []time.Duration{0, 0, strangerRest, strangerRest, strangerRest, 2 * strangerRest, 2 * strangerRest}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("read after %v, want %v", got, want)
		}
	})
}

// TestAnErrorThatStaysTakesNoProcessor, and packets are read once it has passed.
func TestAnErrorThatStaysTakesNoProcessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(nil, nil, nil, []string{"ours"})
		tr := start(Config{Lock: seal("ours"), Clock: time.Now, Logger: slog.New(slog.DiscardHandler)}, accepttest.New(), s)
		began := time.Now()
		if p := <-tr.PacketCh(); p.Timestamp.Sub(began) != 3*strangerRest {
			t.Errorf("a packet behind three errors is read after %s, want %s", p.Timestamp.Sub(began), 3*strangerRest)
		}
		if err := tr.Shutdown(); err != nil {
			t.Error(err)
		}
	})
}

// TestShutdownEndsARest, and a packet that nobody takes does not hold it up.
func TestShutdownEndsARest(t *testing.T) {
	for _, last := range []string{"ours", "theirs"} {
		synctest.Test(t, func(t *testing.T) {
			tr := start(Config{Lock: seal("ours"), Clock: time.Now, Logger: slog.New(slog.DiscardHandler)}, accepttest.New(), scripted([]string{last}))
			synctest.Wait()
			began := time.Now()
			if err := tr.Shutdown(); err != nil || time.Since(began) != 0 {
				t.Errorf("after a packet of %s: shut down after %s, %v", last, time.Since(began), err)
			}
		})
	}
}

// script is a socket to which batches of datagrams come, each when the one before has been read, and then none. One that is nil is an error.
type script struct {
	batches [][]string
	read    []time.Time
	once    sync.Once
	closed  chan struct{}
}

func scripted(batches ...[]string) *script {
	return &script{batches: batches, closed: make(chan struct{})}
}

func (s *script) ReadBatch(ms []ipv4.Message, _ int) (int, error) {
	s.read = append(s.read, time.Now())
	if len(s.batches) == 0 {
		<-s.closed
		return 0, net.ErrClosed
	}
	batch := s.batches[0]
	s.batches = s.batches[1:]
	if batch == nil {
		return 0, errors.New("no memory")
	}
	for i, text := range batch {
		ms[i].N, ms[i].Addr = copy(ms[i].Buffers[0], text), &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7}
	}
	return len(batch), nil
}

// times are when it was read from.
func (s *script) times(from time.Time) (out []time.Duration) {
	for _, at := range s.read {
		out = append(out, at.Sub(from))
	}
	return out
}

func (s *script) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil }

func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
