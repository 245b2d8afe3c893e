//go:build failpoint

package failpoint

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestArmedPointsDoWhatTheyAreToldAndAreNotedOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reached")
	env := map[string]string{EnvArm: "replay/engine.read=error@2x;fsm.after-commit=crash@2", EnvReached: file}
	if err := Load(func(n string) string { return env[n] }); err != nil {
		t.Fatal(err)
	}
	died := 0
	state.die = func() { died++ }
	t.Cleanup(func() {
		state.die = die
		if err := Load(func(string) string { return "" }); err != nil {
			t.Error(err)
		}
	})
	for n := 1; n <= 3; n++ {
		if err := Err(EngineRead); errors.Is(err, ErrInjected) != (n <= 2) {
			t.Errorf("reach %d: got %v", n, err)
		}
	}
	Reach(BookAfterCommit)
	if died != 0 {
		t.Error("died at the first reach, want the second")
	}
	Reach(BookAfterCommit)
	if died != 1 || Count(BookAfterCommit) != 2 {
		t.Errorf("died %d times after %d reaches", died, Count(BookAfterCommit))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(text), "replay/engine.read\nfsm.after-commit\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := Load(func(name string) string { return map[string]string{EnvArm: "nothing=crash"}[name] }); err == nil {
		t.Error("a point that is not there is armed")
	}
}
