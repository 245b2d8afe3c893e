//go:build process

package refusals

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the binary under test.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if program = os.Getenv("BACKSTITCH_BIN"); program == "" {
		dir, err := os.MkdirTemp("", "backstitch-bin-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "backstitch")
		build := exec.Command("go", "build", "-trimpath", "-o", program, "backstitch/cmd/backstitch")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		if err := os.Setenv("BACKSTITCH_BIN", program); err != nil { // testbed starts the same one
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}
