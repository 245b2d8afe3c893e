package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/recovery"
	"backstitch/replay/scan"
	"backstitch/replay/sentinel/watch"
	"backstitch/replay/spec"
)

func newDataset(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "dataset", Short: "What the cluster looks after: references, targets, and who hears of them"}
	cmd.AddCommand(newDatasetApply(a), newDatasetList(a), newDatasetShow(a), newDatasetDelete(a), newDatasetPlans(a), newDatasetPlan(a),
		newDatasetApprove(a), newDatasetReject(a), newDatasetAnomalies(a), newDatasetScan(a))
	return cmd
}

// scanPriority is that of the scans of a dataset, as scan run has it.
const scanPriority = 20

func newDatasetApply(a *app) *cobra.Command {
	var where places
	file, reason, dry := "", "", false
	cmd := changes(&cobra.Command{
		Use:   "apply",
		Short: "Make a dataset what a file says",
		Long: `Make a dataset what a file says, and print what changed. The same file again changes nothing. A dataset that somebody else changed
meanwhile is not overwritten: the exit status is 11.

Exit status: 0 the dataset is what the file says, 2 the file is wrong, 11 somebody else changed it meanwhile.`,
		Example: "  backstitch dataset apply -f orders-dataset.yaml\n  backstitch dataset apply -f orders-dataset.yaml --dry-run",
		Args:    cobra.NoArgs,
	})
	cmd.RunE = a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
		if file == "" {
			return usage(cmd, errors.New("which dataset? --file says it"))
		}
		if err := where.load(a); err != nil {
			return err
		}
		data, err := readSpecFile(file)
		if err != nil {
			return err
		}
		d, err := spec.ParseDataset(file, data, spec.Options{Connections: where.kinds()})
		if err != nil {
			return err
		}
		put, err := datasetSubmission(d.WithDefaults())
		if err != nil {
			return err
		}
		have, err := c.Dataset(cmd.Context(), put.Namespace, put.Name)
		switch {
		case err == nil:
			put.Seen = have.Index
		case !client.HasCode(err, client.CodeNotFound):
			return err
		}
		put.Reason = reason
		out := applied{Result: "created", DryRun: dry, Changes: []change{}}
		if err == nil {
			if out.Changes, err = documentChanges(have.Document, put.Document); err != nil {
				return err
			}
			out.Result = "changed"
		}
		if !dry {
			now, err := c.PutDataset(cmd.Context(), put)
			if err != nil {
				return err
			}
			if out.Dataset = &now; now.Index == put.Seen {
				out.Result = "unchanged"
			}
		} else if put.Seen != 0 && len(out.Changes) == 0 {
			out.Result = "unchanged"
		}
		return a.printApplied(put, out)
	})
	f := cmd.Flags()
	f.StringVarP(&file, "file", "f", "", "`file` with the dataset; required")
	f.BoolVar(&dry, "dry-run", false, "print what would change and change nothing")
	f.StringVar(&reason, "reason", "", "`why`, for the audit trail")
	where.flags(f)
	return cmd
}

// applied is what apply prints.
type applied struct {
	Result  string          `json:"result"` // created, changed or unchanged
	DryRun  bool            `json:"dryRun,omitempty"`
	Changes []change        `json:"changes"`
	Dataset *client.Dataset `json:"dataset,omitempty"`
}

func (a *app) printApplied(put client.PutDataset, out applied) error {
	name := put.Namespace + "/" + put.Name
	return a.print(answer{value: out, names: []string{name}, text: func(w io.Writer) error {
		would := ""
		if out.DryRun {
			would = "would be "
		}
		fmt.Fprintf(w, "Dataset %s: %s%s.\n", name, would, out.Result)
		for _, c := range out.Changes {
			fmt.Fprintf(w, "  %s\n", c)
		}
		_, err := fmt.Fprintf(w, "Next: backstitch dataset show %s\n", name)
		return err
	}})
}

