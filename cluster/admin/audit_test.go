package admin

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

// TestTheAuditTrailIsRead in both directions, in pages, and by who, what and when.
func TestTheAuditTrailIsRead(t *testing.T) {
	node := newFake(t)
	start := time.Date(2026, 11, 20, 2, 0, 0, 5, time.UTC)
	for i := range 6 {
		env := fsm.Envelope{Actor: fmt.Sprint("cli:", []string{"ann", "bob"}[i%2]), Reason: "INC-4211", UnixNanos: start.Add(time.Duration(i) * time.Hour).UnixNano()}
		var cmd fsm.Command = fsm.PutMember{Member: fsm.Member{ID: "n9", Name: fmt.Sprint("node-", i), Instance: [16]byte{9}, Role: fsm.RoleVoter, MaxOp: fsm.MaxOp}}
		if i == 3 {
			cmd = fsm.CancelJob{ID: "bs-none"} // refused
		}
		if _, err := node.Propose(t.Context(), env, cmd); err != nil {
			t.Fatal(err)
		}
	}
	h := api(t, node)
	read := func(query string) (out client.AuditRecords) {
		t.Helper()
		if w := ask(t, h, "GET", "/v1/audit"+query, "", "", &out); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		return out
	}
	numbers := func(out client.AuditRecords) string {
		var list []string
		for _, r := range out.Records {
			list = append(list, fmt.Sprint(r.Number))
		}
		return fmt.Sprint(strings.Join(list, " "), " ", out.More)
	}
	for query, want := range map[string]string{
		"":                            "6 5 4 3 2 1 false",
		"?limit=2":                    "6 5 true",
		"?limit=6":                    "6 5 4 3 2 1 false",
		"?before=5&limit=2":           "4 3 true",
		"?from=1":                     "1 2 3 4 5 6 false",
		"?from=3&limit=3":             "3 4 5 true",
		"?from=7":                     " false",
		"?actor=bob":                  "6 4 2 false",
		"?op=cancel-job":              "4 false",
		"?subject=bs-none":            "4 false",
		"?refused=true":               "4 false",
		"?since=2026-11-20T05:00:00Z": "6 5 4 false",
		"?since=2026-11-20T06:30:00Z": "6 false",
		"?from=1&since=2026-11-20T06:00:00.000000005Z": "5 6 false",
	} {
		if got := numbers(read(query)); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	all := read("")
	r := all.Records[2]
	if r.Name != "cancel-job" || r.Actor != "cli:bob" || r.Reason != "INC-4211" || r.Result != "unknown-job" || r.Subject != "job bs-none" || !r.At.Equal(start.Add(3*time.Hour)) {
		t.Errorf("got %+v", r)
	}
	if tr := all.Trail; tr.Oldest != 1 || tr.Next != 7 || tr.Hash != all.Records[0].Hash || tr.Node != "node-a" || tr.Cluster != "c1" {
		t.Errorf("got %+v", tr)
	}
	for _, query := range []string{"?since=yesterday", "?limit=1001", "?before=-1", "?op=cancel&more=1"} {
		var p client.Problem
		if w := ask(t, h, "GET", "/v1/audit"+query, "", "", &p); w.Code != http.StatusUnprocessableEntity && w.Code != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", query, w.Code, w.Body)
		}
	}
}
