package admin

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

// listSchemas shows which schemas records of a dataset name, since when.
func (s *Server) listSchemas(_ context.Context, in *DatasetPath) (*indexed[client.DatasetSchemas], error) {
	return reading(s, func(view *fsm.View) (client.DatasetSchemas, error) {
		out := client.DatasetSchemas{Schemas: []client.DatasetSchema{}}
		if _, ok, err := view.Dataset(in.name()); err != nil || !ok {
			return out, cmp.Or(err, unknownDataset(in.name()))
		}
		var all []fsm.DatasetSchema
		for d, err := range view.DatasetSchemas(in.name()) {
			if err != nil {
				return out, err
			}
			all = append(all, d)
		}
		slices.SortStableFunc(all, func(a, b fsm.DatasetSchema) int {
			return cmp.Or(cmp.Compare(a.Pair, b.Pair), cmp.Compare(a.Seen.Place, b.Seen.Place), cmp.Compare(a.UnixNanos, b.UnixNanos), cmp.Compare(a.Seen.TimestampMs, b.Seen.TimestampMs))
		})
		for _, d := range all {
			out.Schemas = append(out.Schemas, describeSchema(d))
		}
		return out, nil
	})
}

func describeSchema(d fsm.DatasetSchema) client.DatasetSchema {
	out := client.DatasetSchema{
		Pair: d.Pair, Place: d.Seen.Place.String(), Name: d.Seen.Name, Fingerprint: hex.EncodeToString(d.Seen.Print[:]), Subject: d.Seen.Subject, Version: d.Seen.Version,
		Partition: d.Seen.First.Partition, Offset: int64(d.Seen.First.Offset), Scan: string(d.Scan), MetAt: time.Unix(0, d.UnixNanos).UTC(),
		LastScan: string(d.Last), LastMetAt: time.Unix(0, d.LastUnixNanos).UTC(),
	}
	if ms := d.Seen.TimestampMs; ms > 0 {
		at := time.UnixMilli(ms).UTC()
		out.WrittenAt = &at
	}
	return out
}
