package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// unit reads the directives of the service that packages install; a directive that stands twice has two values.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/systemd/backstitch.service")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			out[key] = append(out[key], value)
		}
	}
	return out
}

// TestTheServiceStartsTheProgramThatThereIs: its command line parses, what it waits for and prevents is what the program does.
func TestTheServiceStartsTheProgramThatThereIs(t *testing.T) {
	u := unit(t)
	one := func(key string) string {
		t.Helper()
		if len(u[key]) != 1 {
			t.Fatalf("%s: got %q, want one", key, u[key])
		}
		return u[key][0]
	}
	words := strings.Fields(one("ExecStart"))
	if words[0] != "/usr/bin/backstitch" {
		t.Errorf("starts %s", words[0])
	}
	cmd, rest, err := newRoot(&app{}).Find(words[1:])
	if err != nil || cmd.Name() != "agent" || cmd.ParseFlags(rest) != nil || cmd.Flags().NArg() > 0 {
		t.Errorf("the command line of ExecStart is none: %v", err)
	}
	if file := cmd.Flag("config"); file == nil || file.Value.String() != one("ConditionFileNotEmpty") {
		t.Errorf("waits for %s and starts with another file", one("ConditionFileNotEmpty"))
	}
	// The agent hears no SIGHUP, and would end.
	if len(u["ExecReload"]) > 0 {
		t.Errorf("there is no reload: %q", u["ExecReload"])
	}
	if d, err := time.ParseDuration(one("TimeoutStopSec") + "s"); err != nil || d < drainTime+30*time.Second {
		t.Errorf("TimeoutStopSec is %s, and slices alone may take %s", one("TimeoutStopSec"), drainTime)
	}
	page, err := os.ReadFile("../../docs/exit-status.md")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile("RestartPreventExitStatus=([0-9 ]+)").FindStringSubmatch(string(page))
	if want == nil || one("RestartPreventExitStatus") != want[1] {
		t.Errorf("RestartPreventExitStatus=%s, the document says %q", one("RestartPreventExitStatus"), want)
	}
	if one("Type") != "notify" || one("WatchdogSec") == "" || !slices.Equal(u["KillSignal"], nil) {
		t.Error("the agent tells when it is ready and alive, and ends on SIGTERM")
	}
}
