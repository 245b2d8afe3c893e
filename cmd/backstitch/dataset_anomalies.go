package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/sentinel/baseline"
)

func newDatasetAnomalies(a *app) *cobra.Command {
	var all, detailed bool
	cmd := &cobra.Command{
		Use:   "anomalies [NAMESPACE/]NAME",
		Short: "Show what of a dataset's topics is unusual, by what they usually have in an hour",
		Long: `Show what of a dataset's topics is unusual, and how far they are counted. The cluster counts those of a dataset that says so (spec.anomalies),
each hour once, and keeps what it has learned. What is unusual need not be lost, and nothing is called so. Nothing is read but the cluster's book.

Exit status: 0, and with --detailed-exitcode 8 when something is unusual, and 5 when nothing is and a topic could not be judged.`,
		Example:           "  backstitch dataset anomalies orders\n  backstitch dataset anomalies orders --all -o jsonl",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeDatasets,
	}
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		namespace, name := datasetNames(args[0])
		d, err := c.Dataset(cmd.Context(), namespace, name)
		if err != nil {
			return err
		}
		out := datasetUnusual{Dataset: d.Namespace + "/" + d.Name, Hours: d.Hours, Anomalies: []client.DatasetAnomaly{}}
		open := 0
		for _, x := range d.Anomalies {
			if !x.Over {
				open++
			}
			if all || !x.Over {
				out.Anomalies = append(out.Anomalies, x)
			}
		}
		var names []string
		for _, x := range out.Anomalies {
			names = append(names, x.ID)
		}
		if err := a.print(answer{value: out, rows: anys(out.Anomalies), names: names, text: out.text}); err != nil {
			return err
		}
		if !detailed {
			return nil
		}
		return detailedStatus(open > 0, out.unjudged())
	})
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also what is over")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 8 when something is unusual, and with 5 when nothing is and a topic could not be judged")
	return cmd
}

// datasetUnusual is what the command prints.
type datasetUnusual struct {
	Dataset   string                  `json:"dataset"`
	Hours     []client.DatasetHours   `json:"hours"`
	Anomalies []client.DatasetAnomaly `json:"anomalies"`
}

// unjudged is how many topics nothing can be said of.
func (d datasetUnusual) unjudged() (n int) {
	if len(d.Hours) == 0 {
		return 1
	}
	for _, h := range d.Hours {
		if h.Judged == 0 || h.Failures > 0 {
			n++
		}
	}
	return n
}

func (d datasetUnusual) text(w io.Writer) error {
	if len(d.Hours) == 0 {
		_, err := fmt.Fprintf(w, "Nothing of %s is counted by the hour.  Next: add anomalies: {} to its spec, and backstitch dataset apply\n", d.Dataset)
		return err
	}
	for _, h := range d.Hours {
		fmt.Fprintf(w, "%s   %s\n", h.Topic, countedText(h))
		for _, x := range d.Anomalies {
			if x.Topic == h.Topic {
				anomalyText(w, x)
			}
		}
		if _, err := io.WriteString(w, gap.NotCheckedText(h.Notes)); err != nil {
			return err
		}
	}
	open, scan := false, ""
	for _, x := range d.Anomalies {
		if !x.Over {
			open, scan = true, cmp.Or(scan, x.Scan)
		}
	}
	switch {
	case open && scan != "":
		_, err := fmt.Fprintf(w, "\nWhat is unusual need not be lost.  Next: backstitch gaps list --scan %s     says what the reference has and the topic lacks\n", scan)
		return err
	case open:
		_, err := fmt.Fprintf(w, "\nWhat is unusual need not be lost.  Next: backstitch dataset show %s     says when it is scanned; scan: true in spec.anomalies starts a scan by itself\n", d.Dataset)
		return err
	case d.unjudged() == len(d.Hours):
		_, err := fmt.Fprintln(w, "\nNothing was judged yet.")
		return err
	}
	_, err := fmt.Fprintln(w, "\nNothing is unusual.")
	return err
}

func anomalyText(w io.Writer, x client.DatasetAnomaly) {
	state := "anomaly"
	if x.Over {
		state = "over"
	}
	fmt.Fprintf(w, "  %-7s  %-20s %12s   %s .. %s   %s\n", state, x.About, gap.Count(x.Off), stamp(x.Since), stamp(x.Until), x.ID)
	fmt.Fprintf(w, "           %s\n", x.Reason)
	if x.Cause != "" {
		fmt.Fprintf(w, "           Likely: %s.\n", x.Cause)
	}
	if x.Scan != "" {
		fmt.Fprintf(w, "           Scan %s looks into it.\n", x.Scan)
	}
}

// countedText says how far a topic is counted.
func countedText(h client.DatasetHours) string {
	text := "not counted yet"
	switch {
	case h.To != nil && h.Judged == 0:
		text = fmt.Sprintf("%s of %s, up to %s; %d are needed before one is judged", gap.Plural(h.Records, "record"), gap.Plural(h.Hours, "hour"), stamp(*h.To), baseline.WarmHours)
	case h.To != nil:
		text = fmt.Sprintf("%s of %s, up to %s; %d of %d measures are judged", gap.Plural(h.Records, "record"), gap.Plural(h.Hours, "hour"), stamp(*h.To), h.Judged, h.Places)
	}
	if h.Failures > 0 {
		text += fmt.Sprintf("; the newest %s failed: %s", gap.Plural(int64(h.Failures), "look"), h.Failure)
	}
	return text
}

// countedLines is what dataset show says of it.
func countedLines(w io.Writer, d client.Dataset) {
	for _, h := range d.Hours {
		fmt.Fprintf(w, "  counted    %s: %s\n", h.Topic, countedText(h))
	}
	for _, x := range d.Anomalies {
		if !x.Over {
			fmt.Fprintf(w, "  unusual    %s: %s since %s: %s (%s)\n", x.Topic, x.About, stamp(x.Since), x.Reason, x.ID)
		}
	}
}
