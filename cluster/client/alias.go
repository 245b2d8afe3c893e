package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// Alias is GET /v1/aliases/{name}: where readers are to go now, and where they were sent before.
type Alias struct {
	Name     string         `json:"name" example:"orders"`
	Version  uint32         `json:"version" doc:"the current one, 0 for none"`
	Place    string         `json:"place" doc:"kafka:CLUSTER-ID/TOPIC, dir:PATH or s3://BUCKET/PREFIX/TOPIC; empty for none"`
	Topic    string         `json:"topic" doc:"of Kafka, or the directory of that name in a place of files"`
	Versions []AliasVersion `json:"versions" doc:"newest first"`
	Index    uint64         `json:"modifyIndex"`
}

// AliasVersion is one place that an alias has named, or was about to.
type AliasVersion struct {
	Version    uint32     `json:"version"`
	State      string     `json:"state" enum:"staged,published,reverting,reverted"`
	Before     uint32     `json:"before" doc:"the version that was current before it, 0 for none"`
	Place      string     `json:"place"`
	Topic      string     `json:"topic"`
	Job        string     `json:"job,omitempty" doc:"whose proof allowed it; none for where readers were before there was an alias"`
	Proof      string     `json:"proof,omitempty"`
	Groups     []string   `json:"groups,omitempty" doc:"consumer groups that moved with it"`
	By         string     `json:"by"`
	Why        string     `json:"why,omitempty"`
	At         time.Time  `json:"at"`
	RevertedBy string     `json:"revertedBy,omitempty"`
	RevertWhy  string     `json:"revertedWhy,omitempty"`
	RevertedAt *time.Time `json:"revertedAt,omitempty"`
}

// Of is the newest version that a job allowed, one that was taken back only when there is no other; ok is false when it allowed none.
func (a Alias) Of(job string) (v AliasVersion, ok bool) {
	for _, x := range a.Versions {
		if x.Job == job && (!ok || v.State == "reverted" && x.State != "reverted") {
			v, ok = x, true
		}
	}
	return v, ok
}

// Aliases is GET /v1/aliases, by name.
type Aliases struct {
	Aliases []Alias `json:"aliases"`
}

// GroupMove is how a consumer group moves with a version: a plan of replay/regroup.
type GroupMove struct {
	Group string          `json:"group"`
	Plan  json.RawMessage `json:"plan"`
}

// GroupMoves is GET /v1/aliases/{name}/versions/{version}/groups; none when they were put back.
type GroupMoves struct {
	Moves []GroupMove `json:"moves"`
}

// PutAlias is the body of POST /v1/aliases/{name}/publish. Groups go with Stage: they are noted, moved, and then the same is sent without both.
type PutAlias struct {
	Job       string      `json:"job"`
	Place     string      `json:"place"`
	Topic     string      `json:"topic"`
	From      string      `json:"from,omitempty" doc:"the place where readers are until now, of a new alias"`
	FromTopic string      `json:"fromTopic,omitempty"`
	Moves     []GroupMove `json:"moves,omitempty" doc:"by group"`
	Seen      uint64      `json:"seen" doc:"modifyIndex of the alias, 0 for a new one"`
	Stage     bool        `json:"stage,omitempty"`
	Reason    string      `json:"reason,omitempty" maxLength:"1024"`
}

// RevertAlias is the body of POST /v1/aliases/{name}/revert.
type RevertAlias struct {
	Job    string `json:"job"`
	Seen   uint64 `json:"seen"`
	Done   bool   `json:"done,omitempty" doc:"its groups were put back"`
	Reason string `json:"reason,omitempty" maxLength:"1024"`
}

// VoidJob is the body of POST /v1/jobs/{id}/void.
type VoidJob struct {
	Done    bool   `json:"done,omitempty" doc:"every partition says so"`
	Records int64  `json:"records,omitempty" doc:"that readers do not see any more, with done"`
	Reason  string `json:"reason,omitempty" maxLength:"1024"`
}

// JobVoid says that what a job wrote into files does not count any more, or is about to.
type JobVoid struct {
	Done    bool      `json:"done"`
	Records int64     `json:"records"`
	By      string    `json:"by"`
	Why     string    `json:"why,omitempty"`
	At      time.Time `json:"at"`
}

func alias(name, rest string) string { return "/v1/aliases/" + url.PathEscape(name) + rest }

// Aliases lists all aliases.
func (c *Client) Aliases(ctx context.Context) ([]Alias, error) {
	out, err := get[Aliases](ctx, c, "/v1/aliases", nil)
	return out.Aliases, err
}

// Alias reads one alias.
func (c *Client) Alias(ctx context.Context, name string, b Blocking) (Alias, error) {
	return get[Alias](ctx, c, alias(name, ""), b.query())
}

// AliasMoves reads how the groups of a version move.
func (c *Client) AliasMoves(ctx context.Context, name string, version uint32) ([]GroupMove, error) {
	out, err := get[GroupMoves](ctx, c, alias(name, "/versions/"+strconv.FormatUint(uint64(version), 10)+"/groups"), nil)
	return out.Moves, err
}

// PutAlias publishes, or stages, what a job has written.
func (c *Client) PutAlias(ctx context.Context, name string, p PutAlias) (Alias, error) {
	return post[Alias](ctx, c, alias(name, "/publish"), p)
}

// RevertAlias takes back what a job's publication changed.
func (c *Client) RevertAlias(ctx context.Context, name string, r RevertAlias) (Alias, error) {
	return post[Alias](ctx, c, alias(name, "/revert"), r)
}

// VoidJob begins or ends making what a job wrote into files void.
func (c *Client) VoidJob(ctx context.Context, id string, v VoidJob) (Job, error) {
	return post[Job](ctx, c, job(id, "/void"), v)
}
