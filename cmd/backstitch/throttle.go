package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/config"
)

// bounds are the flags of throttle.
type bounds struct {
	cluster           bool
	namespace, target string
	bytes             perSecond
	records, requests perSecond
	off               bool
	reason            string
}

// perSecond is a number and /s: 20MiB/s, 500/s, 10k/s.
type perSecond struct {
	n    int64
	size bool // in bytes
}

// Set reads the text of a flag.
func (p *perSecond) Set(text string) error {
	number, ok := strings.CutSuffix(text, "/s")
	if !ok {
		return errors.New("want a number a second, such as " + p.example())
	}
	if p.size {
		var b config.Bytes
		if err := b.Set(number); err != nil {
			return err
		}
		p.n = int64(b)
	} else {
		thousand := int64(1)
		if k, ok := strings.CutSuffix(number, "k"); ok {
			number, thousand = k, 1000
		}
		n, err := strconv.ParseInt(number, 10, 32)
		if err != nil {
			return errors.New("want a whole number a second, such as " + p.example())
		}
		p.n = n * thousand
	}
	if p.n <= 0 {
		return errors.New("a limit of nothing would stop the work without saying so: backstitch pause JOB stops it, --off gives it free")
	}
	return nil
}

// Type is what help calls the value.
func (p *perSecond) Type() string { return "rate" }

// String is the text of a flag.
func (p *perSecond) String() string {
	if p.n == 0 {
		return ""
	}
	return limitText(p.n, p.size)
}

func (p *perSecond) example() string {
	if p.size {
		return "20MiB/s"
	}
	return "500/s or 10k/s"
}

func limitText(n int64, size bool) string {
	if size {
		return bytesText(n) + "/s"
	}
	return count(n) + "/s"
}

func newThrottle(a *app) *cobra.Command {
	b := bounds{bytes: perSecond{size: true}}
	cmd := &cobra.Command{
		Use:   "throttle [JOB]",
		Short: "Bound how much jobs do to their targets in a second",
		Long: `Bound how much jobs do to their targets in a second, all nodes together: bytes and records that are written or read back for the proof, and
calls of the target's protocol. Of one job, or with a flag of all jobs of a namespace, into a target, or of the cluster. All bounds hold at
once. A bound replaces the one before and takes effect within two seconds; what is not given is not limited.

backstitch limits shows what there is.

Exit status: 0 it is bounded, 2 usage, 10 there is no such job, 11 the job has ended.`,
		Example: `  backstitch throttle bs-7f3k2m --bytes 20MiB/s --reason "lag of billing grows"
  backstitch throttle --target kafka:MkU3OEVBNTcwNTJENDM2Qg/orders --records 5k/s
  backstitch throttle --cluster --requests 300/s
  backstitch throttle bs-7f3k2m --off`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			put, err := b.budget(args)
			if err != nil {
				return err
			}
			all, err := c.PutBudget(cmd.Context(), put)
			if err != nil {
				return err
			}
			out := budgetsAnswer(client.Budgets{Budgets: all})
			out.text = func(w io.Writer) error {
				if b.off {
					_, err := fmt.Fprintf(w, "%s is not bounded any more.\n", put.Scope)
					return err
				}
				fmt.Fprintf(w, "%s is bounded: %s, all nodes together.  See: backstitch limits\n", put.Scope, rateOf(put.Rate))
				return idle(w, all, put.Scope)
			}
			return a.print(out)
		}),
	}
	f := cmd.Flags()
	f.BoolVar(&b.cluster, "cluster", false, "bound all that the cluster does")
	f.StringVar(&b.namespace, "namespace", "", "bound the jobs of a `namespace`")
	f.StringVar(&b.target, "target", "", "bound what goes into a `place`: kafka:CLUSTER-ID, kafka:CLUSTER-ID/TOPIC, dir:PATH, s3://BUCKET/PREFIX/TOPIC")
	f.Var(&b.bytes, "bytes", "keys, values and headers, uncompressed, e.g. 20MiB/s")
	f.Var(&b.records, "records", "records, e.g. 500/s or 10k/s")
	f.Var(&b.requests, "requests", "calls: produce and fetch; put, get and list, e.g. 300/s")
	f.BoolVar(&b.off, "off", false, "take the bound away")
	f.StringVar(&b.reason, "reason", "", "`why`, for the audit trail")
	return changes(cmd)
}

// misused is the error of flags that do not go together.
func misused(title, next string) error {
	return &failure{Code: codeUsage, Title: title, Next: next, Exit: client.ExitUsage}
}

// budget is what the flags ask for.
func (b *bounds) budget(args []string) (client.PutBudget, error) {
	var scopes []string
	if len(args) == 1 {
		scopes = append(scopes, "job/"+args[0])
	}
	if b.cluster {
		scopes = append(scopes, "cluster")
	}
	if b.namespace != "" {
		scopes = append(scopes, "namespace/"+b.namespace)
	}
	if b.target != "" {
		scopes = append(scopes, "target/"+b.target)
	}
	rate := client.Rate{Bytes: b.bytes.n, Records: b.records.n, Requests: b.requests.n}
	limited := rate != client.Rate{}
	switch {
	case len(scopes) > 1:
		return client.PutBudget{}, misused("one bound at a time: a job, --cluster, --namespace or --target", "backstitch help throttle")
	case len(scopes) == 0:
		return client.PutBudget{}, misused("whom to bound is not said", "backstitch throttle JOB --bytes 20MiB/s, or --cluster, --namespace or --target instead of JOB")
	case limited && b.off:
		return client.PutBudget{}, misused("--off takes the bound away, and a rate sets one", "give one of them")
	case !limited && !b.off:
		return client.PutBudget{}, misused("how much is not said", "give --bytes, --records or --requests, or --off to take the bound away")
	}
	return client.PutBudget{Scope: scopes[0], Rate: rate, Reason: b.reason}, nil
}

