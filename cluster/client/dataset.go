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
	On     []string `json:"on" doc:"started, succeeded, failed, cancelled, found, planned, sla-at-risk, sla-missed, anomaly, usual"`
}

// DatasetPolicy is what the cluster does by itself when a scan has found records missing.
type DatasetPolicy struct {
	Act        string `json:"act" enum:"notify,planAndWait,run"`
	MaxRecords int64  `json:"maxRecords,omitempty" minimum:"0" doc:"that one plan may write without a person; of run only"`
	MaxBytes   int64  `json:"maxBytes,omitempty" minimum:"0"`
}

// CountedTopic is a target that is counted by the hour.
type CountedTopic struct {
	Target    int             `json:"target" minimum:"0" maximum:"15" doc:"place in targets"`
	Topic     string          `json:"topic" minLength:"1" maxLength:"249"`
	Recipe    json.RawMessage `json:"recipe" doc:"what of it is counted, and where it is"`
	RateBytes int64           `json:"rateBytes,omitempty" minimum:"0"`
	MaxBytes  int64           `json:"maxBytes" minimum:"65536" maximum:"1048576" doc:"of what was learned of it"`
}

// DatasetWatch is what of a dataset is counted by the hour.
type DatasetWatch struct {
	Topics []CountedTopic `json:"topics" minItems:"1" maxItems:"16"`
	Scan   bool           `json:"scan,omitempty" doc:"whether what begins to be unusual starts a scan"`
}

// DatasetHours is how far a topic is counted.
type DatasetHours struct {
	Target   int        `json:"target"`
	Topic    string     `json:"topic"`
	From     *time.Time `json:"from,omitempty" doc:"beginning of the oldest hour"`
	To       *time.Time `json:"to,omitempty" doc:"end of the newest hour"`
	Hours    int64      `json:"hours" doc:"that were counted"`
	Records  int64      `json:"records"`
	Places   uint32     `json:"places" doc:"what is counted apart: the topic, its partitions and fields"`
	Judged   uint32     `json:"judged" doc:"of these, what is known well enough to be judged"`
	Bytes    int        `json:"bytes" doc:"that keep what was learned"`
	MaxBytes int64      `json:"maxBytes"`
	By       string     `json:"by,omitempty" doc:"node that looked last"`
	LookedAt *time.Time `json:"lookedAt,omitempty"`
	Failures uint32     `json:"failures,omitempty" doc:"looks in a row that failed"`
	Failure  string     `json:"failure,omitempty"`
	Notes    []string   `json:"notChecked,omitempty"`
}

// DatasetAnomaly is something of a topic that is not as it usually is.
type DatasetAnomaly struct {
	ID       string     `json:"id" doc:"fingerprint"`
	Topic    string     `json:"topic"`
	About    string     `json:"about" example:"source web-3"`
	More     bool       `json:"more" doc:"there is more than usual, not less"`
	Since    time.Time  `json:"since"`
	Until    time.Time  `json:"until" doc:"end of the newest hour that was judged"`
	Off      int64      `json:"records" doc:"by how many records it is off since"`
	Hour     time.Time  `json:"hour" doc:"that is off most"`
	From     int64      `json:"expectedFrom" doc:"nineteen of twenty such hours have that many, of a source 0"`
	To       int64      `json:"expectedTo"`
	Seen     int64      `json:"seen"`
	Season   string     `json:"season,omitempty" example:"Fridays 03:00 to 04:00 UTC"`
	Reason   string     `json:"reason"`
	Cause    string     `json:"cause,omitempty" doc:"the likely one"`
	FoundAt  time.Time  `json:"foundAt"`
	Over     bool       `json:"over"`
	OverAt   *time.Time `json:"overAt,omitempty"`
	Scan     string     `json:"scan,omitempty" doc:"that looks into it"`
	Evidence string     `json:"evidence"`
	Runbook  string     `json:"runbook"`
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
	Watch       *DatasetWatch     `json:"watch,omitempty" doc:"what is counted by the hour; left out, nothing is"`
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
	NextScanAt  *time.Time        `json:"nextScanAt,omitempty" doc:"when the cluster scans it next, by its schedule"`
	Policy      DatasetPolicy     `json:"policy"`
	Terms       *Terms            `json:"terms,omitempty" doc:"of the jobs that the policy starts"`
	Plans       []DatasetPlan     `json:"plans" doc:"that the cluster made of what scans found, newest first"`
	Hours       []DatasetHours    `json:"hours,omitempty" doc:"how far its topics are counted"`
	Anomalies   []DatasetAnomaly  `json:"anomalies,omitempty" doc:"what is unusual, newest first, then what was"`
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

// DatasetScans is the answer of POST /v1/datasets/{namespace}/{name}/scans.
type DatasetScans struct {
	Scans []DatasetScan `json:"scans" doc:"one of each target, in their order"`
}

// DatasetScan is the scan of one target.
type DatasetScan struct {
	Scan
	Before bool `json:"before,omitempty" doc:"it ran already, and none was started beside it"`
}

// ScanDataset scans a dataset now, as its schedule would.
func (c *Client) ScanDataset(ctx context.Context, namespace, name, reason string) (DatasetScans, error) {
	return post[DatasetScans](ctx, c, dataset(namespace, name)+"/scans", Action{Reason: reason})
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
