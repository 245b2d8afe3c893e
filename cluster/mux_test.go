package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// doorstep is a listener to which a test brings connections.
type doorstep struct {
	conns chan net.Conn
	shut  context.Context
	close context.CancelFunc
}

func (d *doorstep) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.shut.Done():
		return nil, net.ErrClosed
	}
}

func (d *doorstep) Close() error { d.close(); return nil }
func (*doorstep) Addr() net.Addr { return nodeAddr("here") }

// from is a connection of a host.
type from struct {
	net.Conn
	host nodeAddr
}

func (f from) RemoteAddr() net.Addr { return f.host }

// visit is a connection of a host that says one byte.
func (d *doorstep) visit(t *testing.T, host string, first byte) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	d.conns <- from{theirs, nodeAddr(host)}
	if _, err := ours.Write([]byte{first}); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return ours
}

// stays reports whether a connection is open: the other end neither says anything nor is gone.
func stays(t *testing.T, c net.Conn) bool {
	t.Helper()
	if err := c.SetReadDeadline(time.Now()); errors.Is(err, io.ErrClosedPipe) {
		return false
	}
	_, err := c.Read(make([]byte, 1))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return true
}

// TestAStrangerIsHeld for a while, and little is said of many; but not so many that nobody else of its host comes in.
func TestAStrangerIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		m := newMux(nil, nil, "id", nil, time.Now, slog.New(slog.NewTextHandler(&said, nil)))
		served := 0
		m.rpc = func(context.Context, *muxConn) { served++ }
		ctx, cancel := context.WithCancel(t.Context())
		d := &doorstep{conns: make(chan net.Conn)}
		d.shut, d.close = context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.run(ctx, d) }()

		var held []net.Conn
		for n := range 1000 {
			c := d.visit(t, "a", 'G')
			if open := stays(t, c); open != (n < maxConnsPerHost/2) {
				t.Fatalf("stranger %d is held: %t", n, open)
			} else if open {
				held = append(held, c)
			} else {
				c.Close()
			}
		}
		friend := d.visit(t, "a", protocolRPC)
		defer friend.Close()
		if served != 1 {
			t.Error("nobody else of the host comes in")
		}
		if n := strings.Count(said.String(), "\n"); n != 50 {
			t.Errorf("%d lines about 1,000 strangers, want 50", n)
		}
		time.Sleep(strangerHold - time.Millisecond) // virtual
		for _, c := range held {
			if !stays(t, c) {
				t.Fatal("a stranger was held for less")
			}
		}
		time.Sleep(2 * time.Millisecond)
		for _, c := range held {
			if stays(t, c) {
				t.Fatal("a stranger is held for longer")
			}
			c.Close()
		}
		// Many hosts together hold no more than half of the port.
		many := 0
		for n := range maxConns {
			if c := d.visit(t, fmt.Sprint("host ", n%10), 'G'); stays(t, c) {
				many++
				defer c.Close()
			}
		}
		if many != maxConns/2 {
			t.Errorf("%d strangers of many hosts are held, want %d", many, maxConns/2)
		}
		time.Sleep(strangerHold)
		last := d.visit(t, "a", 'G') // who ends the node waits for nobody
		defer last.Close()
		began := time.Now()
		cancel()
		if err := <-ended; err != nil || time.Since(began) != 0 {
			t.Errorf("ended after %s: %v", time.Since(began), err)
		}
		if text := said.String(); !strings.Contains(text, "left_out=950") {
			t.Errorf("how many were left out is not said:\n%s", text[max(0, len(text)-300):])
		}
	})
}
