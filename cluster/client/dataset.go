package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Place is how OpenLineage calls a source or a target.
type Place struct {
	Namespace string `json:"namespace" example:"kafka://broker:9092"`
	Name      string `json:"name" example:"orders"`
}

// DatasetEndpoint is who hears of what happens to a dataset.
type DatasetEndpoint struct {
	Name   string   `json:"name"`
	Format string   `json:"format" enum:"alertmanager,alertmanager-webhook,cloudevents,openlineage"`
	URL    string   `json:"url"`
	Token  string   `json:"token,omitempty" doc:"where the nodes find the token; never the token"`
	On     []string `json:"on" doc:"started, succeeded, failed, cancelled, found, planned, sla-at-risk, sla-missed"`
}

// DatasetPolicy is what the cluster does by itself when a scan has found records missing.
type DatasetPolicy struct {
	Act        string `json:"act" enum:"notify,planAndWait,run"`
	MaxRecords int64  `json:"maxRecords,omitempty" minimum:"0" doc:"that one plan may write without a person; of run only"`
	MaxBytes   int64  `json:"maxBytes,omitempty" minimum:"0"`
}

// PutDataset is POST /v1/datasets.
type PutDataset struct {
	Namespace   string            `json:"namespace" maxLength:"63"`
	Name        string            `json:"name" maxLength:"63"`
	Document    json.RawMessage   `json:"document" doc:"the dataset as it was written, with defaults filled in"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Reference   Place             `json:"reference"`
	Targets     []Place           `json:"targets" minItems:"1" maxItems:"16"`
	Endpoints   []DatasetEndpoint `json:"endpoints,omitempty" maxItems:"8"`
	Orders      []ScanOrder       `json:"orders,omitempty" doc:"one scan for each target"`
	Every       string            `json:"every,omitempty" example:"6h" doc:"time between two scans; or cron"`
	Cron        string            `json:"cron,omitempty" example:"0 3 * * *" doc:"in UTC"`
	Policy      *DatasetPolicy    `json:"policy,omitempty" doc:"what happens by itself; left out, it is notify"`
	Terms       *Terms            `json:"terms,omitempty" doc:"of the jobs that the policy starts; of policies that start any"`
	Seen        uint64            `json:"seen,omitempty" doc:"modifyIndex of the version that is replaced; 0 for a new dataset"`
	Reason      string            `json:"reason,omitempty"`
}

// Dataset is a dataset of the cluster.
type Dataset struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	Document    json.RawMessage   `json:"document"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Reference   Place             `json:"reference"`
	Targets     []Place           `json:"targets"`
	Endpoints   []DatasetEndpoint `json:"endpoints"`
	Deliveries  []Delivery        `json:"deliveries" doc:"how far each endpoint has been told"`
	Every       string            `json:"every,omitempty"`
	Cron        string            `json:"cron,omitempty"`
	Policy      DatasetPolicy     `json:"policy"`
	Terms       *Terms            `json:"terms,omitempty" doc:"of the jobs that the policy starts"`
	Plans       []DatasetPlan     `json:"plans" doc:"that the cluster made of what scans found, newest first"`
	Scannable   bool              `json:"scannable" doc:"whether the cluster knows how to scan it"`
	CreatedBy   string            `json:"createdBy"`
	CreatedAt   time.Time         `json:"createdAt"`
	ChangedBy   string            `json:"changedBy"`
	ChangedAt   time.Time         `json:"changedAt"`
	Index       uint64            `json:"modifyIndex"`
}

// Delivery is how far an endpoint has been told.
type Delivery struct {
	Endpoint string     `json:"endpoint"`
	Sent     uint64     `json:"sent"`
	Dropped  uint64     `json:"dropped" doc:"given up"`
	Waiting  int        `json:"waiting"`
	Why      string     `json:"why,omitempty" doc:"of the newest that was given up"`
	At       *time.Time `json:"at,omitempty" doc:"of the newest change"`
}

// Datasets is GET /v1/datasets, by name.
type Datasets struct {
	Datasets []Dataset `json:"datasets"`
}

func dataset(namespace, name string) string {
	return "/v1/datasets/" + url.PathEscape(namespace) + "/" + url.PathEscape(name)
}

// Datasets lists all datasets.
func (c *Client) Datasets(ctx context.Context) ([]Dataset, error) {
	out, err := get[Datasets](ctx, c, "/v1/datasets", nil)
	return out.Datasets, err
}

// Dataset reads one dataset.
func (c *Client) Dataset(ctx context.Context, namespace, name string) (Dataset, error) {
	return get[Dataset](ctx, c, dataset(namespace, name), nil)
}

// PutDataset makes or replaces a dataset.
func (c *Client) PutDataset(ctx context.Context, d PutDataset) (Dataset, error) {
	return post[Dataset](ctx, c, "/v1/datasets", d)
}

// DeleteDataset deletes the version of a dataset that was seen.
func (c *Client) DeleteDataset(ctx context.Context, namespace, name string, seen uint64) error {
	_, _, err := call[Done](ctx, c, request{method: http.MethodDelete, path: dataset(namespace, name), query: url.Values{"seen": {strconv.FormatUint(seen, 10)}}})
	return err
}

// Triggered is what an alert has started.
type Triggered struct {
	Fingerprint string   `json:"fingerprint"`
	Dataset     string   `json:"dataset,omitempty"`
	Result      string   `json:"result" enum:"started,known,running,resolved,unlabelled,own"`
	Scans       []string `json:"scans,omitempty"`
}

// TriggerResults is the answer to POST /v1/triggers/alertmanager, one for each alert.
type TriggerResults struct {
	Alerts []Triggered `json:"alerts"`
}
