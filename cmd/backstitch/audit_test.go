package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

// trailOf is a trail of n records as a node says it, from the oldest that it keeps.
func trailOf(t *testing.T, node string, oldest, n uint64) client.AuditRecords {
	t.Helper()
	var hash [32]byte
	out := client.AuditRecords{Trail: client.AuditTrail{Cluster: "c1", Node: node, Oldest: oldest, Next: n + 1}}
	for i := uint64(1); i <= n; i++ {
		if i == oldest {
			out.Trail.Anchor = fmt.Sprintf("%x", hash)
		}
		rec := fsm.AuditRecord{Number: i, Index: 2 * i, UnixNanos: 1_795_132_800_000_000_001 + int64(i), Op: fsm.CancelJob{}.Op(), Subject: "bs-a", Actor: "cli:ann", Reason: "INC <1>", RequestID: [16]byte{byte(i)}, Code: fsm.OK}
		if i%2 == 0 {
			rec.Code, rec.Object, rec.Refused = fsm.UnknownJob, "bs-a", 1
		}
		var err error
		if hash, err = rec.Chain(hash); err != nil {
			t.Fatal(err)
		}
		if i >= oldest {
			out.Records = append(out.Records, client.AuditRecord{
				Number: i, Index: rec.Index, At: time.Unix(0, rec.UnixNanos).UTC(), Op: rec.Op, Name: fsm.OpName(rec.Op), Subject: rec.Subject, Actor: rec.Actor, Reason: rec.Reason,
				Request: fmt.Sprintf("%x", rec.RequestID), Code: uint16(rec.Code), Result: rec.Code.String(), Object: rec.Object, Refused: rec.Refused, Hash: fmt.Sprintf("%x", hash),
			})
		}
	}
	out.Trail.Hash = fmt.Sprintf("%x", hash)
	return out
}

