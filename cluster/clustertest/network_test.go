package clustertest

import (
	"testing"
	"testing/synctest"
)

// A client whose connection waits to be accepted when the port is closed must not wait for ever.
func TestQueuedConnectionEndsWithItsListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork()
		l, err := n.Host("10.0.0.1").Listen("10.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		c, err := n.Host("10.0.0.2").Dial(t.Context(), "10.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("read something from nobody")
		}
	})
}
