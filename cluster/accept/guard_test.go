package accept_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/accept"
	"backstitch/cluster/accept/accepttest"
)

// pair are configurations of a server and of a client that trusts it.
func pair(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"here"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS13},
		&tls.Config{ServerName: "here", RootCAs: pool, MinVersion: tls.VersionTLS13}
}

const (
	patience = 5 * time.Second
	hold     = 2 * time.Second
)

// door is a listener of at most four connections, two of them of one host.
type door struct {
	net.Listener
	*accepttest.Doorstep
	crowd  *accept.Crowd
	client *tls.Config

	mu      sync.Mutex
	refused []error
}

func (g *door) Accept() (net.Conn, error) { return g.Listener.Accept() }
func (g *door) Close() error              { return g.Listener.Close() }
func (g *door) Addr() net.Addr            { return g.Listener.Addr() }

func guarded(t *testing.T) *door {
	t.Helper()
	g := &door{Doorstep: accepttest.New(), crowd: accept.NewCrowd(4, 2)}
	cfg := accept.Guard{Plain: "this door has TLS", Crowd: g.crowd, Patience: patience, Hold: hold, Clock: time.Now, Refused: func(_ net.Addr, err error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.refused = append(g.refused, err)
	}}
	cfg.TLS, g.client = pair(t)
	g.Listener = cfg.Listener(g.Doorstep)
	t.Cleanup(func() { g.Close() })
	return g
}

// greet is a friend who says hello, and the server's end of that.
func (g *door) greet(t *testing.T, host string) (friend, in net.Conn) {
	t.Helper()
	friend = tls.Client(g.Visit(host), g.client)
	var saying sync.WaitGroup
	saying.Go(func() {
		if _, err := friend.Write([]byte("hello")); err != nil {
			t.Error(err)
		}
	})
	in, err := g.Accept()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(in, got); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
	saying.Wait()
	return friend, in
}

// TestWhoIsSilentHoldsNobodyUp, and is refused after a while; who came through has no limit of time.
func TestWhoIsSilentHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guarded(t)
		silent := g.Visit("a:1")
		defer silent.Close()
		began := time.Now()
		friend, in := g.greet(t, "a:2")
		defer friend.Close()
		if time.Since(began) != 0 {
			t.Errorf("a friend is let in after %s", time.Since(began))
		}
		time.Sleep(patience + hold) // virtual
		synctest.Wait()
		if accepttest.Stays(t, silent) || len(g.refused) != 1 || g.crowd.Open() != 1 {
			t.Errorf("who is silent is still there; refused were %v", g.refused)
		}
		time.Sleep(time.Hour)
		go friend.Write([]byte("more"))
		if n, err := in.Read(make([]byte, 9)); n != 4 || err != nil {
			t.Errorf("an hour later: read %d bytes, %v", n, err)
		}
		in.Close()
		synctest.Wait()
		if g.crowd.Open() != 0 {
			t.Errorf("%d are counted after the end", g.crowd.Open())
		}
	})
}

// TestWhoIsRefusedIsHeld for a while, and who speaks HTTP is told then what is wrong; who only looked whether there is a port is neither held nor told of.
func TestWhoIsRefusedIsHeld(t *testing.T) {
	for says, hears := range map[string]string{
		"GET / HTTP/1.1\r\nHost: here\r\n\r\n": "this door has TLS", "POST /v1/jobs HTTP/1.1\r\n\r\n{}": "this door has TLS", "a noise": "",
	} {
		synctest.Test(t, func(t *testing.T) {
			g := guarded(t)
			g.Visit("a:1").Close()
			synctest.Wait()
			if g.crowd.Open() != 0 || len(g.refused) != 0 {
				t.Errorf("who only looked: %d are open, refused were %v", g.crowd.Open(), g.refused)
			}
			began := time.Now()
			c := g.Visit("a:2")
			heard := make(chan string, 1)
			go func() {
				_, _ = io.WriteString(c, says)
				b, _ := io.ReadAll(c)
				heard <- string(b)
			}()
			for synctest.Wait(); g.crowd.Open() > 0 && time.Since(began) < time.Minute; synctest.Wait() {
				time.Sleep(time.Millisecond) // virtual
			}
			var head tls.RecordHeaderError
			if time.Since(began) != hold || len(g.refused) != 1 || !errors.As(g.refused[0], &head) {
				t.Errorf("%q: held for %s, want %s; refused: %v", says, time.Since(began), hold, g.refused)
			}
			if got := <-heard; !strings.HasSuffix(got, hears) || hears == "" && strings.Contains(got, "TLS") {
				t.Errorf("%q: answered %q, want %q", says, got, hears)
			}
			c.Close()
		})
	}
}

