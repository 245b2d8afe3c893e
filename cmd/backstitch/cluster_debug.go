package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/bundle"
	"backstitch/replay/gap"
)

const (
	debugJobs   = 50              // of which the details are taken, unless they are named
	debugFlows  = 50              // likewise
	debugAudit  = 1000            // newest records
	debugAnswer = 64 << 20        // bytes of one answer that are read
	debugNode   = 2 * time.Second // how long a node that does not answer is tried
)

const debugReadme = `A bundle of backstitch cluster debug.

  manifest.json   what is here, where each entry came from, its SHA-256, and what could not be had
  cluster/        what the node that was asked says of the cluster: members, jobs, scans, datasets, flows, limits, the newest audit records
  jobs/ flows/    what is under way, in detail
  nodes/NAME/     what each node says of itself: health, metrics, its Raft, what its goroutines are doing

Not here: the logs of agents. They are where the service manager keeps them, e.g. journalctl -u backstitch --since -2h
`

func newClusterDebug(a *app) *cobra.Command {
	d := &debugging{app: a}
	cmd := &cobra.Command{
		Use:   "debug",
		Short: "Collect what somebody needs who is to help, in one file",
		Long: `Ask the cluster, and each of its nodes by itself, for what helps to find out what is wrong, and write the answers into one file: a tar in zstd. Nothing
in the cluster is changed. What can not be had is named in the file's manifest, and is no reason to stop.

What opens doors is taken out: passwords, tokens and keys behind names that say so, users and queries of URLs, and all but the host of a URL for the
web, since the path of a webhook is its password. References to secrets stay. Names of topics, buckets, nodes and people stay too: look into the
file before it leaves the house.`,
		Example: "  backstitch cluster debug\n  backstitch cluster debug --job bs-7f3k2 --out /tmp/for-support.tar.zst",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			return d.run(cmd.Context(), c, time.Now())
		}),
	}
	cmd.Flags().StringVar(&d.out, "out", "", "`file` to write; backstitch-debug-TIME.tar.zst here unless given")
	cmd.Flags().StringSliceVar(&d.jobs, "job", nil, "`job` to look at in detail beside those under way; may be given again")
	cmd.Flags().BoolVar(&d.redact, "redact", true, "take out what opens doors")
	return cmd
}

// debugging is one bundle.
type debugging struct {
	app    *app
	out    string
	jobs   []string
	redact bool

	bundle *bundle.Writer
}

// run writes the bundle under another name until it is whole.
func (d *debugging) run(ctx context.Context, c *client.Client, now time.Time) error {
	if d.out == "" {
		d.out = "backstitch-debug-" + now.UTC().Format("20060102T150405Z") + ".tar.zst"
	}
	if _, err := os.Lstat(d.out); !errors.Is(err, fs.ErrNotExist) {
		return &failure{Code: codeFile, Title: d.out + " exists", Detail: "It is not overwritten.", Next: "name another file with --out", Exit: client.ExitConflict}
	}
	members, err := c.Members(ctx) // who does not answer at all has nothing to tell
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(d.out), ".debug-*")
	if err != nil {
		return &failure{Code: codeFile, Title: "can not write " + d.out, Detail: err.Error(), Next: "name another file with --out", Exit: client.ExitFailed, Err: err}
	}
	defer os.Remove(temp.Name())
	manifest, err := d.fill(ctx, c, members, temp, now)
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), d.out); err != nil {
		return err
	}
	return d.app.print(answer{value: debugged{File: d.out, Manifest: manifest}, names: []string{d.out}, text: func(w io.Writer) error {
		return debugText(w, d.out, manifest)
	}})
}

// debugged is what is printed of a bundle.
type debugged struct {
	File     string          `json:"file"`
	Manifest bundle.Manifest `json:"manifest"`
}

func debugText(w io.Writer, out string, m bundle.Manifest) error {
	var missing [][]string
	taken := 0
	for _, e := range m.Entries {
		taken += e.Out
		if e.Failed != "" {
			missing = append(missing, []string{"  " + e.Name, e.Failed})
		}
	}
	fmt.Fprintf(w, "Wrote %s: %s\n", out, gap.Plural(int64(len(m.Entries)-len(missing)), "answer"))
	if m.Redacted {
		fmt.Fprintf(w, "%s taken out. Names of topics, nodes and people are still in it.\n", gap.Plural(int64(taken), "secret"))
	} else {
		fmt.Fprintln(w, "Nothing was taken out: whoever has the file has the secrets in it.")
	}
	if len(missing) == 0 {
		return nil
	}
	fmt.Fprintln(w, "Not to be had:")
	return grid(w, []string{"  ENTRY", "WHY"}, missing)
}

