//go:build failpoint

package failpoint

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAWrongClockIsWrongOnTheWallOnly(t *testing.T) {
	dir := t.TempDir()
	file, reached := filepath.Join(dir, "clock"), filepath.Join(dir, "reached")
	env := map[string]string{EnvClock: file, EnvReached: reached}
	if err := Load(func(n string) string { return env[n] }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Load(func(string) string { return "" }); err != nil {
			t.Error(err)
		}
	})
	at := time.Now()
	clock := Clock(func() time.Time { return at })
	say := func(text string) time.Time {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return clock()
	}
	wall := func(got time.Time, ahead time.Duration, mono time.Duration) {
		t.Helper()
		if got.Sub(clock()) != 0 {
			t.Errorf("two looks at one moment are %s apart", got.Sub(clock()))
		}
		if d := got.Round(0).Sub(at.Round(0)); d != ahead {
			t.Errorf("wall: got %s from the truth, want %s", d, ahead)
		}
		if d := got.Sub(at); d != mono {
			t.Errorf("monotonic: got %s from the truth, want %s", d, mono)
		}
	}
	wall(clock(), 0, 0) // there is no file yet
	wall(say("skew -1h"), -time.Hour, 0)
	wall(say("skew +1h\n"), time.Hour, 0)
	wall(say("freeze"), 0, 0)
	at = at.Add(time.Minute)
	wall(clock(), -time.Minute, 0)
	wall(say(""), 0, 0)
	text, err := os.ReadFile(reached)
	if want := "clock skew -1h\nclock skew +1h\nclock freeze\n"; err != nil || string(text) != want {
		t.Errorf("noted %q (%v), want %q", text, err, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("a clock that can not be is taken for a right one")
		}
	}()
	say("skew much")
}
