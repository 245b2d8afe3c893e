//go:build chaos && linux

package matrix_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"backstitch/chaos/depot"
	"backstitch/chaos/matrix"
	"backstitch/chaos/netns"
	"backstitch/chaos/testbed"
)

var (
	setFlag   = flag.String("matrix.set", "ci", "which scenarios: ci or full")
	runFlag   = flag.String("matrix.run", "", "only those whose name matches")
	seedFlag  = flag.Uint64("matrix.seed", 0, "the seed that a run has printed; 0 takes a new one")
	otherFlag = flag.String("matrix.other", "", "a build of the program with another version; without it one is made when it is needed")
	raceFlag  = flag.String("matrix.race", "", "a build of the program with the race detector, for every second scenario")
)

// injectors is everybody who can do something to a run.
var injectors = []matrix.Injector{matrix.Processes{}, matrix.Network{}, matrix.Servers{}, &matrix.Disks{}, matrix.Limits{}}

func TestMain(m *testing.M) {
	depot.Child()
	if status, did := netns.Enter(); did {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// TestMatrix runs as many scenarios at a time as -parallel says; each has a network and processes of its own, and waits for its
// broker most of the time.
func TestMatrix(t *testing.T) {
	set, err := matrix.Set(*setFlag)
	if err != nil {
		t.Fatal(err)
	}
	only, err := regexp.Compile(*runFlag)
	if err != nil {
		t.Fatal(err)
	}
	testbed.Program(t)
	other := sync.OnceValues(func() (string, error) { return build(t) })
	ran := 0
	for i, s := range set {
		if !only.MatchString(s.Name) {
			continue
		}
		cfg := matrix.Config{Seed: *seedFlag, Injectors: injectors, Other: other}
		if cfg.Seed == 0 {
			cfg.Seed = rand.Uint64()
		}
		if i%2 == 1 {
			cfg.Program = *raceFlag
		}
		t.Run(s.Name, func(t *testing.T) {
			if err := matrix.Missing(s, injectors); err != nil {
				t.Skipf("NOT TESTED: %v", err)
			}
			t.Parallel()
			t.Logf("again: %s", matrix.Command(s, cfg.Seed))
			matrix.Do(t, s, cfg)
		})
		ran++
	}
	if ran == 0 {
		t.Errorf("no scenario of the set %s matches %q", *setFlag, *runFlag)
	}
}

// build makes the program once more, with another version.
func build(t *testing.T) (string, error) {
	if *otherFlag != "" {
		return *otherFlag, nil
	}
	path := filepath.Join(t.ArtifactDir(), "backstitch-other")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=v0.0.0-other", "-o", path, "backstitch/cmd/backstitch")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}
