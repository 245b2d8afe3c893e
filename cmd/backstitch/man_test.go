package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryCommandHasAManualPage: what help lists has a page with the command's own words and flags, and nothing that is hidden has one.
func TestEveryCommandHasAManualPage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	first, second := t.TempDir(), filepath.Join(t.TempDir(), "deep", "man1")
	for _, dir := range []string{first, second} {
		if _, stderr, exit := invoke(t, nil, "man", dir); exit != 0 {
			t.Fatalf("got %d, %s", exit, stderr)
		}
	}
	want := map[string]bool{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		if !c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
			return
		}
		want[name] = true
		page, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Error(err)
			return
		}
		if !strings.Contains(string(page), c.Short) || !strings.Contains(string(page), "November 2023") && !strings.Contains(string(page), "Nov 2023") {
			t.Errorf("%s has not what the command is for, or another date", name)
		}
		again, err := os.ReadFile(filepath.Join(second, name))
		if err != nil || string(again) != string(page) {
			t.Errorf("%s is not the same twice: %v", name, err)
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(newRoot(&app{}))
	pages, err := filepath.Glob(filepath.Join(first, "*"))
	if err != nil || len(pages) < 80 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		if !want[filepath.Base(page)] {
			t.Errorf("%s is a page of no command", filepath.Base(page))
		}
	}
	agent, err := os.ReadFile(filepath.Join(first, "backstitch-agent.1"))
	if err != nil || !strings.Contains(string(agent), `listen\-probes`) && !strings.Contains(string(agent), "listen-probes") {
		t.Errorf("the agent's page does not know its flags: %v", err)
	}
}
