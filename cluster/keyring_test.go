package cluster_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/cluster/member"
	"backstitch/cluster/wire"
	"backstitch/fsm"
)

// change does one change of the keyring through a member.
func change(t *testing.T, m *clustertest.Member, c cluster.KeyringChange) (cluster.KeyringChanged, error) {
	t.Helper()
	env := fsm.Envelope{Actor: "test", Reason: "rotation", RequestID: cluster.NewRequestID(), UnixNanos: time.Now().UnixNano()}
	return m.Node.ChangeKeyring(t.Context(), env, c)
}

func mustChange(t *testing.T, m *clustertest.Member, c cluster.KeyringChange) cluster.KeyringChanged {
	t.Helper()
	out, err := change(t, m, c)
	if err != nil {
		t.Fatalf("%s: %v", c.Change, err)
	}
	return out
}

// wantRings checks what every member says through each running one.
func wantRings(t *testing.T, c *clustertest.Cluster, want map[string][]member.Key) {
	t.Helper()
	for _, m := range c.Members() {
		if !m.Running() {
			continue
		}
		rings, err := m.Node.Keyring(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(rings) != len(c.Members()) {
			t.Errorf("%s lists %d members, want %d", m.Name, len(rings), len(c.Members()))
		}
		for _, r := range rings {
			keys, answers := want[r.Name]
			var prints []string
			for _, k := range keys {
				prints = append(prints, k.Fingerprint())
			}
			if (r.Silent == nil) != answers || !slices.Equal(r.Keys, prints) || (answers && r.Primary != prints[0]) {
				t.Errorf("%s says of %s: %+v, want keys %v", m.Name, r.Name, r, prints)
			}
		}
	}
}

func gossips(c *clustertest.Cluster, members ...*clustertest.Member) bool {
	for _, m := range members {
		alive := m.Node.Alive()
		for _, o := range members {
			if !alive[o.Node.ID()] {
				return false
			}
		}
	}
	return true
}

// waitVersion waits until every node's book has the newest version and all members.
func waitVersion(c *clustertest.Cluster) {
	c.Eventually("the newest cluster version, and all members", func() bool {
		for _, m := range c.Members() {
			v, err := m.Node.View()
			if err != nil {
				return false
			}
			version, errVersion := v.Version()
			members, errMembers := v.Members()
			if err = errors.Join(errVersion, errMembers, v.Close()); err != nil || version < fsm.LatestVersion || len(members) < len(c.Members()) {
				return false
			}
		}
		return true
	})
}

// secureCluster is three nodes with TLS and one gossip key.
func secureCluster(t *testing.T) (c *clustertest.Cluster, dir string, old member.Key) {
	dir = certificates(t, time.Now())
	keys, err := member.ReadKeys(filepath.Join(dir, "gossip.key"))
	if err != nil {
		t.Fatal(err)
	}
	c = clustertest.New(t, 3)
	c.Configure = secure(dir)
	c.StartAll()
	waitVersion(c)
	c.Eventually("everybody hears of everybody", func() bool { return gossips(c, c.Members()...) })
	return c, dir, keys[0]
}

func all(c *clustertest.Cluster, keys ...member.Key) map[string][]member.Key {
	out := map[string][]member.Key{}
	for _, m := range c.Members() {
		out[m.Name] = keys
	}
	return out
}

// A key is replaced while gossip goes on, each step once more does nothing, and the keys themselves are seen nowhere.
func TestKeysAreRotatedWithoutANodeLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, old := secureCluster(t)
		key := member.NewKey()
		wantRings(t, c, all(c, old))
		dead := watchDeaths(c)
		for i, step := range []struct {
			change cluster.KeyringChange
			rings  []member.Key
		}{
			{cluster.KeyringChange{Change: fsm.KeyringInstall, Key: key}, []member.Key{old, key}},
			{cluster.KeyringChange{Change: fsm.KeyringUse, Fingerprint: key.Fingerprint()[:8]}, []member.Key{key, old}},
			{cluster.KeyringChange{Change: fsm.KeyringRemove, Fingerprint: old.Fingerprint()}, []member.Key{key}},
		} {
			for again := range 2 {
				out := mustChange(t, c.Member((i+again)%3), step.change)
				if out.Changed != (again == 0) {
					t.Errorf("%s, time %d: changed %t", step.change.Change, again, out.Changed)
				}
				for _, n := range out.Nodes {
					if n.Silent != nil || n.Refused != nil {
						t.Errorf("%s: %s did not take it: %v, %v", step.change.Change, n.Name, n.Silent, n.Refused)
					}
				}
			}
			wantRings(t, c, all(c, step.rings...))
			<-time.After(20 * time.Second) // time enough for anybody to be called dead
		}
		if names := dead(); len(names) > 0 {
			t.Errorf("called dead during the rotation: %v", names)
		}
		notShown(t, c, old, key)

		// A restart finds the ring and not the key file.
		c.Member(1).Kill()
		c.Member(1).Start()
		c.WaitServing(c.Member(1))
		c.Eventually("the restarted node is heard of", func() bool { return gossips(c, c.Members()...) })
		wantRings(t, c, all(c, key))
	})
}