// idle says that a bound is for nothing at the moment, which may be meant, or a name that is mistyped.
func idle(w io.Writer, all []client.Budget, scope string) error {
	i := slices.IndexFunc(all, func(b client.Budget) bool { return b.Scope == scope })
	if i < 0 || len(all[i].Jobs) > 0 {
		return nil
	}
	_, err := fmt.Fprintln(w, "No job falls under it now.  What a job writes to is under locks: backstitch status JOB -o json")
	return err
}

func newLimits(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "limits",
		Short:   "Show what bounds jobs, and what binds at the moment",
		Long:    "Show the bounds that backstitch throttle has set, and on how many nodes each holds work back at the moment.",
		Example: "  backstitch limits\n  backstitch limits -o json | jq '.budgets[].nodes'",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			all, err := c.Budgets(cmd.Context(), "")
			if err != nil {
				return err
			}
			return a.print(budgetsAnswer(all))
		}),
	}
}

func budgetsAnswer(b client.Budgets) answer {
	all := b.Budgets
	var names []string
	var rows [][]string
	for _, b := range all {
		names = append(names, b.Scope)
		rows = append(rows, []string{b.Scope, rateOf(b.Rate), partsText(b), dash(b.By), stamp(b.At), dash(b.Why)})
	}
	for _, p := range b.Feedback {
		rows = append(rows, []string{"job/" + p.Job, limitText(p.BytesPerSecond, true), boundText(p) + " on " + p.Node, "feedback", "-", p.Why})
	}
	value := client.Budgets{Budgets: append([]client.Budget{}, all...), Feedback: append([]client.Pace{}, b.Feedback...)}
	return answer{value: value, rows: append(anys(all), anys(b.Feedback)...), names: names, text: func(w io.Writer) error {
		if len(rows) == 0 {
			_, err := fmt.Fprintln(w, "No bounds.  Next: backstitch throttle JOB --bytes 20MiB/s")
			return err
		}
		return grid(w, []string{"WHO", "AT MOST", "NOW", "BY", "SINCE", "WHY"}, rows)
	}}
}

func rateOf(r client.Rate) string {
	var out []string
	if r.Bytes > 0 {
		out = append(out, limitText(r.Bytes, true))
	}
	for _, u := range []struct {
		n    int64
		unit string
	}{{r.Records, "records"}, {r.Requests, "requests"}} {
		if u.n > 0 {
			out = append(out, fmt.Sprintf("%s %s/s", count(u.n), u.unit))
		}
	}
	return dash(strings.Join(out, ", "))
}

// boundText says whether a job would do more than feedback leaves it.
func boundText(p client.Pace) string {
	if p.Binds {
		return "binds"
	}
	return "does not bind"
}

// limitLines are what status says of the budgets that a job falls under, and of what feedback leaves it.
func limitLines(w io.Writer, all client.Budgets) {
	for _, p := range all.Feedback {
		held := "held to"
		if !p.Binds {
			held = "would be held to"
		}
		fmt.Fprintf(w, "  feedback     %s %s/s on %s: %s\n", held, bytesText(p.BytesPerSecond), p.Node, p.Why)
	}
	for _, b := range all.Budgets {
		fmt.Fprintf(w, "  limit        %s of %s: %s%s\n", rateOf(b.Rate), b.Scope, partsText(b), because(b))
	}
}

func because(b client.Budget) string {
	if b.Why == "" {
		return ""
	}
	return fmt.Sprintf("   (%s: %s)", b.By, b.Why)
}

// partsText says on how many nodes a budget binds at the moment, and in which units.
func partsText(b client.Budget) string {
	held, units := 0, map[string]bool{}
	for _, p := range b.Nodes {
		if len(p.Held) > 0 {
			held++
		}
		for _, u := range p.Held {
			units[u] = true
		}
	}
	switch {
	case len(b.Jobs) == 0:
		return "no job falls under it"
	case len(b.Nodes) == 0:
		return "nobody works here"
	case held == 0:
		return fmt.Sprintf("does not bind on %s", nodesText(len(b.Nodes)))
	}
	return fmt.Sprintf("binds on %d of %s, in %s", held, nodesText(len(b.Nodes)), strings.Join(slices.Sorted(maps.Keys(units)), " and "))
}

func nodesText(n int) string {
	if n == 1 {
		return "1 node"
	}
	return count(int64(n)) + " nodes"
}

func newPriority(a *app) *cobra.Command {
	reason := ""
	cmd := &cobra.Command{
		Use:   "priority JOB N",
		Short: "Change when a job gets its turn",
		Long: `Change when a job, or a scan, gets its turn: 0 to 100, higher goes first. Slices that run go on to their end; the next free lane goes by
the new number.

Exit status: 0 it has the number, 2 usage, 10 there is no such job, 11 the job has ended.`,
		Example:           `  backstitch priority bs-7f3k2m 90 --reason "billing closes at six"`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeJobs,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			n, err := strconv.ParseUint(args[1], 10, 8)
			if err != nil || n > 100 {
				return misused(fmt.Sprintf("priority %q is not a number from 0 to 100", args[1]), "backstitch priority "+args[0]+" 70")
			}
			job, err := c.Prioritise(cmd.Context(), args[0], uint8(n), reason)
			if err != nil {
				return err
			}
			return a.print(answer{value: job, names: []string{job.ID}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Job %s has priority %d.\n", job.ID, job.Priority)
				return err
			}})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return changes(cmd)
}
