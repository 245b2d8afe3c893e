package testbed

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// childEnv makes this test binary the other process.
const childEnv = "BACKSTITCH_TEST_PORTS"

// TestPortsInAChild is the other process: it says which ports it has, and keeps them until its input ends.
func TestPortsInAChild(t *testing.T) {
	if os.Getenv(childEnv) == "" {
		t.Skip("is a part of TestPortsAreGivenOnce")
	}
	fmt.Printf("port %d\n", FreePorts(t, 3))
	bufio.NewScanner(os.Stdin).Scan()
}

func TestPortsAreGivenOnce(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPortsInAChild$")
	child.Env = append(os.Environ(), childEnv+"=1")
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	theirs := 0
	for lines := bufio.NewScanner(output); theirs == 0 && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "port %d", &theirs) // other lines are the test's own
	}
	if theirs == 0 {
		t.Fatal("the other process has no ports")
	}
	taken := map[int]string{}
	for port := theirs; port < theirs+3; port++ {
		taken[port] = "the other process"
	}
	take := func(n int) {
		first := FreePorts(t, n)
		for port := first; port < first+n; port++ {
			if who := taken[port]; who != "" {
				t.Errorf("port %d is given to %s already", port, who)
			}
			taken[port] = "this process"
		}
	}
	for range 20 { // ranges of other sizes would overlap
		take(3)
		take(2)
		take(9)
	}
	input.Close()
	if err := child.Wait(); err != nil {
		t.Errorf("the other process: %v", err)
	}
}