// watchDeaths returns a function that ends the watch and says who was called dead.
func watchDeaths(c *clustertest.Cluster) func() []string {
	before := map[string]int{}
	for _, m := range c.Members() {
		before[m.Name] = strings.Count(m.Log.String(), "gossip calls node dead")
	}
	return func() (out []string) {
		for _, m := range c.Members() {
			if strings.Count(m.Log.String(), "gossip calls node dead") > before[m.Name] {
				out = append(out, "by "+m.Name)
			}
		}
		return out
	}
}

// notShown looks for keys in logs, the trail, and snapshots.
func notShown(t *testing.T, c *clustertest.Cluster, keys ...member.Key) {
	t.Helper()
	v, err := c.Member(0).Node.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	trail, err := v.AuditTrail()
	if err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for n := trail.Oldest; n < trail.Next; n++ {
		rec, _, err := v.AuditRecord(n)
		if err != nil {
			t.Fatal(err)
		}
		if rec.Op == (fsm.NoteKeyring{}).Op() {
			subjects = append(subjects, rec.Actor+" "+rec.Subject+" "+rec.Reason)
		}
	}
	new := keys[len(keys)-1].Fingerprint()
	want := []string{"test gossip key " + new + ": install rotation", "test gossip key " + new + ": use rotation", "test gossip key " + keys[0].Fingerprint() + ": remove rotation"}
	if !slices.Equal(subjects, want) {
		t.Errorf("the trail: got %q, want %q", subjects, want)
	}
	var snapshot bytes.Buffer
	saved, _, err := c.Member(0).Node.SaveSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.ReadFrom(saved); err != nil {
		t.Fatal(err)
	}
	if err := saved.Close(); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		for _, form := range []string{string(k), k.Secret(), fmt.Sprintf("%x", []byte(k))} {
			if strings.Contains(snapshot.String(), form) {
				t.Errorf("the snapshot has a key")
			}
			for _, m := range c.Members() {
				if strings.Contains(m.Log.String(), form) {
					t.Errorf("the log of %s has a key", m.Name)
				}
			}
		}
	}
}

// A node is down while keys are changed: nothing is done that would cut it off unless somebody insists, and then it comes back all the same.
func TestANodeThatWasDownWhileKeysChangedComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, old := secureCluster(t)
		key, away, here := member.NewKey(), c.Member(2), c.Members()[:2]
		away.Kill()
		out := mustChange(t, here[0], cluster.KeyringChange{Change: fsm.KeyringInstall, Key: key})
		for _, n := range out.Nodes {
			if (n.Refused != nil) != (n.Name == away.Name) {
				t.Errorf("install with %s away: %+v", away.Name, n)
			}
		}
		wantRings(t, c, map[string][]member.Key{"node-a": {old, key}, "node-b": {old, key}})

		use := cluster.KeyringChange{Change: fsm.KeyringUse, Fingerprint: key.Fingerprint()}
		wantRefused(t, "use before everybody has it", here[1], use, cluster.CodeKeyring, away.Name)
		wantRings(t, c, map[string][]member.Key{"node-a": {old, key}, "node-b": {old, key}})
		use.Force = true
		mustChange(t, here[1], use)
		remove := cluster.KeyringChange{Change: fsm.KeyringRemove, Fingerprint: old.Fingerprint()}
		wantRefused(t, "remove while somebody is away", here[0], remove, cluster.CodeKeyring, away.Name)
		remove.Force = true
		mustChange(t, here[0], remove)
		wantRings(t, c, map[string][]member.Key{"node-a": {key}, "node-b": {key}})

		away.Start() // with a ring of which nobody has a key any more
		c.WaitServing(away)
		c.Eventually("the node that was away takes the ring over", func() bool { return strings.Contains(away.Log.String(), "took over newer gossip keys") })
		c.Eventually("everybody hears of everybody", func() bool { return gossips(c, c.Members()...) })
		wantRings(t, c, all(c, key))
	})
}

