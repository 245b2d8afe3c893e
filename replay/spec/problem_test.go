package spec

import "testing"

// TestAMisspelledKeyIsTheMistake: under its right name it is missing too, but that is not what a person did wrong.
func TestAMisspelledKeyIsTheMistake(t *testing.T) {
	e := &Error{File: "orders.yaml", Problems: []Problem{{Code: CodeRequired}, {Code: CodeUnknown}}}
	if got := e.ErrorCode(); got != CodeUnknown {
		t.Errorf("code: got %s, want %s", got, CodeUnknown)
	}
	if got, want := e.Next(), "mend it, then: backstitch spec validate orders.yaml"; got != want {
		t.Errorf("next: got %q, want %q", got, want)
	}
}
