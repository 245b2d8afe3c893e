package cluster

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/accept/accepttest"
)

// visit is a connection of a host that says one byte.
func visit(t *testing.T, d *accepttest.Doorstep, host string, first byte) net.Conn {
	t.Helper()
	c := d.Visit(host)
	if _, err := c.Write([]byte{first}); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return c
}

// TestAStrangerIsHeld for a while, and little is said of many; but not so many that nobody else of its host comes in.
func TestAStrangerIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		m := newMux(nil, nil, "id", nil, time.Now, slog.New(slog.NewTextHandler(&said, nil)))
		served := 0
		m.rpc = func(context.Context, *muxConn) { served++ }
		ctx, cancel := context.WithCancel(t.Context())
		d := accepttest.New()
		ended := make(chan error, 1)
		go func() { ended <- m.run(ctx, d) }()

		var held []net.Conn
		for n := range 1000 {
			c := visit(t, d, "a", 'G')
			if open := accepttest.Stays(t, c); open != (n < maxConnsPerHost/2) {
				t.Fatalf("stranger %d is held: %t", n, open)
			} else if open {
				held = append(held, c)
			} else {
				c.Close()
			}
		}
		friend := visit(t, d, "a", protocolRPC)
		defer friend.Close()
		if served != 1 {
			t.Error("nobody else of the host comes in")
		}
		if n := strings.Count(said.String(), "\n"); n != 50 {
			t.Errorf("%d lines about 1,000 strangers, want 50", n)
		}
		time.Sleep(strangerHold - time.Millisecond) // virtual
		for _, c := range held {
			if !accepttest.Stays(t, c) {
				t.Fatal("a stranger was held for less")
			}
		}
		time.Sleep(2 * time.Millisecond)
		for _, c := range held {
			if accepttest.Stays(t, c) {
				t.Fatal("a stranger is held for longer")
			}
			c.Close()
		}
		// Many hosts together hold no more than half of the port.
		many := 0
		for n := range maxConns {
			if c := visit(t, d, fmt.Sprint("host ", n%10), 'G'); accepttest.Stays(t, c) {
				many++
				defer c.Close()
			}
		}
		if many != maxConns/2 {
			t.Errorf("%d strangers of many hosts are held, want %d", many, maxConns/2)
		}
		time.Sleep(strangerHold)
		last := visit(t, d, "a", 'G') // who ends the node waits for nobody
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
