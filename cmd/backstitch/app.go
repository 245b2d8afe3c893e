package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"

	"backstitch/cluster/access"
	"backstitch/cluster/client"
)

// app is what all commands share: the four ways in and out, and the global flags.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
	// patience is how long a command goes round the nodes before it says that nobody answers: longer than a change of leader.
	patience time.Duration

	addr       []string
	caCert     string
	clientCert string
	clientKey  string
	tokenFile  string
	tokenGiven bool // whether tokenFile came as a flag, which comes before BACKSTITCH_TOKEN
	output     string
	outFile    string // of plan
	all        bool   // of plan
	color      string
	timeout    time.Duration
	quiet      bool
	verbose    bool
	yes        bool
	readOnly   bool

	// now is the command's context, for what is asked before there is a client. before sets it.
	now context.Context
	// shown is the login that was found for --addr, once looked is set.
	shown  access.Token
	looked bool
}

// impactKey marks a command that changes something; --read-only refuses those.
const impactKey = "impact"

// changes marks cmd as one that writes somewhere.
func changes(cmd *cobra.Command) *cobra.Command {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[impactKey] = "rw"
	return cmd
}

func (a *app) globalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	if a.addr == nil {
		a.addr = client.DefaultConfig().Addresses
	}
	f.StringSliceVar(&a.addr, "addr", a.addr, "`host:port` of a node's API; several are tried in turn")
	f.StringVar(&a.caCert, "ca-cert", "", "`file` with the CA that signed the nodes' certificates; switches to https")
	f.StringVar(&a.clientCert, "client-cert", "", "`file` with the certificate to show to a node")
	f.StringVar(&a.clientKey, "client-key", "", "`file` with the key of --client-cert")
	f.StringVar(&a.tokenFile, "token-file", "", "`file` with the token to show to a node; BACKSTITCH_TOKEN is the token itself, which is never a flag's value")
	f.StringVarP(&a.output, "output", "o", "text", "`format` of what is printed: text, json, jsonl, yaml or name")
	f.StringVar(&a.color, "color", "auto", "`when` to use colour: auto, always or never; NO_COLOR and CLICOLOR_FORCE are honoured")
	f.DurationVar(&a.timeout, "timeout", 0, "give up after this `duration`, with exit status 124; 0 waits for ever")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no progress on stderr")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "say on stderr what the Kafka clients do; for an agent, log everything")
	f.BoolVarP(&a.yes, "yes", "y", false, "answer every question with yes")
	f.BoolVar(&a.readOnly, "read-only", false, "refuse every command that changes something")
	root.PersistentPreRunE = a.before
}

// before runs before every command: the environment fills in flags that were not given, then the global ones are checked.
func (a *app) before(cmd *cobra.Command, _ []string) error {
	a.tokenGiven = cmd.Flags().Changed("token-file")
	if err := a.environment(cmd.Flags()); err != nil {
		return usage(cmd, err)
	}
	switch a.output {
	case "text", "json", "jsonl", "yaml", "name":
	default:
		if cmd.Annotations[outFileKey] != "" && a.outFile == "" {
			a.output, a.outFile = "text", a.output
			break
		}
		return usage(cmd, fmt.Errorf("--output %q: want text, json, jsonl, yaml or name", a.output))
	}
	switch a.color {
	case "auto", "always", "never":
	default:
		return usage(cmd, fmt.Errorf("--color %q: want auto, always or never", a.color))
	}
	if (a.clientCert == "") != (a.clientKey == "") {
		return usage(cmd, errors.New("--client-cert and --client-key belong together: give both or none"))
	}
	if a.clientCert != "" && a.caCert == "" {
		return usage(cmd, errors.New("--client-cert without --ca-cert: the certificate would be shown to anybody"))
	}
	if a.readOnly && cmd.Annotations[impactKey] == "rw" {
		return &failure{
			Code: codeReadOnly, Title: "refused by --read-only", Detail: cmd.CommandPath() + " changes something.",
			Next: "leave out --read-only (and unset BACKSTITCH_READ_ONLY)", Exit: client.ExitNotAllowed,
		}
	}
	if a.timeout < 0 {
		return usage(cmd, fmt.Errorf("--timeout %s is negative", a.timeout))
	}
	if a.timeout > 0 {
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), a.timeout, errTimeout)
		context.AfterFunc(ctx, cancel)
		cmd.SetContext(ctx)
	}
	a.now = cmd.Context()
	return nil
}

