package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

// run is the whole program: it parses args, does what they say and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv, patience: 5 * time.Second}
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return client.ExitOK
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = interrupted()
	}
	return a.report(cmd, err)
}

// newRoot builds the command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "backstitch",
		Short: "Find what a data pipeline lost, put exactly that back, and prove it",
		Long: `backstitch finds exactly which records a data pipeline lost, puts exactly those back, and shows a proof that anyone can
re-run. It keeps going when its own nodes die.

New here:       backstitch demo          loses data on purpose and brings it back, in about a minute
First contact:  backstitch gaps heatmap TOPIC --kafka HOST:9092 --archive s3://BUCKET/PREFIX      reads both, writes nothing`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// A noun knows no flags of its verbs: where the verb is mistyped, that is what is wrong, and not the flag behind it.
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
			return noSuchCommand(cmd, words[0])
		}
		return usage(cmd, err)
	})
	a.globalFlags(root)
	root.AddGroup(
		&cobra.Group{ID: "find", Title: "Find:"},
		&cobra.Group{ID: "recover", Title: "Recover:"},
		&cobra.Group{ID: "prove", Title: "Prove:"},
		&cobra.Group{ID: "operate", Title: "Operate:"},
		&cobra.Group{ID: "node", Title: "Node:"},
	)
	for group, commands := range map[string][]*cobra.Command{
		"find":    {newGaps(a), newScan(a), newForecast(a), newAnomalies(a), newArchive(a), newOffsets(a)},
		"recover": {newPlan(a), newRun(a), newStatus(a), newWait(a), newPause(a), newResume(a), newCancel(a), newRetry(a), newThrottle(a), newLimits(a), newPriority(a), newPublish(a), newAlias(a), newRollback(a), newGroups(a), newQuarantine(a)},
		"prove":   {newVerify(a), newReport(a)},
		"operate": {newCluster(a), newDataset(a), newFlow(a), newDoctor(a), newSpec(a), newSchema(a), newTransform(a), newAudit(a), newLogin(a), newLogout(a), newWhoami(a), newAccess(a), newToken(a), newPolicy(a), newCanI(a), newChaos(a), newSynth(a), newRehearse(a)},
		"node":    {newAgent(a), newDev(a), newDemo(a), newConfig(a), newCompletion(a), newVersion(a)},
	} {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	root.AddCommand(newSandbox(a), newMan(a))
	help := newHelp()
	help.GroupID = "node"
	root.SetHelpCommand(help)
	strict(root)
	return root
}

// strict makes every command refuse what cobra would let pass: a noun without a verb, and a verb that does not exist.
func strict(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		strict(c)
	}
	if cmd.HasSubCommands() && cmd.RunE == nil {
		cmd.Args = cobra.ArbitraryArgs
		cmd.SuggestionsMinimumDistance = 2 // cobra presets it for the root alone
		cmd.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return noSuchCommand(c, args[0])
		}
		return
	}
	if args := cmd.Args; args != nil {
		cmd.Args = func(c *cobra.Command, given []string) error {
			if err := args(c, given); err != nil {
				return usage(c, fmt.Errorf("%w: %s", err, strings.TrimSuffix(c.UseLine(), " [flags]")))
			}
			return nil
		}
	}
}

// noSuchCommand refuses a word behind noun that is none of its verbs, and names those that are like it.
func noSuchCommand(noun *cobra.Command, word string) error {
	msg := "no such command: " + noun.CommandPath() + " " + word
	if s := noun.SuggestionsFor(word); len(s) > 0 {
		msg += " (did you mean " + strings.Join(s, " or ") + "?)"
	}
	return usage(noun, errors.New(msg))
}
