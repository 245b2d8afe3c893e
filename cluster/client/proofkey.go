package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// ProofKey is a key that signs reports, or did.
type ProofKey struct {
	Key        string     `json:"key" doc:"ed25519, public, 64 hex digits"`
	Since      time.Time  `json:"since"`
	SinceIndex uint64     `json:"sinceIndex"`
	By         string     `json:"by" doc:"who put it there"`
	Until      *time.Time `json:"until,omitempty" doc:"when the next key took over"`
	UntilIndex uint64     `json:"untilIndex,omitempty"`
}

// ProofKeys is GET /v1/cluster/proof-keys, oldest first. The last one speaks for the cluster now.
type ProofKeys struct {
	Keys []ProofKey `json:"keys"`
}

// UseProofKey is POST /v1/cluster/proof-keys.
type UseProofKey struct {
	Key      string `json:"key" doc:"ed25519, public, 64 hex digits"`
	Replaces string `json:"replaces,omitempty" doc:"the present key; empty when there is none"`
	Reason   string `json:"reason,omitempty"`
}

// ProofKeys lists every key that ever signed for the cluster.
func (c *Client) ProofKeys(ctx context.Context) ([]ProofKey, error) {
	out, err := get[ProofKeys](ctx, c, "/v1/cluster/proof-keys", nil)
	return out.Keys, err
}

// UseProofKey lets another key sign for the cluster.
func (c *Client) UseProofKey(ctx context.Context, use UseProofKey) ([]ProofKey, error) {
	out, err := post[ProofKeys](ctx, c, "/v1/cluster/proof-keys", use)
	return out.Keys, err
}

// maxReport bounds what is read of a report.
const maxReport = 256 << 20

// Report is the file that a node makes of a proof, byte for byte.
func (c *Client) Report(ctx context.Context, proof string) ([]byte, error) {
	resp, err := c.do(ctx, request{method: http.MethodGet, path: "/v1/proofs/" + url.PathEscape(proof) + "/report"})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReport+1))
	if err == nil && len(body) > maxReport {
		err = fmt.Errorf("it has more than %d bytes", maxReport)
	}
	if err != nil {
		return nil, fmt.Errorf("read report %s: %w", proof, err)
	}
	return body, nil
}
