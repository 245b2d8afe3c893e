package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"backstitch/chaos/fault"
	"backstitch/chaos/scenario"
	"backstitch/chaos/staging"
	"backstitch/cluster/client"
	"backstitch/fsm"
)

// chaosRun is what run and replay share.
type chaosRun struct {
	job   string
	limit time.Duration
	root  string
	meant bool
	where places
}

func (c *chaosRun) flags(f *pflag.FlagSet) {
	f.StringVar(&c.job, "job", "", "`job` that runs meanwhile and is verified after; required")
	f.DurationVar(&c.limit, "max-duration", 0, "heal and judge after this `duration` at the latest; required")
	f.StringVar(&c.root, "dir", "chaos-runs", "`directory` that gets one with the evidence of this run")
	f.BoolVar(&c.meant, "i-mean-it", false, "hurt more nodes at once than the cluster can do without")
	c.where.flags(f)
}

func (c *chaosRun) check(cmd *cobra.Command, a *app) error {
	switch {
	case c.job == "":
		return usage(cmd, errors.New("--job is needed: what it writes while the cluster is hurt is what is verified"))
	case c.limit <= 0:
		return usage(cmd, errors.New("--max-duration is needed: no run is without an end"))
	}
	return c.where.load(a)
}

func newChaosRun(a *app) *cobra.Command {
	var c chaosRun
	var seed uint64
	cmd := changes(&cobra.Command{
		Use:   "run SCENARIO",
		Short: "Hurt a staging cluster while a job runs, and verify the job",
		Long: `Put a cluster through a story while a job runs, then verify the job from here. SCENARIO is a name of chaos list or a file. Every
member has to say itself that its environment is staging or dev; otherwise nothing is done.

Every fault has an end of its own. All are taken back when the story is over, with Ctrl-C, when --max-duration is over, and when the
cluster loses more than the story says.

Exit status: 0 the promise was kept, 4 it was broken, 5 nothing was shown, 12 refused and nothing done, 130 interrupted.`,
		Example: `  backstitch chaos run kill-leader --job bs-7f3k2m --max-duration 10m --connections agent.yaml
  backstitch chaos run ./my-story.yaml --job bs-7f3k2m --max-duration 10m --connections agent.yaml --seed 7 --yes`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, s := range scenario.Library() {
				if staging.Can(s) == nil {
					names = append(names, s.Name)
				}
			}
			return names, cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.check(cmd, a); err != nil {
				return err
			}
			s, err := findStory(args[0])
			if err != nil {
				return err
			}
			switch {
			case cmd.Flags().Changed("seed"):
			case s.Seed != 0:
				seed = s.Seed
			default:
				seed = 1 + rand.Uint64N(1<<32) // #nosec G404 -- the seed of a run that is to be had again, no secret
			}
			again := fmt.Sprintf("backstitch chaos run %s --seed %d --job JOB --max-duration %s", args[0], seed, c.limit)
			return a.chaos(cmd.Context(), &c, s, nil, seed, again)
		},
	})
	c.flags(cmd.Flags())
	cmd.Flags().Uint64Var(&seed, "seed", 0, "`number` that decides what is random; without it a new one")
	return cmd
}

func newChaosReplay(a *app) *cobra.Command {
	var c chaosRun
	cmd := changes(&cobra.Command{
		Use:   "replay DIR",
		Short: "Do the same to a cluster once more: the same story, seed and faults",
		Long: `Put a cluster through what a run did, as its directory has it: the same story, the same seed, the same faults at the same times.
Who leads and who owns work is as it is now, so a role may stand for another node. The exit statuses are those of chaos run.`,
		Example: "  backstitch chaos replay chaos-runs/kill-leader-staging-7 --job bs-8a1zz2 --max-duration 10m --connections agent.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.check(cmd, a); err != nil {
				return err
			}
			r, err := readRun(args[0])
			if err != nil {
				return err
			}
			again := fmt.Sprintf("backstitch chaos replay %s --job JOB --max-duration %s", args[0], c.limit)
			return a.chaos(cmd.Context(), &c, r.Scenario, r.Faults, r.Head.Seed, again)
		},
	})
	c.flags(cmd.Flags())
	return cmd
}