// datasetSubmission is a dataset as the cluster keeps it.
func datasetSubmission(d *spec.Dataset) (client.PutDataset, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return client.PutDataset{}, fmt.Errorf("encode dataset %s: %w", d.Metadata.Name, err)
	}
	put := client.PutDataset{
		Namespace: d.Metadata.Namespace, Name: d.Metadata.Name, Document: text, Annotations: d.Metadata.Annotations,
		Reference: client.Place(d.Spec.Reference.Lineage()),
	}
	for _, t := range d.Spec.Targets {
		put.Targets = append(put.Targets, client.Place(t.Lineage()))
	}
	for _, n := range d.Spec.Notify {
		put.Endpoints = append(put.Endpoints, client.DatasetEndpoint{Name: n.Name, Format: n.Format, URL: n.URL, Token: n.Token, On: n.On})
	}
	policy := client.DatasetPolicy{Act: d.Spec.Policy}
	if l := d.Spec.Limits; l != nil {
		most, err := l.MaxBytes.Parse()
		if err != nil {
			return put, err
		}
		policy.MaxRecords, policy.MaxBytes = l.MaxRecords, most
	}
	put.Policy = &policy
	if r := d.Terms(); r != nil {
		t, err := recovery.TermsOf(&r.Spec)
		if err != nil {
			return put, err
		}
		put.Terms = terms(t)
	}
	rate := spec.Bytes("")
	if s := d.Spec.Schedule; s != nil {
		every, err := s.Every.Parse()
		if err != nil {
			return put, err
		}
		if every > 0 {
			put.Every = every.String()
		}
		put.Cron, rate = s.Cron, s.Rate
	}
	bytes, err := rate.Parse()
	if err != nil {
		return put, err
	}
	for _, r := range d.Recoveries() {
		o, err := scan.Watched(r, d.Spec.Schemas)
		if err != nil {
			return put, err
		}
		put.Orders = append(put.Orders, client.ScanOrder{
			Name: o.Name, Namespace: o.Namespace, Dataset: d.Metadata.Name, Pair: o.Pair, Recipe: o.Recipe, RateBytes: bytes, Whole: o.Whole,
			Priority: scanPriority,
		})
	}
	topics, err := watch.Topics(d)
	if err != nil {
		return put, err
	}
	if len(topics) > 0 {
		put.Watch = &client.DatasetWatch{Scan: d.Spec.Anomalies.Scan}
	}
	for _, x := range topics {
		put.Watch.Topics = append(put.Watch.Topics, client.CountedTopic{Target: int(x.Target), Topic: x.Topic, Recipe: x.Recipe, RateBytes: x.RateBytes, MaxBytes: int64(x.MaxBytes)})
	}
	return put, nil
}

func newDatasetList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the datasets of the cluster",
		Example: "  backstitch dataset list",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			all, err := c.Datasets(cmd.Context())
			if err != nil {
				return err
			}
			var names []string
			var rows [][]string
			for _, d := range all {
				names = append(names, d.Namespace+"/"+d.Name)
				rows = append(rows, []string{d.Namespace + "/" + d.Name, fmt.Sprint(len(d.Targets)), dash(datasetRule(d)), fmt.Sprint(len(d.Endpoints)), waitingText(d), stamp(d.ChangedAt)})
			}
			return a.print(answer{value: client.Datasets{Datasets: append([]client.Dataset{}, all...)}, rows: anys(all), names: names, text: func(w io.Writer) error {
				if len(all) == 0 {
					_, err := fmt.Fprintln(w, "No datasets.  Next: backstitch spec init dataset FILE")
					return err
				}
				return grid(w, []string{"DATASET", "TARGETS", "SCANNED", "ENDPOINTS", "NOTICES", "CHANGED"}, rows)
			}})
		}),
	}
}

func datasetRule(d client.Dataset) string {
	switch {
	case d.Cron != "":
		return "cron " + d.Cron
	case d.Every != "":
		return "every " + d.Every
	}
	return ""
}

// waitingText says whether everybody has been told.
func waitingText(d client.Dataset) string {
	waiting, dropped := 0, uint64(0)
	for _, e := range d.Deliveries {
		waiting += e.Waiting
		dropped += e.Dropped
	}
	switch {
	case dropped > 0:
		return fmt.Sprintf("%d waiting, %d given up", waiting, dropped)
	case waiting > 0:
		return fmt.Sprintf("%d waiting", waiting)
	}
	return "told"
}

// datasetNames splits NAME or NAMESPACE/NAME.
func datasetNames(arg string) (namespace, name string) {
	if before, after, ok := strings.Cut(arg, "/"); ok {
		return before, after
	}
	return spec.DefaultNamespace, arg
}

func newDatasetShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "show [NAMESPACE/]NAME",
		Short:             "Show a dataset, and how far its endpoints have been told",
		Example:           "  backstitch dataset show orders",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeDatasets,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			namespace, name := datasetNames(args[0])
			d, err := c.Dataset(cmd.Context(), namespace, name)
			if err != nil {
				return err
			}
			return a.print(answer{value: d, names: []string{d.Namespace + "/" + d.Name}, text: func(w io.Writer) error { return showDataset(w, d) }})
		}),
	}
}