// A living node does not have the key, since its file never had it: the key is not used, the answer names the node, and the list says who has what.
func TestAKeyIsNotUsedBeforeEverybodyHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, key := certificates(t, time.Now()), member.NewKey()
		text, err := os.ReadFile(filepath.Join(dir, "gossip.key"))
		if err != nil {
			t.Fatal(err)
		}
		two := filepath.Join(dir, "two.key")
		if err := os.WriteFile(two, append(text, key.Secret()+"\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := member.ReadKeys(two)
		if err != nil {
			t.Fatal(err)
		}
		c := clustertest.New(t, 3)
		c.Configure = func(i int, conf *cluster.Config) {
			secure(dir)(i, conf)
			if i != 2 {
				conf.GossipKeyFile = two
			}
		}
		c.StartAll()
		waitVersion(c)
		before := map[string][]member.Key{"node-a": keys, "node-b": keys, "node-c": keys[:1]}
		wantRings(t, c, before)
		use := cluster.KeyringChange{Change: fsm.KeyringUse, Fingerprint: key.Fingerprint()}
		for _, m := range c.Members() {
			wantRefused(t, "use through "+m.Name, m, use, cluster.CodeKeyring, "node-c does not have "+key.Fingerprint())
		}
		wantRings(t, c, before)
		if out := mustChange(t, c.Member(2), cluster.KeyringChange{Change: fsm.KeyringInstall, Key: key}); !out.Changed {
			t.Errorf("installed where it was missing: no change")
		}
		mustChange(t, c.Member(2), use)
		wantRings(t, c, all(c, key, keys[0]))
	})
}

// A cut falls into the middle of a change: those that it reached have it, the same change once more goes on, and nothing is lost of what was said to be done.
func TestAChangeThatWasCutShortIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, old := secureCluster(t)
		first, second := member.NewKey(), member.NewKey()
		leads := c.WaitLeader()
		i := slices.Index(c.Members(), leads)
		cut, third := c.Member((i+1)%3), c.Member((i+2)%3)
		c.Net.Isolate(cut.Host, leads.Host, third.Host)
		mustChange(t, leads, cluster.KeyringChange{Change: fsm.KeyringInstall, Key: first})
		mustChange(t, third, cluster.KeyringChange{Change: fsm.KeyringInstall, Key: second})
		c.Net.Heal()
		c.WaitServing(c.Members()...)
		c.Eventually("the ring is everywhere", func() bool {
			out, err := change(t, cut, cluster.KeyringChange{Change: fsm.KeyringInstall, Key: first})
			return err == nil && !slices.ContainsFunc(out.Nodes, func(n cluster.KeyringNode) bool { return n.Silent != nil || n.Refused != nil || len(n.Keys) != 3 })
		})
		wantRings(t, c, all(c, old, first, second))
	})
}

func wantRefused(t *testing.T, what string, m *clustertest.Member, c cluster.KeyringChange, code, says string) {
	t.Helper()
	_, err := change(t, m, c)
	var e *cluster.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Error(), says) || e.Hint == "" {
		t.Errorf("%s: got %v, want %s that says %q and what to type", what, err, code, says)
	}
}

func TestChangesOfKeysThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, old := secureCluster(t)
		for what, row := range map[string]struct {
			change cluster.KeyringChange
			code   string
			says   string
		}{
			"the primary is removed":            {cluster.KeyringChange{Change: fsm.KeyringRemove, Fingerprint: old.Fingerprint()}, cluster.CodeKeyring, "node-a, node-b, node-c encrypt with"},
			"the primary is removed with force": {cluster.KeyringChange{Change: fsm.KeyringRemove, Fingerprint: old.Fingerprint(), Force: true}, cluster.CodeKeyring, "encrypt with"},
			"a key that nobody has":             {cluster.KeyringChange{Change: fsm.KeyringUse, Fingerprint: strings.Repeat("0", 32), Force: true}, cluster.CodeNoKey, "no member that answers has it"},
			"the beginning of none":             {cluster.KeyringChange{Change: fsm.KeyringRemove, Fingerprint: "00000000"}, cluster.CodeNoKey, "no member"},
			"too few digits":                    {cluster.KeyringChange{Change: fsm.KeyringUse, Fingerprint: old.Fingerprint()[:7]}, cluster.CodeKeyring, "first 8 or more digits"},
			"a key for a fingerprint":           {cluster.KeyringChange{Change: fsm.KeyringUse, Fingerprint: old.Secret()}, cluster.CodeKeyring, "first 8 or more digits"},
			"a key of 31 bytes":                 {cluster.KeyringChange{Change: fsm.KeyringInstall, Key: old[:31]}, cluster.CodeKeyring, "31 bytes"},
		} {
			wantRefused(t, what, c.Member(0), row.change, row.code, row.says)
		}
		if out := mustChange(t, c.Member(0), cluster.KeyringChange{Change: fsm.KeyringRemove, Fingerprint: strings.Repeat("0", 32)}); out.Changed {
			t.Errorf("a key that is gone already: got a change")
		}
		for range member.MaxKeys - 1 {
			mustChange(t, c.Member(0), cluster.KeyringChange{Change: fsm.KeyringInstall, Key: member.NewKey()})
		}
		wantRefused(t, "one key too many", c.Member(1), cluster.KeyringChange{Change: fsm.KeyringInstall, Key: member.NewKey()}, cluster.CodeKeyring, "16 keys already")
	})
}

