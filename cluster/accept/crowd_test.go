package accept_test

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/accept"
	"backstitch/cluster/accept/accepttest"
)

// bring is what a crowd says of a connection of a host.
func bring(t *testing.T, c *accept.Crowd, d *accepttest.Doorstep, host string) (*accept.Conn, bool) {
	t.Helper()
	taken := make(chan net.Conn, 1)
	go func() {
		conn, err := d.Accept()
		if err != nil {
			t.Error(err)
		}
		taken <- conn
	}()
	other := d.Visit(host)
	t.Cleanup(func() { other.Close() })
	conn := <-taken
	t.Cleanup(func() { conn.Close() })
	return c.Admit(conn)
}

func TestACrowdHasBounds(t *testing.T) {
	c, d := accept.NewCrowd(10, 4), accepttest.New()
	in := map[string][]*accept.Conn{}
	for n := range 30 {
		host := fmt.Sprintf("host-%d:%d", n%3, n)
		if conn, ok := bring(t, c, d, host); ok {
			in[host[:6]] = append(in[host[:6]], conn)
		}
	}
	if c.Open() != 10 || len(in["host-0"]) != 4 || len(in["host-1"]) != 3 || len(in["host-2"]) != 3 {
		t.Fatalf("%d are open, %d, %d and %d of each host, want 10 of at most 4 each in the order in which they came",
			c.Open(), len(in["host-0"]), len(in["host-1"]), len(in["host-2"]))
	}
	for range 3 { // one that is closed more than once makes room for one
		if err := in["host-0"][0].Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := bring(t, c, d, "host-0:1"); !ok || c.Open() != 10 {
		t.Errorf("there is no room for another: %d are open", c.Open())
	}
	if _, ok := bring(t, c, d, "host-3:1"); ok {
		t.Error("one that is closed more than once makes room for more than one")
	}
	c.CloseAll()
	if c.Open() != 0 {
		t.Errorf("%d are open after all were closed", c.Open())
	}
	for n := range 4 {
		if _, ok := bring(t, c, d, "host-0:1"); !ok {
			t.Errorf("after that there is no room for number %d", n)
		}
	}
}

func TestHalfACrowdIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := accept.NewCrowd(8, 4), accepttest.New()
		for n, want := range []time.Duration{time.Second, time.Second, 0, 0} {
			conn, ok := bring(t, c, d, "host:1")
			began := time.Now()
			if !ok {
				t.Fatal("no room")
			}
			c.Hold(t.Context(), conn, time.Second)
			if got := time.Since(began); got != want {
				t.Errorf("number %d of its host is held for %s, want %s", n, got, want)
			}
		}
	})
}
