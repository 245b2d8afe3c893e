package client

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Discarded is a record that a job has set aside, or that its plan has left out, and that somebody has given up.
type Discarded struct {
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	By        string    `json:"by"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
}

// DiscardedRecords is GET /v1/jobs/{id}/discarded, by partition and offset.
type DiscardedRecords struct {
	Job     string      `json:"job"`
	Records []Discarded `json:"records"`
}

// SetAside names one record of a job.
type SetAside struct {
	Partition int32 `json:"partition" minimum:"0"`
	Offset    int64 `json:"offset" minimum:"0"`
	Planned   bool  `json:"planned,omitempty" doc:"the plan left it out; the book can not check that"`
}

// maxDiscard is how many records one request names.
const maxDiscard = 1000

// Discard is the body of POST /v1/jobs/{id}/discarded and, without a need for a reason, of POST /v1/jobs/{id}/discarded/restore.
type Discard struct {
	Records []SetAside `json:"records" minItems:"1" maxItems:"1000" doc:"by partition and offset"`
	Reason  string     `json:"reason,omitempty" maxLength:"1024"`
}

// Discarded lists what is given up of a job that the caller knows to be there: a node of an older version has no such path, and so none.
func (c *Client) Discarded(ctx context.Context, id string) ([]Discarded, error) {
	out, err := get[DiscardedRecords](ctx, c, job(id, "/discarded"), nil)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusNotFound {
		return nil, nil
	}
	return out.Records, err
}

// Discard gives records up. Those of more than one request may be given up in part when it fails.
func (c *Client) Discard(ctx context.Context, id string, d Discard) error {
	return c.eachDiscard(ctx, job(id, "/discarded"), d)
}

// RestoreDiscarded takes Discard back.
func (c *Client) RestoreDiscarded(ctx context.Context, id string, d Discard) error {
	return c.eachDiscard(ctx, job(id, "/discarded/restore"), d)
}

func (c *Client) eachDiscard(ctx context.Context, path string, d Discard) error {
	for part := range slices.Chunk(d.Records, maxDiscard) {
		if _, err := post[DiscardedRecords](ctx, c, path, Discard{Records: part, Reason: d.Reason}); err != nil {
			return err
		}
	}
	return nil
}
