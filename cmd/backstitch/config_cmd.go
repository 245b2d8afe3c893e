package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/config"
)

func newConfig(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check and show an agent's configuration"}
	cmd.AddCommand(
		agentConfig(&cobra.Command{
			Use:     "validate",
			Short:   "Say what is wrong with an agent's configuration",
			Example: "  backstitch config validate --config agent.yaml",
		}, func(_ context.Context, cfg config.Agent) error {
			return a.print(answer{
				value: struct {
					OK bool `json:"ok"`
				}{true},
				names: []string{cfg.Node.Name},
				text:  func(w io.Writer) error { _, err := fmt.Fprintln(w, "The configuration is complete."); return err },
			})
		}),
		agentConfig(&cobra.Command{
			Use:     "print",
			Short:   "Print the configuration that an agent would run with",
			Long:    "Print what an agent would run with: defaults, changed by the file, the environment and the flags. Secrets stay references.",
			Example: "  backstitch config print --config agent.yaml\n  BACKSTITCH_ZONE=b backstitch config print --data-dir /data -o json",
		}, func(_ context.Context, cfg config.Agent) error {
			return a.print(answer{value: cfg, names: []string{cfg.Node.Name}, text: func(w io.Writer) error {
				b, err := json.Marshal(cfg)
				if err != nil {
					return err
				}
				if b, err = yaml.JSONToYAML(b); err != nil {
					return err
				}
				_, err = io.Copy(w, bytes.NewReader(b))
				return err
			}})
		}),
	)
	return cmd
}

// agentConfig gives cmd the flags of an agent, and do its validated configuration.
func agentConfig(cmd *cobra.Command, do func(context.Context, config.Agent) error) *cobra.Command {
	file := ""
	shown := config.Default() // only to tell the flags their defaults
	config.Flags(cmd.Flags(), &shown)
	cmd.Flags().StringVar(&file, "config", "", "`file` with the configuration, in YAML")
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(file, cmd.Flags())
		if err != nil {
			title, detail := split(err.Error())
			return &failure{Code: codeConfig, Title: title, Detail: detail, Next: "backstitch config print     shows every key with its default", Exit: client.ExitUsage, Err: err}
		}
		if err := cfg.Validate(); err != nil {
			return badConfig(err)
		}
		return do(cmd.Context(), cfg)
	}
	return cmd
}

func badConfig(err error) error {
	title, detail := split(err.Error())
	f := &failure{Code: codeConfig, Title: title, Detail: detail, Exit: client.ExitUsage, Err: err}
	var ps config.Problems
	if errors.As(err, &ps) {
		var next []string
		for _, p := range ps {
			next = append(next, p.Next)
		}
		f.Next = strings.Join(next, "\n        ")
	}
	return f
}
