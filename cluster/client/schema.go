package client

import (
	"context"
	"time"
)

// DatasetSchema is a schema that records of a dataset name, as scans have met it.
type DatasetSchema struct {
	Pair        string     `json:"pair" doc:"reference and target of the scans"`
	Place       string     `json:"place" example:"values of the target"`
	Name        string     `json:"name" doc:"a number, or a GUID"`
	Fingerprint string     `json:"fingerprint" doc:"of what it says, the same in every registry"`
	Subject     string     `json:"subject,omitempty" doc:"of the topic, where its registry lists the schema"`
	Version     int32      `json:"version,omitempty"`
	Partition   int32      `json:"partition" doc:"where it was met first"`
	Offset      int64      `json:"offset"`
	WrittenAt   *time.Time `json:"writtenAt,omitempty" doc:"timestamp of that record"`
	Scan        string     `json:"scan" doc:"the first scan that met it; it may be forgotten"`
	MetAt       time.Time  `json:"metAt"`
	LastScan    string     `json:"lastScan"`
	LastMetAt   time.Time  `json:"lastMetAt"`
}

// DatasetSchemas is GET /v1/datasets/{namespace}/{name}/schemas, by pair, place and when they were met.
type DatasetSchemas struct {
	Schemas []DatasetSchema `json:"schemas"`
}

// DatasetSchemas lists which schemas records of a dataset name, since when.
func (c *Client) DatasetSchemas(ctx context.Context, namespace, name string) ([]DatasetSchema, error) {
	out, err := get[DatasetSchemas](ctx, c, dataset(namespace, name)+"/schemas", nil)
	return out.Schemas, err
}