// Keys go over TLS only: without it nobody gets or gives them, whoever he says he is.
func TestWithoutTLSKeysStayWhereTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "gossip.key")
		key := member.NewKey()
		if err := os.WriteFile(path, []byte(key.Secret()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c := clustertest.New(t, 3)
		c.Configure = func(_ int, conf *cluster.Config) { conf.GossipKeyFile = path }
		c.StartAll()
		waitVersion(c)
		wantRings(t, c, all(c, key))
		wantRefused(t, "install", c.Member(0), cluster.KeyringChange{Change: fsm.KeyringInstall, Key: member.NewKey()}, cluster.CodeKeyring, "tls is not set on node node-a")

		b := c.Member(1)
		from := wire.Who{Cluster: b.Node.ClusterID(), ID: string(b.Node.ID()), Name: b.Name}
		for what, req := range map[string]wire.Message{
			"get": &wire.Keyring{From: from, Keys: true},
			"put": &wire.PutKeyring{From: from, Base: 1 << 40, Revision: 1 << 41, Keys: []wire.Secret{wire.Secret(member.NewKey())}},
		} {
			if reply, err := callRPC(t, c, req); err == nil || !strings.Contains(err.Error(), "over TLS only") {
				t.Errorf("%s: got %+v, %v, want a refusal", what, reply, err)
			}
		}
		from.Cluster = ""
		if reply, err := callRPC(t, c, &wire.Keyring{From: from}); err == nil {
			t.Errorf("of no cluster: got %+v", reply)
		}
		wantRings(t, c, all(c, key))
	})
}

// callRPC sends one request to the first node.
func callRPC(t *testing.T, c *clustertest.Cluster, req wire.Message) (wire.Message, error) {
	t.Helper()
	conn, err := c.Net.Host("127.0.0.99").Dial(t.Context(), c.Member(0).Host+":7421")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{'B'}); err != nil {
		t.Fatal(err)
	}
	if err := wire.Write(conn, req); err != nil {
		t.Fatal(err)
	}
	answer, err := wire.Read(conn)
	if f, ok := answer.(*wire.Failure); ok {
		return nil, f
	}
	return answer, err
}

func TestANodeThatLeftGetsNoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, old := secureCluster(t)
		gone := c.Member(2)
		if err := gone.Node.Leave(t.Context(), "stolen"); err != nil {
			t.Fatal(err)
		}
		<-gone.Done()
		id, cluster1 := string(gone.Node.ID()), c.Member(0).Node.ClusterID()
		reply, err := c.Member(0).Node.ServeKeyring(&wire.Keyring{From: wire.Who{Cluster: cluster1, ID: id, Name: gone.Name}, Keys: true})
		if err == nil || !strings.Contains(err.Error(), "has left") {
			t.Errorf("keys for a node that left: got %+v, %v, want a refusal", reply, err)
		}
		_, err = c.Member(0).Node.ServeKeyring(&wire.PutKeyring{From: wire.Who{Cluster: cluster1, ID: id, Name: gone.Name}, Base: 1 << 40, Revision: 1 << 41, Keys: []wire.Secret{wire.Secret(member.NewKey())}})
		if err == nil {
			t.Errorf("keys of a node that left: taken")
		}
		_, err = c.Member(0).Node.ServeKeyring(&wire.Keyring{From: wire.Who{Cluster: cluster1, ID: "stranger", Name: "x"}, Keys: true})
		if err == nil {
			t.Errorf("keys for somebody who is no member: given")
		}
		rings, err := c.Member(0).Node.Keyring(t.Context())
		if err != nil || len(rings) != 2 || rings[0].Primary != old.Fingerprint() {
			t.Errorf("the rings of those that stay: got %+v, %v", rings, err)
		}
	})
}