func (d *debugging) fill(ctx context.Context, c *client.Client, members []client.Member, to io.Writer, now time.Time) (bundle.Manifest, error) {
	var err error
	if d.bundle, err = bundle.New(to, now, version, debugReadme, d.redact); err != nil {
		return bundle.Manifest{}, err
	}
	for _, part := range []struct{ name, path string }{
		{"status", "/v1/cluster"}, {"members", "/v1/members"}, {"raft-peers", "/v1/raft/peers"}, {"proof-keys", "/v1/cluster/proof-keys"}, {"gossip-keys", "/v1/cluster/keyring"},
		{"jobs", "/v1/jobs"}, {"scans", "/v1/scans"}, {"scan-schedules", "/v1/scan-schedules"}, {"datasets", "/v1/datasets"},
		{"flows", "/v1/flows"}, {"budgets", "/v1/budgets"}, {"aliases", "/v1/aliases"},
	} {
		if err := d.keep(ctx, c, "the cluster", "cluster/"+part.name+".json", part.path, nil); err != nil {
			return bundle.Manifest{}, err
		}
	}
	if err := d.keep(ctx, c, "the cluster", "cluster/audit.json", "/v1/audit", url.Values{"limit": {fmt.Sprint(debugAudit)}}); err != nil {
		return bundle.Manifest{}, err
	}
	if err := d.underWay(ctx, c); err != nil {
		return bundle.Manifest{}, err
	}
	for _, m := range members {
		if err := d.node(ctx, m); err != nil {
			return bundle.Manifest{}, err
		}
	}
	return d.bundle.Close()
}

// underWay keeps what has not ended in detail, and the jobs that were named.
func (d *debugging) underWay(ctx context.Context, c *client.Client) error {
	named := map[string]bool{}
	for _, id := range d.jobs {
		named[id] = true
	}
	ids, taken := append([]string(nil), d.jobs...), 0
	jobs, _, err := c.Jobs(ctx, client.Blocking{})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	for _, j := range jobs {
		if j.Terminal() || named[j.ID] {
			continue
		}
		if taken++; taken > debugJobs {
			d.bundle.Missing("jobs/"+j.ID, "", fmt.Errorf("there are more than %d jobs under way; take this one with --job %s", debugJobs, j.ID))
			continue
		}
		ids = append(ids, j.ID)
	}
	for _, id := range ids {
		for _, part := range []struct{ name, path string }{{"job", ""}, {"slices", "/slices"}, {"recipe", "/recipe"}, {"proofs", "/proofs"}, {"discarded", "/discarded"}} {
			if err := d.keep(ctx, c, "the cluster", "jobs/"+url.PathEscape(id)+"/"+part.name+".json", "/v1/jobs/"+url.PathEscape(id)+part.path, nil); err != nil {
				return err
			}
		}
	}
	flows, err := c.Flows(ctx)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	taken = 0
	for _, f := range flows {
		if f.Terminal() {
			continue
		}
		if taken++; taken > debugFlows {
			d.bundle.Missing("flows/"+f.ID+".json", "", fmt.Errorf("there are more than %d flows under way", debugFlows))
			continue
		}
		if err := d.keep(ctx, c, "the cluster", "flows/"+url.PathEscape(f.ID)+".json", "/v1/flows/"+url.PathEscape(f.ID), nil); err != nil {
			return err
		}
	}
	return nil
}

// node keeps what a node says of itself. One that is silent is asked once.
func (d *debugging) node(ctx context.Context, m client.Member) error {
	dir := "nodes/" + url.PathEscape(m.Name) + "/"
	if m.APIAddr == "" {
		d.bundle.Missing(dir, "", errors.New("the cluster does not know the address of its API"))
		return nil
	}
	alone := *d.app
	alone.addr = []string{m.APIAddr}
	c, err := alone.patientClient(debugNode)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, probe := range []string{"live", "ready", "startup"} {
		name, from := dir+"health-"+probe+".json", "GET /healthz/"+probe+" of "+m.Name
		h, err := c.Health(ctx, probe)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d.bundle.Missing(dir, from, err)
			return nil
		}
		body, err := json.Marshal(h)
		if err != nil {
			return err
		}
		if err := d.bundle.Add(name, from, body); err != nil {
			return err
		}
	}
	parts := []struct{ name, path string }{
		{"status.json", "/v1/cluster"}, {"raft-peers.json", "/v1/raft/peers"}, {"metrics.txt", "/metrics"}, {"stacks.txt", "/v1/node/stacks"},
	}
	if status, err := c.Cluster(ctx); err == nil && status.Environment != "production" { // elsewhere a node may have been hurt on purpose
		parts = append(parts, struct{ name, path string }{"faults.json", "/v1/chaos/faults"})
	}
	for _, part := range parts {
		if err := d.keep(ctx, c, m.Name, dir+part.name, part.path, nil); err != nil {
			return err
		}
	}
	return nil
}

// keep puts an answer in, or why there is none. It fails when the bundle can not be written, or nobody waits for it any more.
func (d *debugging) keep(ctx context.Context, c *client.Client, who, name, path string, query url.Values) error {
	from := "GET " + path + " of " + who
	body, err := c.Raw(ctx, path, query, debugAnswer)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		d.bundle.Missing(name, from, err)
		return nil
	}
	return d.bundle.Add(name, from, body)
}
