package main

import (
	"net/http"
	"strings"
	"testing"

	"backstitch/cluster"
	"backstitch/cluster/client"
)

// What a person sees of the keys: which node has which, who did not take a change, and what to type next.
func TestTheKeyringOnTheCommandLine(t *testing.T) {
	old, key := strings.Repeat("0a", 16), strings.Repeat("1b", 16)
	node := func(name string, took bool, why string, keys ...string) client.GossipNode {
		n := client.GossipNode{Name: name, Answers: why == "", Why: why, Encrypts: len(keys) > 0, Keys: keys, Took: took}
		if len(keys) > 0 {
			n.Primary = keys[0]
		}
		return n
	}
	addr := api{
		"GET /v1/cluster/keyring": client.Keyring{
			Keys: []client.GossipKey{
				{Fingerprint: old, Nodes: []string{"node-a", "node-b"}, Primary: []string{"node-a", "node-b"}},
				{Fingerprint: key, Nodes: []string{"node-a"}, Missing: []string{"node-b"}},
			},
			Nodes: []client.GossipNode{node("node-a", false, "", old, key), node("node-b", false, "", old), node("node-c", false, "connection refused"), node("node-d", false, "")},
		},
		"POST /v1/cluster/keyring/install": client.KeyringChanged{Fingerprint: key, Changed: true, Nodes: []client.GossipNode{node("node-a", true, "", old, key), node("node-c", false, "connection refused")}},
		"POST /v1/cluster/keyring/use":     client.Problem{Status: http.StatusConflict, Code: cluster.CodeKeyring, Title: "the gossip keys were not changed", Detail: "node-b does not have " + key, Next: "type this"},
		"POST /v1/cluster/keyring/remove":  client.KeyringChanged{Fingerprint: old, Complete: true, Nodes: []client.GossipNode{node("node-a", true, "", key)}},
	}.serve(t)
	const secret = "AAECAwQFBgcICQoLDA0ODw=="
	for _, c := range []struct {
		args   []string
		status int
		says   []string
	}{
		{[]string{"list"}, 0, []string{
			"KEY                               ON             ENCRYPTS ON    NOT ON\n", old + "  node-a node-b  node-a node-b  -\n", key + "  node-a         -              node-b\n",
			"No answer from node-c: connection refused\n", "node-d does not encrypt gossip: gossip.keyFile is not set there.\n",
		}},
		{[]string{"list", "-o", "name"}, 0, []string{old + "\n" + key + "\n"}},
		{[]string{"install", "env:NEW_KEY"}, client.ExitPartly, []string{"Key " + key + " is on node-a.\n", "Not on node-c: connection refused\n", "Next: bring it back, it takes the keys over by itself"}},
		{[]string{"use", "1B1B1B1B"}, client.ExitConflict, []string{cluster.CodeKeyring, "node-b does not have " + key, "type this"}},
		{[]string{"remove", old}, 0, []string{"Key " + old + " is gone from node-a already.\n", "put the present key into gossip.keyFile of every node"}},
	} {
		stdout, stderr, status := invoke(t, map[string]string{"NEW_KEY": secret}, append(append([]string{"cluster", "keyring"}, c.args...), "--addr", addr)...)
		if status != c.status || strings.Contains(stdout+stderr, secret) {
			t.Errorf("%v: got %d, want %d\n%s%s", c.args, status, c.status, stdout, stderr)
		}
		for _, s := range c.says {
			if !strings.Contains(stdout+stderr, s) {
				t.Errorf("%v does not say %q\n%s%s", c.args, s, stdout, stderr)
			}
		}
	}
}
