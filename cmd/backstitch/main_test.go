package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"backstitch/cmd/backstitch/config"
)

var update = flag.Bool("update", false, "write golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"backstitch": main})
}

// TestScripts runs testdata/script/*.txtar. `exits N command` runs a command that has to end with status N.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits N command [args...]")
				}
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				got := 0
				err = ts.Exec(args[1], args[2:]...)
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					got = exit.ExitCode()
				} else {
					ts.Check(err)
				}
				if got != want {
					ts.Fatalf("exit status: got %d, want %d", got, want)
				}
			},
		},
		UpdateScripts: *update,
	})
}

// invoke runs the program in this process, with an environment of its own, no node at the usual address, and little
// patience with that.
func invoke(t *testing.T, env map[string]string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(name string) string { return env[name] },
		patience: 100 * time.Millisecond,
		addr:     []string{"127.0.0.1:1"}, // somebody may run a cluster at the usual place
	}
	status = a.run(context.Background(), args)
	return out.String(), errs.String(), status
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if that is meant: go test ./cmd/backstitch -update\ngot:\n%s", path, got)
	}
}

// TestTheNodeIsToldWhereRunbooksAre: the key of the configuration is not dropped on the way to who raises alerts.
func TestTheNodeIsToldWhereRunbooksAre(t *testing.T) {
	cfg := config.Default()
	cfg.Runbooks.URL = "https://docs.acme.com/runbooks"
	if got := nodeConfig(cfg).Notify.Runbooks; got != cfg.Runbooks.URL {
		t.Errorf("got %q, want %q", got, cfg.Runbooks.URL)
	}
}
