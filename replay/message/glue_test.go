package message

import (
	"fmt"
	"testing"
)

// TestPlacesOfMessages: AWS Glue counts all messages of a file in the order of their full names, those inside others and those that stand for
// the entries of maps among them.
func TestPlacesOfMessages(t *testing.T) {
	s := parse(t, `syntax = "proto3"; package p;
		message O { message A {} }
		message A {
			message X { map<string, string> tags = 1; }
			message B { message C { message J { message K {} } } }
			message I {}
		}
		message AB {}`, "A.B.C")
	for place, want := range []string{"p.A", "p.A.B", "p.A.B.C", "p.A.B.C.J", "p.A.B.C.J.K", "p.A.I", "p.A.X", "", "p.AB", "p.O", "p.O.A"} {
		index, n, err := s.Unglue([]byte{byte(place), 9, 9})
		if want == "" {
			if err == nil {
				t.Errorf("place %d is the entries of a map, and no message: got %x", place, index)
			}
			continue
		}
		if err != nil || n != 1 {
			t.Errorf("place %d: got %d bytes, %v", place, n, err)
			continue
		}
		if m, rest, err := s.message(append(index, 7)); err != nil || string(m.FullName()) != want || fmt.Sprintf("%x", rest) != "07" {
			t.Errorf("place %d: got %v, %x, %v, want %s", place, m, rest, err, want)
		}
	}
	if got := fmt.Sprintf("%x", s.GlueIndex()); got != "02" {
		t.Errorf("the message that values come out as has place %s, want 02", got)
	}
	if _, _, err := s.Unglue([]byte{11}); err == nil {
		t.Error("a place that the file has not: got a message")
	}
}
