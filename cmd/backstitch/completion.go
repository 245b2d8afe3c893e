package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newCompletion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:       "completion {bash|zsh|fish|powershell}",
		Short:     "Print a script that completes commands, flags and ids in a shell",
		Example:   "  source <(backstitch completion bash)",
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			var script strings.Builder
			generate := map[string]func() error{
				"bash":       func() error { return cmd.Root().GenBashCompletionV2(&script, true) },
				"zsh":        func() error { return cmd.Root().GenZshCompletion(&script) },
				"fish":       func() error { return cmd.Root().GenFishCompletion(&script, true) },
				"powershell": func() error { return cmd.Root().GenPowerShellCompletionWithDesc(&script) },
			}[args[0]]
			if err := generate(); err != nil {
				return err
			}
			return a.print(answer{value: map[string]string{"shell": args[0], "script": script.String()}, names: args, text: func(w io.Writer) error {
				_, err := io.WriteString(w, script.String())
				return err
			}})
		},
	}
}

// completeBy asks the cluster for words, for at most 300 ms, and stays silent about errors: a shell is waiting.
func (a *app) completeBy(cmd *cobra.Command, ask func(context.Context, *client.Client) []string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), 300*time.Millisecond)
	defer cancel()
	if a.environment(cmd.Flags()) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	return ask(ctx, c), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeJobs(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeBy(cmd, func(ctx context.Context, c *client.Client) []string {
		jobs, _, _ := c.Jobs(ctx, client.Blocking{})
		var out []string
		for _, j := range jobs {
			out = append(out, j.ID+"\t"+j.Name+", "+j.State)
		}
		return out
	})
}

func (a *app) completeNodes(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeBy(cmd, func(ctx context.Context, c *client.Client) []string {
		members, _ := c.Members(ctx)
		var out []string
		for _, m := range members {
			out = append(out, m.Name+"\t"+m.Role+", "+m.State)
		}
		return out
	})
}
