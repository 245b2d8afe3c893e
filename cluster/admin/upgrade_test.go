package admin

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// joined is a node with the newer program, v2, or the older one.
func joined(id string, role fsm.MemberRole, maxOp uint16) fsm.PutMember {
	return fsm.PutMember{Member: fsm.Member{ID: partition.NodeID(id), Name: "node-" + id, Instance: [16]byte{id[len(id)-1]}, Role: role, MaxOp: maxOp,
		Version: map[bool]string{true: "v2", false: "v1"}[maxOp >= fsm.MaxOp], APIAddr: "10.0.0.1:7420"}}
}

// TestARollingUpgrade from the first node to the level that is switched on by a person.
func TestARollingUpgrade(t *testing.T) {
	const before = fsm.LatestVersion - 1
	older := fsm.VersionNeeds(before)
	node := newFake(t)
	for _, cmd := range []fsm.Command{
		joined("n1", fsm.RoleVoter, older), joined("n2", fsm.RoleVoter, older), joined("n3", fsm.RoleWorker, older), fsm.RaiseVersion{Version: before},
		joined("n2", fsm.RoleVoter, fsm.MaxOp),
	} {
		node.do(t, cmd)
	}
	h := api(t, node)

	var u client.Upgrade
	if w := ask(t, h, http.MethodGet, "/v1/cluster/upgrade", "", "", &u); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var order []string
	for _, m := range u.Members {
		order = append(order, m.Name)
	}
	if want := []string{"node-n3", "node-n2", "node-n1"}; !slices.Equal(order, want) { // a worker, a voter, the leader
		t.Errorf("order: got %q, want %q", order, want)
	}
	if u.State != client.UpgradeRolling || u.Level != before || u.Newest != fsm.LatestVersion || !slices.Equal(u.Behind, []string{"node-n3", "node-n1"}) || u.Mode != client.UpgradeAutomatic {
		t.Errorf("while it goes on: got %+v", u)
	}
	if len(u.Brings) != 1 || u.Brings[0].Level != fsm.LatestVersion || u.Brings[0].Brings == "" || !slices.Contains(u.Brings[0].Commands, "finish-upgrade") {
		t.Errorf("what it brings: got %+v", u.Brings)
	}

	var p client.Problem
	if w := ask(t, h, http.MethodPost, "/v1/cluster/upgrade/finish", "", "{}", &p); w.Code != http.StatusConflict || p.Code != client.CodeNeedsVersion || p.Next == "" {
		t.Errorf("finish while two can not: got %d %+v, want 409 with %s", w.Code, p, client.CodeNeedsVersion)
	}
	for _, name := range []string{"node-n1 runs v1, which knows levels up to 7", "node-n3"} {
		if !strings.Contains(p.Detail, name) {
			t.Errorf("finish while two can not: %q does not name %q", p.Detail, name)
		}
	}
	if ask(t, h, http.MethodPost, "/v1/cluster/upgrade", "", `{"mode":"manual"}`, &p); p.Code != client.CodeNeedsVersion {
		t.Errorf("the switch before its level: got %+v, want %s", p, client.CodeNeedsVersion)
	}

	node.do(t, joined("n1", fsm.RoleVoter, fsm.MaxOp))
	node.do(t, joined("n3", fsm.RoleWorker, fsm.MaxOp))
	if ask(t, h, http.MethodGet, "/v1/cluster/upgrade", "", "", &u); u.State != client.UpgradeWaiting || len(u.Behind) != 0 {
		t.Errorf("all are upgraded: got %+v", u)
	}
	if w := ask(t, h, http.MethodPost, "/v1/cluster/upgrade/finish", "", `{"reason":"CHG-1"}`, &u); w.Code != http.StatusOK || u.State != client.UpgradeDone || u.Level != fsm.LatestVersion {
		t.Errorf("finish: got %d %+v", w.Code, u)
	}
	if w := ask(t, h, http.MethodPost, "/v1/cluster/upgrade/finish", "", "{}", &u); w.Code != http.StatusOK || u.State != client.UpgradeDone {
		t.Errorf("finish once more: got %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, http.MethodPost, "/v1/cluster/upgrade/finish", "", `{"level":7}`, &p); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a level that is below: got %d %+v", w.Code, p)
	}
	if w := ask(t, h, http.MethodPost, "/v1/cluster/upgrade", "", `{"mode":"manual","reason":"change freeze"}`, &u); w.Code != http.StatusOK || u.Mode != client.UpgradeManual || u.Why != "change freeze" || u.ModeAt == nil {
		t.Errorf("the switch: got %d %+v", w.Code, u)
	}
	if w := ask(t, h, http.MethodPost, "/v1/cluster/upgrade", "", `{"mode":"perhaps"}`, &p); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a mode that is none: got %d %+v", w.Code, p)
	}
}

// TestAnOlderNodeSaysWhomToAsk: it does not know the newest level, so it neither calls the upgrade done nor finishes it.
func TestAnOlderNodeSaysWhomToAsk(t *testing.T) {
	node := upgraded(t)
	node.do(t, joined("n2", fsm.RoleVoter, fsm.MaxOp+1))
	h := api(t, node)
	var u client.Upgrade
	if ask(t, h, http.MethodGet, "/v1/cluster/upgrade", "", "", &u); u.State != client.UpgradeRolling || !slices.Equal(u.Ahead, []string{"node-n2"}) {
		t.Errorf("got %+v, want it rolling and node-n2 ahead", u)
	}
	for _, body := range []string{"{}", `{"level":9}`} {
		var p client.Problem
		if w := ask(t, h, http.MethodPost, "/v1/cluster/upgrade/finish", "", body, &p); w.Code != http.StatusConflict || p.Code != client.CodeNeedsVersion || !strings.Contains(p.Next, "--addr 10.0.0.1:7420") {
			t.Errorf("finish %s: got %d %+v, want 409 and whom to ask", body, w.Code, p)
		}
	}
	gone := client.Upgrade{}
	node.do(t, fsm.SetMemberState{ID: "n2", State: fsm.MemberLeft})
	if ask(t, h, http.MethodGet, "/v1/cluster/upgrade", "", "", &gone); gone.State != client.UpgradeDone || len(gone.Members) != 1 {
		t.Errorf("after it left: got %+v, want done with one member", gone)
	}
}
