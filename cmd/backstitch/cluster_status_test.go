package main

import (
	"strings"
	"testing"

	"backstitch/cluster/client"
)

// TestClocksAreJudged by the doctor and in words.
func TestClocksAreJudged(t *testing.T) {
	for _, c := range []struct {
		clock        *client.Clock
		members      int
		status, text string
	}{
		{nil, 1, "ok", "one clock"},
		{nil, 3, "skip", "no other clock"},
		{&client.Clock{SkewMs: 4, WithinMs: 2, Node: "node-c", Compared: 2, LimitMs: 500}, 3, "ok", "4 ms max (node-c), give or take 2 ms"},
		{&client.Clock{SkewMs: 700, WithinMs: 2, Node: "node-c", Compared: 2, LimitMs: 500, Apart: true}, 3, "warn", "see to the clock of node-c"},
	} {
		var d doctor
		d.checkClock(c.clock, c.members)
		if len(d.found) != 1 || d.found[0].Status != c.status || d.found[0].Code != "BST-D203" || !strings.Contains(d.found[0].Detail, c.text) {
			t.Errorf("%+v of %d members: got %+v, want %s with %q", c.clock, c.members, d.found, c.status, c.text)
		}
		if c.status == "warn" && d.found[0].Next == "" {
			t.Error("a warning does not say what to type")
		}
	}
}

// TestFullDisksAreJudged by the doctor and in words.
func TestFullDisksAreJudged(t *testing.T) {
	disk := func(node string, used uint64, level string) client.Disk {
		return client.Disk{Node: node, Bytes: 100, Used: used, Level: level}
	}
	for _, c := range []struct {
		disks        []client.Disk
		status, text string
	}{
		{nil, "skip", "no node could say"},
		{[]client.Disk{disk("node-a", 31, "room"), disk("node-b", 7, "room"), {Node: "node-c", Level: "unknown"}}, "ok", "31 % max (node-a)"},
		{[]client.Disk{disk("node-a", 31, "room"), disk("node-b", 86, "soft")}, "warn", "86 % max (node-b)   no new work for node-b"},
		{[]client.Disk{disk("node-a", 96, "hard"), disk("node-b", 86, "soft")}, "fail", "no new work for node-b   no work at all for node-a"},
		{[]client.Disk{disk("node-a", 86, "soft"), disk("node-b", 96, "hard")}, "fail", "no work at all for node-b"},
	} {
		var d doctor
		d.checkDisks(c.disks)
		if len(d.found) != 1 || d.found[0].Status != c.status || d.found[0].Code != "BST-D205" || !strings.Contains(d.found[0].Detail, c.text) {
			t.Errorf("%+v: got %+v, want %s with %q", c.disks, d.found, c.status, c.text)
		}
	}
}