// environment sets each flag that was not given from BACKSTITCH_ and the flag's name in capitals.
func (a *app) environment(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := envName(f.Name)
		value := a.getenv(name)
		if f.Changed || value == "" || f.Name == "help" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%s: %w", name, value, err))
		}
	})
	return errors.Join(errs...)
}

func envName(flag string) string {
	return "BACKSTITCH_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// client makes the API client that the flags describe.
func (a *app) client() (*client.Client, error) { return a.patientClient(a.patience) }

// asking makes a command that asks a node. Its client is closed when do returns.
func (a *app) asking(do func(cmd *cobra.Command, args []string, c *client.Client) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		defer c.Close()
		return do(cmd, args, c)
	}
}

func (a *app) patientClient(retry time.Duration) (*client.Client, error) {
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	return a.clientAs(token, retry)
}

// clientAs makes a client that shows a token or a login, the zero value for none.
func (a *app) clientAs(token access.Token, retry time.Duration) (*client.Client, error) {
	cfg := client.DefaultConfig()
	cfg.Addresses, cfg.Actor, cfg.Retry, cfg.Token = a.addr, actor(), retry, token
	if a.caCert != "" {
		conf, err := clientTLS(a.caCert, a.clientCert, a.clientKey)
		if err != nil {
			return nil, err
		}
		cfg.TLS = conf
	}
	c, err := client.New(cfg)
	var refused *client.Error
	switch {
	case errors.As(err, &refused):
		return nil, err
	case err != nil:
		return nil, &failure{Code: codeUsage, Title: "bad --addr", Detail: err.Error(), Next: "--addr HOST:7420", Exit: client.ExitUsage}
	}
	return c, nil
}

// token is what is shown to nodes: a token, or else the login that is kept for them; the zero value for neither. No error has any of its text.
func (a *app) token() (access.Token, error) {
	from, text := "BACKSTITCH_TOKEN", a.getenv("BACKSTITCH_TOKEN")
	if a.tokenFile != "" && (a.tokenGiven || text == "") {
		from = a.tokenFile
		b, err := os.ReadFile(a.tokenFile)
		if err != nil {
			return access.Token{}, &failure{Code: client.CodeNoToken, Title: "the file of the token can not be read", Detail: err.Error(), Exit: client.ExitUsage, Err: err,
				Next: "--token-file FILE, with what backstitch token create --out FILE has written"}
		}
		text = string(b)
	} else if text == "" {
		return a.loggedIn()
	}
	t, err := access.ParseToken(text)
	if err != nil {
		return access.Token{}, &failure{Code: client.CodeNoToken, Title: from + " has no token", Detail: err.Error(), Exit: client.ExitUsage, Err: err,
			Next: "what backstitch token create has shown, and nothing else: bst_..."}
	}
	return t, nil
}

// lookup finds a secret in the environment; an empty one is none.
func (a *app) lookup(name string) (string, bool) {
	value := a.getenv(name)
	return value, value != ""
}

// actor is who we are in the audit trail.
func actor() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}

// logging makes Kafka clients tell on stderr what they do, with --verbose.
func (a *app) logging() []kgo.Opt {
	if !a.verbose {
		return nil
	}
	handler := slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug})
	return []kgo.Opt{kgo.WithLogger(kslog.New(slog.New(handler)))}
}

// interactive reports whether there is a person to ask.
func (a *app) interactive() bool { return terminal(a.stdin) && terminal(a.stderr) }

func terminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// say prints one line for people to stderr, unless --quiet.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}
