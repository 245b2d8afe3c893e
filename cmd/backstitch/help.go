package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// newHelp is `help`. Cobra's own answers a word that is no command with the help of the root and exit status 0, which reads like an answer.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Help about any command",
		Long: `Print what "COMMAND --help" prints. A word that is no command is refused, with those that are like it.

Exit status: 0 printed, 2 no such command.`,
		Example: "  backstitch help\n  backstitch help gaps list",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			about, word := commandOf(c.Root(), args)
			if word != "" {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			for _, sub := range about.Commands() {
				if sub.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			about, word := commandOf(c.Root(), args)
			if word != "" {
				return noSuchCommand(about, word)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// commandOf follows words from cmd down to a command, and returns the first that leads nowhere.
func commandOf(cmd *cobra.Command, words []string) (found *cobra.Command, lost string) {
	for _, word := range words {
		i := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == word || c.HasAlias(word) })
		if i < 0 {
			return cmd, word
		}
		cmd = cmd.Commands()[i]
	}
	return cmd, ""
}
