package fault

import "testing"

// FuzzParse looks for texts that are read and do not come back: String of what was read has to give the same fault, and
// stay as it is.
func FuzzParse(f *testing.F) {
	for _, s := range Table {
		one := s.Typical
		one.Kind, one.At = s.Kind, 1500e6
		if pool := (Weighted{Kind: s.Kind}).pool(&s); len(pool) > 0 {
			one.Target = pool[0]
		}
		f.Add(one.String())
	}
	f.Add("for 20s delay 50ms±10ms loss 1% on node-b")
	f.Add("at 1h2m3.5s pause node Alpha")
	f.Add("kill \xff")
	f.Fuzz(func(t *testing.T, text string) {
		one, err := Parse(text)
		if err != nil {
			_ = err.Error() // draws a caret
			return
		}
		if err := one.Validate(); err != nil {
			t.Fatalf("%q was read and is not valid: %v", text, err)
		}
		again, err := Parse(one.String())
		if err != nil || again != one || again.String() != one.String() {
			t.Fatalf("%q was read as %q and then as %q: %v", text, one, again, err)
		}
	})
}
