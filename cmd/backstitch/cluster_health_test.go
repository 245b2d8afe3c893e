package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
)

func TestTheGroupIsJudged(t *testing.T) {
	until := time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC)
	leader := &client.NodeRef{Name: "node-a"}
	for _, c := range []struct {
		name   string
		s      client.Cluster
		wanted int
		ok     bool
		text   string
	}{
		{"healthy", client.Cluster{Healthy: true, Leader: leader, FailureTolerance: 1, Voters: 3, Quorum: 2}, 1, true, "healthy\n3 voters, quorum 2, 1 may fail, leader node-a"},
		{"not tolerant enough", client.Cluster{Healthy: true, Leader: leader, FailureTolerance: 1, Voters: 3, Quorum: 2}, 2, false, "1 voters may fail where 2 are wanted"},
		{"not healthy", client.Cluster{Leader: leader, Reasons: []string{"node node-c does not answer"}}, 0, false, "not healthy: node node-c does not answer"},
		{"nobody leads", client.Cluster{Reasons: []string{"nobody leads"}}, 0, false, "nobody leads"},
	} {
		h := judgeGroup(c.s, []client.Peer{{Name: "node-c", Voter: true, Reason: "does not answer", PlaceUntil: &until}}, c.wanted)
		var b bytes.Buffer
		if err := groupText(&b, h); err != nil {
			t.Fatal(err)
		}
		if h.OK != c.ok || !strings.Contains(b.String(), c.text) || !strings.Contains(b.String(), "keeps its place until") {
			t.Errorf("%s: got %t and\n%s\nwant %t and %q", c.name, h.OK, &b, c.ok, c.text)
		}
	}
}
