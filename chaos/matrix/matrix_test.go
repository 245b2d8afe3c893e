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
	"slices"
	"sync"
	"testing"

	"backstitch/chaos/depot"
	"backstitch/chaos/matrix"
	"backstitch/chaos/netns"
	"backstitch/chaos/scenario"
	"backstitch/chaos/testbed"
)

var (
	setFlag        = flag.String("matrix.set", "ci", "which scenarios: ci or full")
	runFlag        = flag.String("matrix.run", "", "only those whose name matches")
	seedFlag       = flag.Uint64("matrix.seed", 0, "the seed that a run has printed; 0 takes a new one")
	otherFlag      = flag.String("matrix.other", "", "a build of the program with another version; without it one is made when it is needed")
	failpointsFlag = flag.String("matrix.failpoints", "", "a build of the program with failpoints; without it one is made when it is needed")
	networkFlag    = flag.String("matrix.network", "", "relays takes relays on loopback where namespaces can be made, too")
	raceFlag       = flag.String("matrix.race", "", "a build of the program with the race detector, for every second scenario")
	shardFlag      = flag.String("matrix.shard", "", "only the Kth of every N scenarios, as K/N")
	listFlag       = flag.Bool("matrix.list", false, "print what would be run, and run nothing")
	resumeFlag     = flag.String("matrix.resume", "", "a file that keeps the names of scenarios that were kept; those in it are not run again")
	brokerFlag     = flag.String("matrix.broker", matrix.FakeBroker, "which Kafka: fake, or real (make kafka fetches it)")
)

func TestMain(m *testing.M) {
	depot.Child()
	flag.Parse()
	if *networkFlag != "relays" {
		if status, did := netns.Enter(); did {
			os.Exit(status)
		}
	}
	os.Exit(m.Run())
}

// TestMatrix runs as many scenarios at a time as -parallel says; each has a network and processes of its own, and waits for its
// broker most of the time. One that is broken does not end the others.
func TestMatrix(t *testing.T) {
	set, err := chosen()
	if err != nil {
		t.Fatal(err)
	}
	relays := *networkFlag == "relays"
	if err := netns.Available(); err != nil && !relays {
		t.Logf("a network of relays: %v", err)
		relays = true
	}
	all := matrix.All(relays)
	if *brokerFlag != matrix.FakeBroker && *brokerFlag != matrix.RealBroker {
		t.Fatalf("-matrix.broker %q: want %s or %s", *brokerFlag, matrix.FakeBroker, matrix.RealBroker)
	}
	if relays && *brokerFlag == matrix.RealBroker {
		t.Skip("NOT TESTED: a real broker needs a network of namespaces")
	}
	if *listFlag {
		list(set, all)
		return
	}
	done, err := matrix.OpenDone(*resumeFlag)
	if err != nil {
		t.Fatal(err)
	}
	testbed.Program(t)
	builds := matrix.Builds{
		Other: sync.OnceValues(func() (string, error) {
			return build(t, *otherFlag, "other", "-ldflags", "-s -w -X main.version=v0.0.0-other")
		}),
		Failpoints: sync.OnceValues(func() (string, error) { return build(t, *failpointsFlag, "failpoints", "-tags", "failpoint") }),
	}
	var summary matrix.Summary
	t.Cleanup(func() { // when all of them have ended
		missed, err := summary.Print(os.Stdout)
		if err != nil {
			t.Error(err)
		}
		for _, b := range missed {
			t.Errorf("%s: got %s, want %s", b.Name, b.Got, b.Want)
		}
	})
	for _, s := range set {
		if done.Has(s.Name) {
			continue
		}
		cfg := matrix.Config{Seed: *seedFlag, Injectors: all, Builds: builds, Relays: relays, Broker: *brokerFlag}
		if cfg.Seed == 0 {
			cfg.Seed = rand.Uint64()
		}
		if matrix.Raced(s.Name) {
			cfg.Program = *raceFlag
		}
		t.Run(s.Name, func(t *testing.T) {
			if err := matrix.Missing(s, all); err != nil {
				t.Skipf("NOT TESTED: %v", err)
			}
			t.Parallel()
			t.Logf("again: %s", matrix.Command(s, cfg.Seed))
			t.Cleanup(func() {
				if !t.Failed() {
					if err := done.Add(s.Name); err != nil {
						t.Error(err)
					}
				}
			})
			matrix.Do(t, s, cfg, summary.Add)
		})
	}
}

// chosen is what the flags choose of the scenarios.
func chosen() ([]scenario.Scenario, error) {
	set, err := matrix.Set(*setFlag)
	if err != nil {
		return nil, err
	}
	only, err := regexp.Compile(*runFlag)
	if err != nil {
		return nil, err
	}
	set = slices.DeleteFunc(set, func(s scenario.Scenario) bool { return !only.MatchString(s.Name) })
	if set, err = matrix.Shard(set, *shardFlag); err == nil && len(set) == 0 {
		err = fmt.Errorf("no scenario of the set %s matches %q", *setFlag, *runFlag)
	}
	return set, err
}

// list prints what would be run, and what could not be run here and why.
func list(set []scenario.Scenario, all []matrix.Injector) {
	skipped := 0
	for _, s := range set {
		why := "run"
		if err := matrix.Missing(s, all); err != nil {
			skipped++
			why = "skip: " + err.Error()
		}
		fmt.Printf("%-32s %s\n", s.Name, why)
	}
	fmt.Printf("%d scenarios, %d of them can not be run here\n", len(set), skipped)
}

// build makes the program once more, in another way, unless somebody has made it already.
func build(t *testing.T, made, how string, flags ...string) (string, error) {
	if made != "" {
		return made, nil
	}
	path := filepath.Join(t.ArtifactDir(), "backstitch-"+how)
	args := slices.Concat([]string{"build", "-trimpath"}, flags, []string{"-o", path, "backstitch/cmd/backstitch"})
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}
