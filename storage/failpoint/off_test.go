//go:build !failpoint

package failpoint

import (
	"errors"
	"testing"
)

func TestANormalBuildRefusesFaultsThatItCanNotDo(t *testing.T) {
	for _, name := range []string{EnvArm, EnvReached, EnvClock} {
		getenv := func(n string) string {
			if n == name {
				return "x"
			}
			return ""
		}
		if err := Load(getenv); !errors.Is(err, ErrDisabled) {
			t.Errorf("%s: got %v, want %v", name, err, ErrDisabled)
		}
	}
	if err := Load(func(string) string { return "" }); err != nil {
		t.Errorf("got %v", err)
	}
}

// The loop must take what an empty loop takes: about the third of a nanosecond, and no call.
func BenchmarkReach(b *testing.B) {
	for range b.N { // b.Loop keeps its calls alive, which is what must not be measured
		Reach(BookBeforeCommit)
		if err := Err(EngineRead); err != nil {
			b.Fatal(err)
		}
	}
}