// witness is a node that has a trail; members are those that it names.
func witness(t *testing.T, trail client.AuditRecords, members *[]client.Member) (addr string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(client.HeaderIndex, "7")
		switch r.URL.Path {
		case "/v1/members":
			_ = json.NewEncoder(w).Encode(client.Members{Members: *members})
		case "/v1/audit":
			from, _ := strconv.ParseUint(r.URL.Query().Get("from"), 10, 64)
			out := trail
			out.Records = nil
			for _, rec := range trail.Records {
				if rec.Number >= from && len(out.Records) < 3 { // a page
					out.Records = append(out.Records, rec)
				} else if rec.Number >= from {
					out.More = true
				}
			}
			_ = json.NewEncoder(w).Encode(out)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	addr = strings.TrimPrefix(s.URL, "http://")
	*members = append(*members, client.Member{Name: trail.Trail.Node, APIAddr: addr})
	return addr
}

// TestEveryChangeOfARecordIsSeen changes each part of a record in a file and on a node.
func TestEveryChangeOfARecordIsSeen(t *testing.T) {
	changes := map[string]func(*client.AuditRecords){
		"index": func(a *client.AuditRecords) { a.Records[2].Index++ }, "time": func(a *client.AuditRecords) { a.Records[2].At = a.Records[2].At.Add(1) },
		"op": func(a *client.AuditRecords) { a.Records[2].Op++ }, "its name": func(a *client.AuditRecords) { a.Records[2].Name = "resume-job" },
		"subject": func(a *client.AuditRecords) { a.Records[2].Subject = "bs-b" }, "actor": func(a *client.AuditRecords) { a.Records[2].Actor = "cli:bob" },
		"reason": func(a *client.AuditRecords) { a.Records[2].Reason = "" }, "request": func(a *client.AuditRecords) { a.Records[2].Request = strings.Repeat("0", 32) },
		"code": func(a *client.AuditRecords) { a.Records[2].Code++ }, "its result": func(a *client.AuditRecords) { a.Records[3].Result = "ok" },
		"object": func(a *client.AuditRecords) { a.Records[3].Object = "" }, "refused": func(a *client.AuditRecords) { a.Records[3].Refused = 0 },
		"hash":            func(a *client.AuditRecords) { a.Records[2].Hash = a.Records[1].Hash },
		"one left out":    func(a *client.AuditRecords) { a.Records = append(a.Records[:2:2], a.Records[3:]...) },
		"two changed":     func(a *client.AuditRecords) { a.Records[2], a.Records[3] = a.Records[3], a.Records[2] },
		"where it begins": func(a *client.AuditRecords) { a.Trail.Anchor = strings.Repeat("0", 64) },
	}
	for name, change := range changes {
		bad := trailOf(t, "node-a", 3, 9)
		change(&bad)
		path := filepath.Join(t.TempDir(), "trail")
		writeTrail(t, path, bad)
		if _, stderr, status := invoke(t, nil, "audit", "verify", path); status != client.ExitDiffer || !strings.Contains(stderr, codeTrailBroken) {
			t.Errorf("%s, in a file: status %d\n%s", name, status, stderr)
		}
		var members []client.Member
		addr := witness(t, trailOf(t, "node-b", 1, 9), &members)
		witness(t, bad, &members)
		if _, stderr, status := invoke(t, nil, "audit", "verify", "--addr", addr); status != client.ExitDiffer || !strings.Contains(stderr, codeTrailBroken) || !strings.Contains(stderr, "node-a") {
			t.Errorf("%s, on a node: status %d\n%s", name, status, stderr)
		}
	}
	short := trailOf(t, "node-a", 3, 9)
	short.Records = short.Records[:4]
	path := filepath.Join(t.TempDir(), "trail")
	writeTrail(t, path, short)
	if _, stderr, status := invoke(t, nil, "audit", "verify", path); status != client.ExitDiffer || !strings.Contains(stderr, "has to end with 9") {
		t.Errorf("the end of a file is gone: status %d\n%s", status, stderr)
	}
}

func writeTrail(t *testing.T, path string, a client.AuditRecords) {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	if err := enc.Encode(auditFile{Version: auditFileVersion, MadeAt: time.Unix(1, 0).UTC(), Trail: a.Trail}); err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Records {
		if err := enc.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestNodesHaveOneTrail: the shorter and the one that begins later are the same trail; one that was made anew is not, although it is whole.
func TestNodesHaveOneTrail(t *testing.T) {
	var members []client.Member
	addr := witness(t, trailOf(t, "node-a", 1, 9), &members)
	witness(t, trailOf(t, "node-b", 4, 8), &members)
	stdout, stderr, status := invoke(t, nil, "audit", "verify", "--addr", addr)
	if status != client.ExitOK || !strings.Contains(stdout, "One chain on all of them, up to record 8.") {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}

	other := trailOf(t, "node-c", 1, 9)
	forged := [32]byte{}
	for i := range other.Records {
		r := &other.Records[i]
		if i == 5 {
			r.Actor = "cli:bob"
		}
		request := [16]byte{byte(r.Number)}
		rec := fsm.AuditRecord{Number: r.Number, Index: r.Index, UnixNanos: r.At.UnixNano(), Op: r.Op, Subject: r.Subject, Actor: r.Actor, Reason: r.Reason, RequestID: request, Code: fsm.Code(r.Code), Object: r.Object, Refused: r.Refused}
		forged, _ = rec.Chain(forged)
		r.Hash = fmt.Sprintf("%x", forged)
	}
	other.Trail.Hash = fmt.Sprintf("%x", forged)
	witness(t, other, &members)
	if stdout, stderr, status = invoke(t, nil, "audit", "verify", "--addr", addr); status != client.ExitDiffer || !strings.Contains(stderr, codeTrailsDiffer) || !strings.Contains(stderr, "record 6 is another on node-c than on node-a") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}

	members = append(members[:2:2], client.Member{Name: "node-d", APIAddr: "127.0.0.1:1"})
	if stdout, stderr, status = invoke(t, nil, "audit", "verify", "--addr", addr); status != client.ExitIndeterminate || !strings.Contains(stdout, "not asked") || !strings.Contains(stderr, codeNoTrail) {
		t.Errorf("one is down: status %d\n%s%s", status, stdout, stderr)
	}
	members = []client.Member{members[0]}
	members[0].Name = "node-x"
	if _, stderr, status = invoke(t, nil, "audit", "verify", "--addr", addr); status != client.ExitIndeterminate {
		t.Errorf("another answers: status %d\n%s", status, stderr)
	}
}

func TestAuditExport(t *testing.T) {
	var members []client.Member
	addr := witness(t, trailOf(t, "node-a", 3, 9), &members)
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	if stdout, stderr, status := invoke(t, nil, "audit", "export", "--out", path, "--addr", addr); status != client.ExitOK || !strings.Contains(stdout, "7 records written") {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	if stdout, stderr, status := invoke(t, nil, "audit", "verify", path); status != client.ExitOK || !strings.Contains(stdout, "7 records of cluster c1, 3 to 9: one chain.") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	if _, stderr, status := invoke(t, nil, "audit", "export", "--out", path, "--addr", addr); status != client.ExitConflict {
		t.Errorf("over another: status %d\n%s", status, stderr)
	}
	bad := trailOf(t, "node-a", 3, 9)
	bad.Records[1].Actor = "cli:bob"
	members = nil
	if _, stderr, status := invoke(t, nil, "audit", "export", "--out", path+".2", "--addr", witness(t, bad, &members)); status != client.ExitDiffer || !strings.Contains(stderr, codeTrailBroken) {
		t.Errorf("a broken one: status %d\n%s", status, stderr)
	}
	if _, err := os.Stat(path + ".2"); err == nil {
		t.Error("a broken one was written")
	}
	members = nil
	if _, stderr, status := invoke(t, nil, "audit", "export", "--out", path+".3", "--addr", witness(t, client.AuditRecords{Trail: client.AuditTrail{Node: "node-a", Oldest: 1, Next: 1, Anchor: strings.Repeat("0", 64)}}, &members)); status != client.ExitIndeterminate {
		t.Errorf("nothing: status %d\n%s", status, stderr)
	}
	for name, text := range map[string]string{"empty": "", "no head": "{}\n", "newer": `{"backstitchAudit":2}` + "\n", "something else": "apiVersion: v1\n", "more in it": `{"backstitchAudit":1,"x":1}` + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, status := invoke(t, nil, "audit", "verify", path); status != client.ExitUsage || !strings.Contains(stderr, codeNotTrail) {
			t.Errorf("%s: status %d\n%s", name, status, stderr)
		}
	}
	if _, stderr, status := invoke(t, nil, "audit", "verify", path+".none"); status != client.ExitNotFound {
		t.Errorf("no file: status %d\n%s", status, stderr)
	}
}

func TestAuditListAndTail(t *testing.T) {
	addr := api{"GET /v1/audit": trailOf(t, "node-a", 3, 4)}.serve(t)
	stdout, stderr, status := invoke(t, nil, "audit", "list", "--addr", addr)
	if status != client.ExitOK || !strings.Contains(stdout, "unknown-job: bs-a (1 refused)") || !strings.Contains(stdout, "cancel-job") || !strings.Contains(stdout, "INC <1>") {
		t.Errorf("list: status %d\n%s%s", status, stdout, stderr)
	}
	if _, stderr, status = invoke(t, nil, "audit", "list", "--since", "yesterday", "--addr", addr); status != client.ExitUsage {
		t.Errorf("--since: status %d\n%s", status, stderr)
	}
	if _, stderr, status = invoke(t, nil, "audit", "tail", "-o", "json", "--addr", addr); status != client.ExitUsage || !strings.Contains(stderr, "-o jsonl") {
		t.Errorf("tail as one value: status %d\n%s", status, stderr)
	}
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all := trailOf(t, "node-a", 1, 4)
		w.Header().Set(client.HeaderIndex, "7")
		out := all
		out.Records = nil
		switch asked++; asked {
		case 1: // the newest, newest first
			out.Trail.Next = 3
			out.Records = []client.AuditRecord{all.Records[1]}
		case 2:
			if q := r.URL.Query(); q.Get("from") != "3" || q.Get("index") != "7" {
				t.Errorf("asked for %s", r.URL.RawQuery)
			}
			out.Records = all.Records[2:]
		default:
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	defer s.Close()
	stdout, _, _ = invoke(t, nil, "audit", "tail", "-n", "1", "-o", "jsonl", "--addr", s.URL)
	var numbers []string
	for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		var r client.AuditRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		numbers = append(numbers, fmt.Sprint(r.Number))
	}
	if got := strings.Join(numbers, " "); got != "2 3 4" {
		t.Errorf("tail: got %s, want 2 3 4", got)
	}
}
