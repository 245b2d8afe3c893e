package main

import (
	"context"
	"fmt"
	"io"

	"backstitch/cluster/client"
	"backstitch/partition"
)

// datasetSchemas shows which schemas records of a dataset name, since when.
func (a *app) datasetSchemas(ctx context.Context, c *client.Client, dataset string) error {
	namespace, name := datasetNames(dataset)
	all, err := c.DatasetSchemas(ctx, namespace, name)
	if err != nil {
		return err
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	value := client.DatasetSchemas{Schemas: append([]client.DatasetSchema{}, all...)}
	return a.print(answer{value: value, rows: anys(all), names: names, text: func(w io.Writer) error { return schemasText(w, namespace+"/"+name, all) }})
}

func schemasText(w io.Writer, dataset string, all []client.DatasetSchema) error {
	if len(all) == 0 {
		_, err := fmt.Fprintf(w, "No scan of %s has met a schema. Scans of the cluster meet them where the dataset's reference and targets name registries.\n", dataset)
		return err
	}
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Pair == all[0].Pair && all[n].Place == all[0].Place {
			n++
		}
		if _, err := fmt.Fprintf(w, "%s   %s\n", all[0].Place, all[0].Pair); err != nil {
			return err
		}
		var rows [][]string
		for _, s := range all[:n] {
			listed, written := "not listed", "-"
			if s.Subject != "" {
				listed = fmt.Sprintf("%s@%d", s.Subject, s.Version)
			}
			if s.WrittenAt != nil {
				written = stamp(*s.WrittenAt)
			}
			rows = append(rows, []string{
				s.Name, listed, short(s.Fingerprint), spot{s.Partition, partition.Offset(s.Offset)}.String(), written, s.Scan + " " + stamp(s.MetAt), stamp(s.LastMetAt),
			})
		}
		if err := grid(w, []string{"SCHEMA", "LISTED", "FINGERPRINT", "FIRST RECORD", "WRITTEN", "MET BY", "LAST MET"}, rows); err != nil {
			return err
		}
		if all = all[n:]; len(all) > 0 {
			fmt.Fprintln(w)
		}
	}
	return nil
}
