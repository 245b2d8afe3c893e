//go:build failpoint

package failpoint

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// What a build with the tag does. Points are reached from many goroutines, so all of the state has one lock; a delay sleeps
// outside of it, and a crash inside of it, so that nothing else is counted after the end.

// Enabled says whether this build has failpoints.
const Enabled = true

// ErrInjected is what a point that was armed with error returns.
var ErrInjected = errors.New("injected at a failpoint")

// state is the one set of failpoints of this process: a point is a place in the program, and there is one program.
var state = struct {
	sync.Mutex
	armed  map[Point]action
	counts map[Point]int
	file   string
	clock  wrongClock
	die    func()
}{armed: map[Point]action{}, counts: map[Point]int{}, die: die}

// Load arms what the environment says. It is called once, before anything can be reached. Errors name the variable; a program
// that gets one must not go on, since a fault that was asked for and did not happen looks like one that was survived.
func Load(getenv func(string) string) error {
	armed, err := parse(getenv(EnvArm))
	if err != nil {
		return fmt.Errorf("%s: %w", EnvArm, err)
	}
	state.Lock()
	defer state.Unlock()
	state.armed, state.counts, state.file = armed, map[Point]int{}, getenv(EnvReached)
	state.clock = wrongClock{file: getenv(EnvClock)}
	return nil
}

// Count is how often p was reached since Load.
func Count(p Point) int {
	state.Lock()
	defer state.Unlock()
	return state.counts[p]
}

// Reach notes that the program is at p and does what p is armed with.
func Reach(p Point) { _ = Err(p) }

// Err is Reach where the program can take an error: ErrInjected when p is armed with error.
func Err(p Point) error {
	act, hit := visit(p)
	if !hit {
		return nil
	}
	switch act.do {
	case doDelay:
		time.Sleep(act.delay)
	case doError:
		return fmt.Errorf("%s: %w", p, ErrInjected)
	}
	return nil
}

// visit counts p and reports whether its action is due now.
func visit(p Point) (action, bool) {
	state.Lock()
	defer state.Unlock()
	state.counts[p]++
	n := state.counts[p]
	if n == 1 {
		note(state.file, string(p))
	}
	act, ok := state.armed[p]
	if !ok || !act.due(n) {
		return act, false
	}
	if act.do == doCrash {
		state.die()
	}
	return act, true
}

// note appends a line to file. The line is in the page cache before anything else happens, which a SIGKILL does not take back.
func note(file, line string) {
	if file == "" {
		return
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(line + "\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		panic(fmt.Sprintf("failpoint: %s: %v", EnvReached, err)) // a build for tests, whose evidence would be wrong
	}
}

// die ends this process as a SIGKILL does, because it is one. The exit is for the first process of a container, which can not
// kill itself.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	time.Sleep(time.Second)
	os.Exit(128 + int(syscall.SIGKILL))
}
