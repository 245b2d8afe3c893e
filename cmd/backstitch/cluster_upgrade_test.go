package main

import (
	"bytes"
	"strings"
	"testing"

	"backstitch/cluster/client"
)

// TestUpgradeSaysWhatToDo in each of its states, and by whom.
func TestUpgradeSaysWhatToDo(t *testing.T) {
	v := func(name, version string, level uint32) client.UpgradeMember {
		return client.UpgradeMember{Name: name, Version: version, Level: level, Role: "voter", State: "active", Alive: true, API: name + ":7420"}
	}
	brings := []client.FeatureLevel{{Level: 8, Brings: "tokens and roles", Commands: []string{"a", "b"}}}
	for _, c := range []struct {
		name         string
		u            client.Upgrade
		status, plan []string
		doctor       string
	}{
		{
			"done", client.Upgrade{State: "done", Mode: "automatic", Level: 8, Newest: 8, Members: []client.UpgradeMember{v("node-a", "v2", 8)}},
			[]string{"done: every member", "8 is on"}, []string{"nothing: feature level 8 is on"}, "ok",
		},
		{
			"rolling", client.Upgrade{State: "rolling", Mode: "automatic", Level: 7, Newest: 8, Brings: brings, Behind: []string{"node-b"},
				Members: []client.UpgradeMember{v("node-a", "v2", 8), v("node-b", "v1", 7)}},
			[]string{"1 of 2 can apply feature level 8", "Next: upgrade node-b"},
			[]string{"Order          node-b     each", "level 8: tokens and roles (2 commands)", "by the leader", "none can (exit status 21"}, "warn",
		},
		{
			"an older node answers", client.Upgrade{State: "rolling", Mode: "manual", Level: 8, Newest: 8, Ahead: []string{"node-b"},
				Members: []client.UpgradeMember{v("node-a", "v1", 8), v("node-b", "v2", 8)}},
			[]string{"above 8", "--addr node-b:7420"}, []string{"Order          node-a     each", "--addr node-b:7420"}, "warn",
		},
		{
			"by hand", client.Upgrade{State: "waiting", Mode: "manual", ModeBy: "cli:ann", Why: "freeze", Level: 7, Newest: 8, Brings: brings,
				Members: []client.UpgradeMember{v("node-a", "v2", 8)}},
			[]string{"waiting: every member can apply feature level 8", "manual, by cli:ann: freeze", "Next: backstitch cluster upgrade finish"}, []string{"by you"}, "warn",
		},
	} {
		var status, plan bytes.Buffer
		if err := upgradeText(&status, c.u); err != nil {
			t.Fatal(err)
		}
		if err := upgradePlanText(&plan, c.u); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.status {
			if !strings.Contains(status.String(), want) {
				t.Errorf("%s: status does not say %q:\n%s", c.name, want, &status)
			}
		}
		for _, want := range c.plan {
			if !strings.Contains(plan.String(), want) {
				t.Errorf("%s: plan does not say %q:\n%s", c.name, want, &plan)
			}
		}
		var d doctor
		if d.checkVersions(c.u); len(d.found) != 1 || d.found[0].Status != c.doctor || (c.doctor == "warn") == (d.found[0].Next == "") {
			t.Errorf("%s: the doctor says %+v, want %s", c.name, d.found, c.doctor)
		}
	}
}

// TestOnlyWhatWillHappenIsAskedFor: a level that a member can not apply is refused by the node, without a question before.
func TestOnlyWhatWillHappenIsAskedFor(t *testing.T) {
	u := client.Upgrade{Level: 6, Newest: 8, Members: []client.UpgradeMember{{Level: 8}, {Level: 7}}}
	if able(u, 8) || !able(u, 7) {
		t.Errorf("8: got %t, want false; 7: got %t, want true", able(u, 8), able(u, 7))
	}
}
