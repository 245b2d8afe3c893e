package transport

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/accept/accepttest"
)

// visited is a transport in memory, and what was said of strangers.
func visited(t *testing.T, lock Lock) (*Transport, *accepttest.Doorstep, *bytes.Buffer) {
	t.Helper()
	d, said := accepttest.New(), &bytes.Buffer{}
	tr := start(Config{Lock: lock, Clock: time.Now, Logger: slog.New(slog.NewTextHandler(said, nil))}, d, scripted())
	t.Cleanup(func() {
		if err := tr.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return tr, d, said
}

// TestConnectionsOfStrangersAreHeld for a while, and nothing of them is handed on.
func TestConnectionsOfStrangersAreHeld(t *testing.T) {
	large := binary.BigEndian.AppendUint32([]byte{encrypted}, largestHello+1)
	for why, c := range map[string]struct {
		says []byte
		ends bool // after that
		held time.Duration
	}{
		"not encrypted":  {[]byte("GET / HTTP/1.1\r\n"), false, strangerHold},
		"262145 bytes":   {large, false, strangerHold},
		"no key opens":   {seal("theirs").hello("hello"), false, strangerHold},
		"after 9 bytes":  {seal("ours").hello("hello")[:headBytes+9], true, strangerHold},
		"unexpected EOF": {[]byte{encrypted}, true, strangerHold},
		"i/o timeout":    {[]byte{encrypted}, false, helloTimeout + strangerHold},
		"":               {nil, true, 0}, // looked whether there is a port
	} {
		synctest.Test(t, func(t *testing.T) {
			tr, d, said := visited(t, seal("ours"))
			conn := d.Visit("stranger:1")
			began := time.Now()
			var saying sync.WaitGroup
			saying.Go(func() {
				_, _ = conn.Write(c.says) // not all of it is read
				if c.ends {
					conn.Close()
				}
			})
			synctest.Wait()
			for tr.crowd.Open() > 0 && time.Since(began) < time.Minute {
				time.Sleep(time.Millisecond) // virtual
				synctest.Wait()
			}
			if got := time.Since(began); got != c.held {
				t.Errorf("%q is held for %s, want %s", why, got, c.held)
			}
			conn.Close()
			saying.Wait()
			select {
			case <-tr.StreamCh():
				t.Errorf("%q was handed on", why)
			default:
			}
			if n := strings.Count(said.String(), "\n"); (why == "") != (n == 0) || !strings.Contains(said.String(), why) {
				t.Errorf("%q: said %q", why, said)
			}
		})
	}
}

// TestAConnectionIsHandedOn whole, and without a limit of time on it.
func TestAConnectionIsHandedOn(t *testing.T) {
	for name, lock := range map[string]Lock{"keys": seal("ours"), "no keys": nil} {
		synctest.Test(t, func(t *testing.T) {
			tr, d, _ := visited(t, lock)
			says := seal("ours").hello("hello")
			conn := d.Visit("friend:1")
			var saying sync.WaitGroup
			saying.Go(func() {
				defer conn.Close()
				for _, part := range [][]byte{says[:3], says[3:]} {
					if _, err := conn.Write(part); err != nil {
						t.Error(err)
					}
					time.Sleep(helloTimeout / 2) // virtual
				}
				time.Sleep(time.Minute)
				if _, err := conn.Write([]byte("more")); err != nil {
					t.Error(err)
				}
			})
			in := <-tr.StreamCh()
			got, err := io.ReadAll(in)
			if want := string(says) + "more"; err != nil || string(got) != want {
				t.Errorf("%s: read %q, %v, want %q", name, got, err, want)
			}
			saying.Wait()
			in.Close()
			if tr.crowd.Open() != 0 {
				t.Errorf("%s: a connection that was closed is still counted", name)
			}
		})
	}
}

// TestConnectionsAreBounded, also those that say nothing, and Shutdown waits for none.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, d, said := visited(t, seal("ours"))
		for n := range 2 * maxStreams {
			host := n / (maxStreamsPerHost + 20)
			conn := d.Visit(fmt.Sprintf("host-%d:1", host))
			defer conn.Close()
			if n == 0 { // it is held
				if _, err := conn.Write([]byte("GET /")); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			if open := accepttest.Stays(t, conn); open != (n%(maxStreamsPerHost+20) < maxStreamsPerHost && host < maxStreams/maxStreamsPerHost) {
				t.Fatalf("number %d is open: %t", n, open)
			}
		}
		if tr.crowd.Open() != maxStreams || !strings.Contains(said.String(), "too many connections") {
			t.Errorf("%d are open, said %q", tr.crowd.Open(), said)
		}
		began := time.Now()
		if err := tr.Shutdown(); err != nil || time.Since(began) != 0 {
			t.Errorf("shut down after %s: %v", time.Since(began), err)
		}
	})
}

// said is a connection over which some bytes came, and no more will.
type said struct {
	net.Conn
	*bytes.Reader
}

func (s said) Read(b []byte) (int, error)      { return s.Reader.Read(b) }
func (said) SetReadDeadline(_ time.Time) error { return nil }

// FuzzHello reads the beginnings of connections: one is let through when what it announced has come and the lock opens it, and then nothing of it is lost.
func FuzzHello(f *testing.F) {
	const lock = seal("ours")
	f.Add([]byte{})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(lock.hello("hello"))
	f.Add(append(lock.hello("hello"), "more"...))
	f.Add(seal("theirs").hello("hello"))
	f.Add(lock.hello("hello")[:headBytes+9])
	f.Add([]byte{encrypted, 0xff, 0xff, 0xff, 0xff, 0})
	tr := &Transport{cfg: Config{Lock: lock, Clock: time.Now}}
	f.Fuzz(func(t *testing.T, b []byte) {
		conn := said{Reader: bytes.NewReader(b)}
		hello, err := tr.hello(conn)
		whole := len(b) >= headBytes && b[0] == encrypted && uint64(len(b)-headBytes) >= uint64(binary.BigEndian.Uint32(b[1:]))
		if err != nil {
			if whole && binary.BigEndian.Uint32(b[1:]) <= largestHello && lock.Opens(b[headBytes:headBytes+int(binary.BigEndian.Uint32(b[1:]))], b[:headBytes]) {
				t.Errorf("refused: %v", err)
			}
			return
		}
		rest, err := io.ReadAll(conn)
		if err != nil || !whole || !lock.Opens(hello[headBytes:], hello[:headBytes]) || !bytes.Equal(append(hello, rest...), b) {
			t.Errorf("got %q and then %q, %v, of %q", hello, rest, err, b)
		}
	})
}
