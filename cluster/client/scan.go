package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// ScanOrder says what to scan. Recipe is made by the command line of a spec; the cluster passes it on to its workers.
type ScanOrder struct {
	Name      string          `json:"name" maxLength:"256"`
	Namespace string          `json:"namespace,omitempty" maxLength:"256"`
	Dataset   string          `json:"dataset,omitempty" maxLength:"256" doc:"what the two sides belong to"`
	Pair      string          `json:"pair" maxLength:"2048" doc:"names the two that are compared; scans of one pair are kept and forgotten together"`
	Recipe    json.RawMessage `json:"recipe" doc:"what a worker needs"`
	RateBytes int64           `json:"rateBytes,omitempty" minimum:"0" doc:"read per second and node; 0 for no limit"`
	Whole     bool            `json:"whole,omitempty" doc:"nothing is left out by time, position or choice"`
	Priority  uint8           `json:"priority,omitempty" maximum:"100"`
	Keep      uint32          `json:"keep,omitempty" maximum:"1000" doc:"ended scans that are kept; 0 for 10"`
}

// ScanSubmission is POST /v1/scans. The same submission again is answered with the scan that it made.
type ScanSubmission struct {
	ID    string    `json:"id" example:"bs-7f3k2m" doc:"chosen by the client"`
	Order ScanOrder `json:"order"`
}

// ScanCounts are exact, whatever is kept of the findings.
type ScanCounts struct {
	Comparable   int64 `json:"comparablePartitions"`
	Compared     int64 `json:"comparedRecords"`
	Missing      int64 `json:"missingRecords"`
	MissingBytes int64 `json:"missingBytes"`
	Duplicates   int64 `json:"duplicateRecords"`
	Extra        int64 `json:"extraRecords"`
	Findings     int64 `json:"findings"`
	Unknown      int64 `json:"unknown" doc:"findings about which nothing can be said"`
}

// Scan is a scan. Its state is one of running, succeeded, failed, paused, cancelled.
type Scan struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Namespace  string     `json:"namespace,omitempty"`
	State      string     `json:"state"`
	Why        string     `json:"why,omitempty"`
	Problem    string     `json:"problem,omitempty" doc:"what a slice met that failed, for good or until it is tried again"`
	Dataset    string     `json:"dataset,omitempty"`
	Pair       string     `json:"pair"`
	Schedule   string     `json:"schedule,omitempty"`
	DueAt      *time.Time `json:"dueAt,omitempty"`
	RateBytes  int64      `json:"rateBytes,omitempty"`
	Priority   uint8      `json:"priority"`
	Surveyed   bool       `json:"surveyed" doc:"whether it is known which partitions there are"`
	Partitions uint32     `json:"partitions"`
	Done       uint32     `json:"done" doc:"partitions"`
	Failed     uint32     `json:"failed" doc:"slices"`
	Truncated  uint32     `json:"truncated" doc:"partitions of which more was found than is kept"`
	Counts     ScanCounts `json:"counts" doc:"of the partitions that are done"`
	Records    int64      `json:"readRecords" doc:"read so far, both sides together"`
	Bytes      int64      `json:"readBytes"`
	CreatedBy  string     `json:"createdBy"`
	CreatedAt  time.Time  `json:"createdAt"`
	FinishedAt *time.Time `json:"finishedAt,omitempty"`
	Index      uint64     `json:"modifyIndex"`
}

// Terminal reports whether nothing happens to the scan any more.
func (s Scan) Terminal() bool { return Job{State: s.State}.Terminal() }

// Scans is GET /v1/scans, newest first.
type Scans struct {
	Scans []Scan `json:"scans"`
}

// ScanFindings is GET /v1/scans/{id}/findings: what is kept of each partition, for backstitch gaps to read.
type ScanFindings struct {
	Scan   Scan            `json:"scan"`
	Recipe json.RawMessage `json:"recipe"`
	Header []byte          `json:"header" doc:"of the survey"`
	Parts  []ScanPart      `json:"parts" doc:"partitions that are done"`
}

// ScanPart is one partition of a scan.
type ScanPart struct {
	Partition int32     `json:"partition"`
	By        string    `json:"by" doc:"node that read it"`
	At        time.Time `json:"at"`
	Truncated bool      `json:"truncated,omitempty"`
	Body      []byte    `json:"body" doc:"zstd of JSON"`
}

// ScanSchedule is a schedule of scans, and the body of POST /v1/scan-schedules.
type ScanSchedule struct {
	Name  string    `json:"name" maxLength:"128"`
	Order ScanOrder `json:"order"`
	Every string    `json:"every,omitempty" example:"1h" doc:"time between two scans; or cron"`
	Cron  string    `json:"cron,omitempty" example:"0 3 * * *" doc:"minute, hour, day of month, month, day of week, in UTC"`
	// What follows is ignored in a request.
	Next *time.Time `json:"next,omitempty"`
	Last string     `json:"last,omitempty" doc:"id of the newest scan"`
	By   string     `json:"by,omitempty"`
}

// ScanSchedules is GET /v1/scan-schedules, by name.
type ScanSchedules struct {
	Schedules []ScanSchedule `json:"schedules"`
}

func scan(id, rest string) string { return "/v1/scans/" + url.PathEscape(id) + rest }

// SubmitScan starts a scan.
func (c *Client) SubmitScan(ctx context.Context, s ScanSubmission) (Scan, error) {
	return post[Scan](ctx, c, "/v1/scans", s)
}

// Scans lists the scans that are kept.
func (c *Client) Scans(ctx context.Context) ([]Scan, error) {
	out, err := get[Scans](ctx, c, "/v1/scans", nil)
	return out.Scans, err
}

// Scan reads one scan.
func (c *Client) Scan(ctx context.Context, id string, b Blocking) (Scan, uint64, error) {
	return call[Scan](ctx, c, request{method: http.MethodGet, path: scan(id, ""), query: b.query(), wait: b.Wait})
}

// ScanFindings reads what is kept of a scan.
func (c *Client) ScanFindings(ctx context.Context, id string) (ScanFindings, error) {
	return get[ScanFindings](ctx, c, scan(id, "/findings"), nil)
}

// CancelScan ends a scan for good. What it has found so far stays.
func (c *Client) CancelScan(ctx context.Context, id, reason string) (Scan, error) {
	return post[Scan](ctx, c, scan(id, "/cancel"), Action{Reason: reason})
}

// ScanSchedules lists the schedules.
func (c *Client) ScanSchedules(ctx context.Context) ([]ScanSchedule, error) {
	out, err := get[ScanSchedules](ctx, c, "/v1/scan-schedules", nil)
	return out.Schedules, err
}

// PutScanSchedule makes or replaces a schedule.
func (c *Client) PutScanSchedule(ctx context.Context, s ScanSchedule) (ScanSchedule, error) {
	return post[ScanSchedule](ctx, c, "/v1/scan-schedules", s)
}

// RemoveScanSchedule removes a schedule. Its scans stay.
func (c *Client) RemoveScanSchedule(ctx context.Context, name string) error {
	_, _, err := call[Done](ctx, c, request{method: http.MethodDelete, path: "/v1/scan-schedules/" + url.PathEscape(name)})
	return err
}
