package fsm

import (
	"context"
	"errors"
	"testing"
)

// Requests read the book while the node ends. The database must not be closed under a view, and none may be made after that.
func TestReadingEndsBeforeTheDatabase(t *testing.T) {
	n := newNode(t)
	open := n.m.View()
	soon, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.m.EndReading(soon); !errors.Is(err, context.Canceled) {
		t.Errorf("end of reading with a view that is open: got %v, want to wait for it", err)
	}
	late := n.m.View()
	if _, err := late.Members(); !errors.Is(err, ErrClosed) || late.Close() != nil {
		t.Errorf("a view after the end of reading: got %v, want %v", err, ErrClosed)
	}
	if _, err := open.Members(); err != nil {
		t.Errorf("a view from before: %v", err)
	}
	if err := open.Close(); err != nil {
		t.Error(err)
	}
	for range 2 { // asking twice is no harm
		if err := n.m.EndReading(t.Context()); err != nil {
			t.Errorf("end of reading when every view is closed: %v", err)
		}
	}
}
