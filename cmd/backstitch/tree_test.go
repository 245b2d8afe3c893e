package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// walk visits every command of the program.
func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, c := range cmd.Commands() {
		walk(c, visit)
	}
}

func tree() *cobra.Command {
	root := newRoot(&app{getenv: func(string) string { return "" }})
	root.InitDefaultHelpCmd()
	return root
}

func TestEveryCommandAndFlagIsExplained(t *testing.T) {
	walk(tree(), func(cmd *cobra.Command) {
		if cmd.Name() == "help" {
			return
		}
		if cmd.Short == "" {
			t.Errorf("%s: no short help", cmd.CommandPath())
		}
		if !cmd.HasSubCommands() && cmd.Example == "" {
			t.Errorf("%s: no example", cmd.CommandPath())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s: no help", cmd.CommandPath(), f.Name)
			}
		})
	})
}

func TestHelpIsGolden(t *testing.T) {
	var b strings.Builder
	walk(tree(), func(cmd *cobra.Command) {
		if cmd.Name() == "help" {
			return
		}
		var out bytes.Buffer
		cmd.SetOut(&out)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		b.WriteString("===== " + cmd.CommandPath() + "\n" + strings.TrimRight(out.String(), "\n") + "\n\n")
	})
	golden(t, "testdata/help.golden", b.String())
}

// TestWhatWritesSaysSo keeps the list of commands that --read-only refuses. Whoever adds a command has to decide.
func TestWhatWritesSaysSo(t *testing.T) {
	want := []string{
		"access approve", "access bootstrap", "agent", "archive", "cancel", "chaos replay", "chaos run", "cluster ca", "cluster cert", "cluster drain", "cluster join", "cluster keyring generate", "cluster keyring install", "cluster keyring remove", "cluster keyring use", "cluster leader transfer",
		"cluster leave", "cluster maintenance clear", "cluster maintenance set", "cluster proof-key create", "cluster proof-key use", "cluster raft remove-peer", "cluster snapshot restore", "cluster uncordon", "cluster upgrade finish", "cluster upgrade mode",
		"dataset apply", "dataset approve", "dataset delete", "dataset reject", "dataset scan", "demo", "dev", "flow approve", "flow cancel", "flow pause", "flow reject", "flow resume", "flow retry", "flow schedule pause", "flow schedule remove", "flow schedule resume", "flow submit", "groups apply", "groups undo", "pause", "policy delete", "policy put", "priority", "publish", "quarantine discard", "quarantine restore", "rehearse", "resume",
		"retry", "rollback", "run", "sandbox", "scan cancel", "scan run", "scan schedule", "scan unschedule", "schema copy", "schema register", "synth generate", "throttle", "token create", "token revoke",
	}
	var got []string
	walk(tree(), func(cmd *cobra.Command) {
		if cmd.Annotations[impactKey] == "rw" {
			got = append(got, strings.TrimPrefix(cmd.CommandPath(), "backstitch "))
		}
	})
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("commands that write:\n got %q\nwant %q", got, want)
	}
}

func TestEveryErrorCodeIsUsedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range []string{
		codeUsage, codeNeedsYes, codeTimeout, codeInterrupted, codeReadOnly, codeConfig, codeDeclined, codeJobFailed, codeSandbox,
		codeDemo, codeFile, codeTopic, codeRecreated, codePartly, codeReport, codeGroup, codeTooMany, codeNoObjects, codeNothingDue,
		codeFragmented, codeNothingPaired, codeNoOffsets, codeIncompatible, codeUndecided,
		codeNoSubject, codeNotASchema, codeSchemaRefused, codeDiscarded, codeReadBack, codeSameRegistry, codeCopyStopped, codeFailed,
		codeProfile, codeTopicExists, codeNothingToLearn, codeNoRehearsal, codeRehearsal, codeRehearsalSLA, codeNoSchema, codeSchemaKind,
	} {
		if seen[code] {
			t.Errorf("%s stands for two things", code)
		}
		seen[code] = true
	}
}
