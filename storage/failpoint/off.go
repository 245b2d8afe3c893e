//go:build !failpoint

package failpoint

import (
	"errors"
	"fmt"
	"time"
)

// Enabled says whether this build has failpoints.
const Enabled = false

// ErrDisabled says that somebody wants a fault from a build that has none.
var ErrDisabled = errors.New("this build has no failpoints (build it with -tags failpoint)")

// Load refuses an environment that arms failpoints: a fault that was asked for and did not happen looks like one that was
// survived.
func Load(getenv func(string) string) error {
	for _, name := range []string{EnvArm, EnvReached, EnvClock} {
		if getenv(name) != "" {
			return fmt.Errorf("%s: %w", name, ErrDisabled)
		}
	}
	return nil
}

// Reach does nothing, and the compiler leaves nothing of it.
func Reach(Point) {}

// Err is nil, and the compiler leaves nothing of it.
func Err(Point) error { return nil }

// Clock is base.
func Clock(base func() time.Time) func() time.Time { return base }