// findStory reads a file, or finds a story by name.
func findStory(name string) (scenario.Scenario, error) {
	if strings.ContainsAny(name, "/\\") || strings.HasSuffix(name, ".yaml") {
		text, err := os.ReadFile(name)
		if err == nil {
			var s scenario.Scenario
			if s, err = scenario.Parse(name, text); err == nil {
				return s, nil
			}
		}
		f := &failure{Code: codeFile, Title: "can not use " + name, Detail: err.Error(), Next: "backstitch chaos list", Exit: client.ExitUsage, Err: err}
		if errors.Is(err, os.ErrNotExist) {
			f.Exit = client.ExitNotFound
		}
		return scenario.Scenario{}, f
	}
	s, err := scenario.Find(name)
	if err != nil {
		return s, &failure{Code: client.CodeNotFound, Title: err.Error(), Next: "backstitch chaos list", Exit: client.ExitNotFound, Err: err}
	}
	return s, nil
}

// chaos runs a story. faults are nil for those that story and seed say.
func (a *app) chaos(ctx context.Context, c *chaosRun, s scenario.Scenario, faults []fault.Fault, seed uint64, again string) error {
	api, err := a.patientClient(12 * a.patience)
	if err != nil {
		return err
	}
	defer api.Close()
	if err := staging.Can(s); err != nil {
		return chaosRefused(err)
	}
	state, err := api.Cluster(ctx)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("Hurt cluster %s (%s, %d voters) with %s, while job %s runs?", state.ID, state.Environment, state.Voters, s.Name, c.job)
	if err := a.confirm(question, "--yes"); err != nil {
		return err
	}
	a.say("%s   seed %d\n%s", s.Name, seed, s.Promise)
	result, err := staging.Run(ctx, staging.Config{
		Client: api, Dial: a.oneNode, Scenario: s, Seed: seed, Faults: faults, Job: c.job, MaxDuration: c.limit, Meant: c.meant,
		Root: c.root, Command: again, Version: version, Say: a.say,
		Verify: func(ctx context.Context) (staging.Proof, error) {
			_, fact, err := a.verify(ctx, api, &c.where, c.job, 4)
			proof := client.NewProof(fact)
			return staging.Proof{Verdict: proof.Verdict, Differences: differences(proof)}, err
		},
	})
	if err != nil {
		if result.Dir != "" {
			a.say("The evidence so far is in %s", result.Dir)
		}
		return chaosRefused(err)
	}
	err = a.print(answer{value: result, names: []string{result.Dir}, text: func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s   %s   seed %s   %s\n", strings.ToUpper(string(result.Verdict.Outcome)), s.Name,
			strconv.FormatUint(result.Seed, 10), result.Dir)
		return err
	}})
	if err != nil {
		return err
	}
	return judged(result.Verdict, result.Dir)
}

// differences has a line for each partition that is not as it should be.
func differences(p client.Proof) []string {
	var out []string
	for _, c := range p.Comparisons {
		if c.Verdict == fsm.Fail.String() {
			out = append(out, fmt.Sprintf("partition %d: %d missing, %d extra, %d twice; %s", c.Partition, c.Missing, c.Extra, c.IntroducedDuplicates, c.Detail))
		}
	}
	return out
}

// oneNode makes a client that asks one node only and does not insist.
func (a *app) oneNode(addr string) (*client.Client, error) {
	alone := *a
	alone.addr = []string{addr}
	return alone.patientClient(0)
}

// chaosRefused tells a run that was not begun from one that failed.
func chaosRefused(err error) error {
	if !errors.Is(err, staging.ErrRefused) {
		return err
	}
	title, detail := split(strings.TrimPrefix(err.Error(), staging.ErrRefused.Error()+": "))
	return &failure{Code: codeChaosRefused, Title: title, Detail: strings.TrimSpace(detail + "\nNothing was done to any node."), Exit: client.ExitNotAllowed, Err: err,
		Next: "backstitch chaos list   names what can be run; docs/chaos.md says what a cluster needs"}
}
