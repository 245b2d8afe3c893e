package client

import "context"

// GossipKey is one key of gossip, by its fingerprint: keys themselves are never answered.
type GossipKey struct {
	Fingerprint string   `json:"fingerprint" doc:"32 hexadecimal digits"`
	Nodes       []string `json:"nodes" doc:"names of the members that have it"`
	Primary     []string `json:"primary" doc:"names of the members that encrypt with it"`
	Missing     []string `json:"missing" doc:"names of the members that answer and do not have it"`
}

// GossipNode is the ring of one member.
type GossipNode struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Answers  bool     `json:"answers"`
	Why      string   `json:"why,omitempty" doc:"why it does not answer, or did not take a change"`
	Encrypts bool     `json:"encrypts" doc:"false when gossip.keyFile is not set there"`
	Revision uint64   `json:"revision" doc:"of the last command that changed its ring; 0 for none"`
	Primary  string   `json:"primary,omitempty" doc:"fingerprint of the key that it encrypts with"`
	Keys     []string `json:"keys" doc:"fingerprints of its keys, the primary first"`
	Took     bool     `json:"took,omitempty" doc:"in the answer to a change: it has the ring that was made"`
}

// Keyring is GET /v1/cluster/keyring.
type Keyring struct {
	Keys  []GossipKey  `json:"keys"`
	Nodes []GossipNode `json:"nodes"`
}

// InstallGossipKey is POST /v1/cluster/keyring/install. The key has no schema: what breaks one is repeated in the answer.
type InstallGossipKey struct {
	Key    string `json:"key" doc:"16, 24 or 32 random bytes in base64" format:"password"`
	Reason string `json:"reason,omitempty"`
}

// TurnGossipKey is POST /v1/cluster/keyring/use and remove.
type TurnGossipKey struct {
	Fingerprint string `json:"fingerprint" doc:"of the key, or at least its first 8 digits"`
	Force       bool   `json:"force,omitempty" doc:"also when a member does not answer, or does not have the key"`
	Reason      string `json:"reason,omitempty"`
}

// KeyringChanged answers a change.
type KeyringChanged struct {
	Fingerprint string       `json:"fingerprint" doc:"of the key"`
	Changed     bool         `json:"changed" doc:"false when every member that answers had it so already"`
	Complete    bool         `json:"complete" doc:"every member has the ring that was made"`
	Revision    uint64       `json:"revision"`
	Nodes       []GossipNode `json:"nodes"`
}

// Keyring asks every member for its keys of gossip.
func (c *Client) Keyring(ctx context.Context) (Keyring, error) {
	return get[Keyring](ctx, c, "/v1/cluster/keyring", nil)
}

// InstallGossipKey gives every member a key, which then decrypts.
func (c *Client) InstallGossipKey(ctx context.Context, install InstallGossipKey) (KeyringChanged, error) {
	return post[KeyringChanged](ctx, c, "/v1/cluster/keyring/install", install)
}

// UseGossipKey lets every member encrypt with a key that it has.
func (c *Client) UseGossipKey(ctx context.Context, use TurnGossipKey) (KeyringChanged, error) {
	return post[KeyringChanged](ctx, c, "/v1/cluster/keyring/use", use)
}

// RemoveGossipKey takes a key that nobody encrypts with from every member.
func (c *Client) RemoveGossipKey(ctx context.Context, remove TurnGossipKey) (KeyringChanged, error) {
	return post[KeyringChanged](ctx, c, "/v1/cluster/keyring/remove", remove)
}