func showDataset(w io.Writer, d client.Dataset) error {
	fmt.Fprintf(w, "Dataset %s/%s   changed %s by %s (index %d)\n", d.Namespace, d.Name, stamp(d.ChangedAt), d.ChangedBy, d.Index)
	fmt.Fprintf(w, "  reference  %s\n", placeText(d.Reference))
	for _, t := range d.Targets {
		fmt.Fprintf(w, "  target     %s\n", placeText(t))
	}
	if rule := datasetRule(d); rule != "" {
		fmt.Fprintf(w, "  scanned    %s", rule)
		if d.NextScanAt != nil {
			fmt.Fprintf(w, ", next at %s", stamp(*d.NextScanAt))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "  policy     %s\n", policyText(d.Policy))
	if t := d.Terms; t != nil {
		if n := len(t.PeakHours) + len(t.Blackout); n > 0 {
			fmt.Fprintf(w, "  hours      %d with a limit and %d in which nothing runs, in %s\n", len(t.PeakHours), len(t.Blackout), t.Timezone)
		}
		if s := t.SLA; s != nil {
			fmt.Fprintf(w, "  sla        %s %% within %s of the detection, alert after %d %%\n", ppmText(s.CompletePPM),
				untilText(time.Duration(s.RecoverWithinMs)*time.Millisecond), s.AlertPercent)
		}
	}
	countedLines(w, d)
	if open := openPlans(d); len(open) > 0 {
		if err := plansText(w, d, open); err != nil {
			return err
		}
	}
	if len(d.Endpoints) == 0 {
		_, err := fmt.Fprintln(w, "  Nobody is told what happens to it.")
		return err
	}
	return endpointsText(w, d.Endpoints, d.Deliveries)
}

// endpointsText prints who hears of a dataset or a flow, and how far they have been told.
func endpointsText(w io.Writer, endpoints []client.DatasetEndpoint, deliveries []client.Delivery) error {
	var rows [][]string
	for i, e := range endpoints {
		row := []string{e.Name, e.Format, strings.Join(e.On, ","), "-", "-", "-", "-"}
		if i < len(deliveries) {
			t := deliveries[i]
			row = []string{e.Name, e.Format, strings.Join(e.On, ","), fmt.Sprint(t.Sent), fmt.Sprint(t.Waiting), fmt.Sprint(t.Dropped), dash(t.Why)}
		}
		rows = append(rows, row)
	}
	return grid(w, []string{"ENDPOINT", "FORMAT", "HEARS OF", "TOLD", "WAITING", "GIVEN UP", "WHY"}, rows)
}

// openPlans are the plans that wait or are being made, and otherwise the newest one.
func openPlans(d client.Dataset) []client.DatasetPlan {
	var out []client.DatasetPlan
	for _, p := range d.Plans {
		if p.State == "waiting" || p.State == "making" {
			out = append(out, p)
		}
	}
	if len(out) == 0 && len(d.Plans) > 0 {
		out = d.Plans[:1]
	}
	return out
}

func placeText(p client.Place) string {
	if p.Namespace == "file" {
		return p.Name
	}
	return strings.TrimRight(p.Namespace, "/") + "/" + strings.TrimLeft(p.Name, "/")
}

func newDatasetDelete(a *app) *cobra.Command {
	return changes(&cobra.Command{
		Use:   "delete [NAMESPACE/]NAME",
		Short: "Forget a dataset",
		Long: `Forget a dataset: its scans are not due any more, and what its endpoints have not been told yet they will not be told. Jobs and scans
about it stay, those that run as well.

Exit status: 0 it is gone, 10 there is no such dataset, 11 somebody changed it meanwhile.`,
		Example:           "  backstitch dataset delete orders --yes",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeDatasets,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			namespace, name := datasetNames(args[0])
			d, err := c.Dataset(cmd.Context(), namespace, name)
			if err != nil {
				return err
			}
			if err := a.confirm(fmt.Sprintf("Forget dataset %s/%s?", namespace, name), "--yes"); err != nil {
				return err
			}
			if err := c.DeleteDataset(cmd.Context(), namespace, name, d.Index); err != nil {
				return err
			}
			return a.print(answer{value: map[string]string{"deleted": namespace + "/" + name}, names: []string{namespace + "/" + name}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Dataset %s/%s is forgotten.\n", namespace, name)
				return err
			}})
		}),
	})
}

func (a *app) completeDatasets(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeBy(cmd, func(ctx context.Context, c *client.Client) []string {
		all, _ := c.Datasets(ctx)
		var names []string
		for _, d := range all {
			names = append(names, d.Namespace+"/"+d.Name)
		}
		return names
	})
}
