package client

import (
	"context"
	"time"
)

// States of an upgrade.
const (
	UpgradeDone    = "done"    // every member runs one program, and all that it brings is switched on
	UpgradeRolling = "rolling" // members run different programs
	UpgradeWaiting = "waiting" // every member runs one program, and its feature level is not switched on
)

// Ways to switch a new feature level on.
const (
	UpgradeAutomatic = "automatic" // the leader does, as soon as every member can apply it
	UpgradeManual    = "manual"    // a person does: cluster upgrade finish
)

// Upgrade is GET /v1/cluster/upgrade: how far a rolling upgrade is, as far as the answering node's program knows feature levels.
type Upgrade struct {
	State  string     `json:"state" enum:"done,rolling,waiting"`
	Mode   string     `json:"mode" enum:"automatic,manual" doc:"who switches a new feature level on"`
	ModeBy string     `json:"modeBy,omitempty"`
	ModeAt *time.Time `json:"modeAt,omitempty"`
	Why    string     `json:"why,omitempty" doc:"the reason given for the mode"`
	// Level is on. Newest is the highest that the answering node's program knows.
	Level  uint32         `json:"level"`
	Newest uint32         `json:"newest"`
	Brings []FeatureLevel `json:"brings" doc:"what would be switched on, level by level"`
	// Members are all that have not left, in the order in which to upgrade them: workers, then voters, the leader last.
	Members []UpgradeMember `json:"members"`
	Behind  []string        `json:"behind" doc:"names of members that can not apply the newest level"`
	Ahead   []string        `json:"ahead" doc:"names of members whose program knows more than the answering node's: ask one of them"`
}

// FeatureLevel is what one level brings.
type FeatureLevel struct {
	Level    uint32   `json:"level"`
	Brings   string   `json:"brings"`
	Commands []string `json:"commands" doc:"as the audit trail names them"`
}

// UpgradeMember is one member.
type UpgradeMember struct {
	Name    string `json:"name"`
	Version string `json:"version" doc:"of its program"`
	Level   uint32 `json:"level" doc:"highest feature level that it can apply, as far as the answering node's program knows"`
	Role    string `json:"role" enum:"voter,worker"`
	State   string `json:"state" enum:"active,draining"`
	Alive   bool   `json:"alive"`
	Leader  bool   `json:"leader"`
	API     string `json:"api"`
}

// SetUpgrade is the body of POST /v1/cluster/upgrade.
type SetUpgrade struct {
	Mode   string `json:"mode" enum:"automatic,manual"`
	Reason string `json:"reason,omitempty" maxLength:"1024"`
}

// FinishUpgrade is the body of POST /v1/cluster/upgrade/finish. There is no way back.
type FinishUpgrade struct {
	Level  uint32 `json:"level,omitempty" doc:"to switch on, with all below it; without it the newest that the answering node's program knows"`
	Reason string `json:"reason,omitempty" maxLength:"1024"`
}

// Upgrade says how far a rolling upgrade is.
func (c *Client) Upgrade(ctx context.Context) (Upgrade, error) {
	return get[Upgrade](ctx, c, "/v1/cluster/upgrade", nil)
}

// SetUpgrade says who switches a new feature level on.
func (c *Client) SetUpgrade(ctx context.Context, s SetUpgrade) (Upgrade, error) {
	return post[Upgrade](ctx, c, "/v1/cluster/upgrade", s)
}

// FinishUpgrade switches a feature level on.
func (c *Client) FinishUpgrade(ctx context.Context, f FinishUpgrade) (Upgrade, error) {
	return post[Upgrade](ctx, c, "/v1/cluster/upgrade/finish", f)
}