// TestWhoComesToACrowdIsRefused at once.
func TestWhoComesToACrowdIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guarded(t)
		for n, host := range []string{"a:1", "a:2", "a:3", "b:1", "b:2", "c:1"} {
			c := g.Visit(host)
			defer c.Close()
			synctest.Wait()
			if open := accepttest.Stays(t, c); open != (n != 2 && n != 5) {
				t.Errorf("%s is open: %t", host, open)
			}
		}
		if len(g.refused) != 2 || !errors.Is(g.refused[0], accept.ErrCrowded) || !errors.Is(g.refused[1], accept.ErrCrowded) {
			t.Errorf("refused were %v", g.refused)
		}
	})
}

// TestCloseLeavesWhoCameThrough, and ends everything else at once.
func TestCloseLeavesWhoCameThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guarded(t)
		friend, in := g.greet(t, "a:1")
		defer friend.Close()
		defer in.Close()
		silent := g.Visit("a:2")
		defer silent.Close()
		unmet := tls.Client(g.Visit("b:1"), g.client) // nobody accepts it
		met := make(chan error, 1)
		go func() { met <- unmet.HandshakeContext(t.Context()) }()
		synctest.Wait()
		began := time.Now()
		if err := g.Close(); err != nil || time.Since(began) != 0 {
			t.Errorf("closed after %s: %v", time.Since(began), err)
		}
		if _, err := g.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after that: %v", err)
		}
		<-met
		if g.crowd.Open() != 1 || len(g.refused) != 0 {
			t.Errorf("%d are open, want the one that came through; refused were %v", g.crowd.Open(), g.refused)
		}
		go friend.Write([]byte("more"))
		if n, err := in.Read(make([]byte, 9)); n != 4 || err != nil {
			t.Errorf("who came through: read %d bytes, %v", n, err)
		}
	})
}

// TestWithoutTLSOnlyTheCrowdCounts: who says nothing is let in, too, and what is at the end of a connection can still be told that no more will be written.
func TestWithoutTLSOnlyTheCrowdCounts(t *testing.T) {
	below, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 9)
	l := accept.Guard{Crowd: accept.NewCrowd(9, 1), Refused: func(_ net.Addr, err error) { refused <- err }}.Listener(below)
	defer l.Close()
	var others []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", below.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		others = append(others, c)
	}
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := <-refused; !errors.Is(err, accept.ErrCrowded) {
		t.Errorf("the second is refused: %v", err)
	}
	if err := in.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(others[0]); len(b) > 0 || err != nil {
		t.Errorf("the end is read as %q, %v", b, err)
	}
	go others[0].Write([]byte("more"))
	if n, err := in.Read(make([]byte, 9)); n != 4 || err != nil {
		t.Errorf("the other direction: %d bytes, %v", n, err)
	}
	in.Close()
}

// TestAListenerThatFailsSaysWhy.
func TestAListenerThatFailsSaysWhy(t *testing.T) {
	broken := errors.New("broken")
	l := accept.Guard{Crowd: accept.NewCrowd(1, 1)}.Listener(fails{broken})
	defer l.Close()
	for range 2 {
		if _, err := l.Accept(); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}

type fails struct{ err error }

func (f fails) Accept() (net.Conn, error) { return nil, f.err }
func (fails) Close() error                { return nil }
func (fails) Addr() net.Addr              { return nil }
