package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/access"
	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/partition"

	"github.com/prometheus/client_golang/prometheus"
)

// gated is a server whose book controls access, with one token for each role in each of the namespaces.
type gated struct {
	asked int
	node  *fakeNode
	s     *Server
	h     http.Handler
	log   *bytes.Buffer
	now   time.Time
	root  string
	text  map[string]string // of a token, by "ROLE NAMESPACE"
	acc   map[string]string // its accessor
}

const here, there = "shop", "farm"

func newDoor(t testing.TB, required bool, recovery func() (uint64, error)) *gated {
	t.Helper()
	d := &gated{node: latest(t), log: &bytes.Buffer{}, now: time.Unix(1_700_000_000, 0), text: map[string]string{}, acc: map[string]string{}}
	d.node.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	var err error
	d.s, err = New(Config{
		Version: "test", Logger: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Gatherer: prometheus.NewRegistry(),
		Clock: func() time.Time { return d.now }, AccessRequired: required, Recovery: recovery,
		Report: func(*fsm.View, fsm.ProofID) ([]byte, error) { return []byte("{}"), nil },
	}, d.node)
	if err != nil {
		t.Fatal(err)
	}
	d.h = d.s.Handler()
	return d
}

// opened is a door with its first token.
func opened(t testing.TB) *gated {
	d := newDoor(t, false, nil)
	d.root = d.first(t)
	return d
}

func (d *gated) first(t testing.TB) string {
	t.Helper()
	var made client.NewToken
	if w := d.ask("POST", "/v1/access/bootstrap", "", `{"reason":"begin"}`, &made); w.Code != http.StatusOK || made.Secret == "" {
		t.Fatalf("bootstrap: %d %s", w.Code, w.Body)
	}
	return made.Secret
}

// ask sends a request with a token, "" for none.
func (d *gated) ask(method, path, token, body string, out any) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return d.send(req, out)
}

func (d *gated) send(req *http.Request, out any) *httptest.ResponseRecorder {
	d.asked++
	req.RemoteAddr = fmt.Sprintf("192.0.2.%d:1234", 1+d.asked/95) // time stands still here, and one address may ask so often at once, what is refused counting for ten
	w := httptest.NewRecorder()
	ctx, cancel := context.WithTimeout(req.Context(), 5*time.Second)
	defer cancel()
	d.h.ServeHTTP(w, req.WithContext(ctx))
	if out != nil {
		_ = json.Unmarshal(w.Body.Bytes(), out) // what is not there, the caller finds missing
	}
	return w
}

// create makes a token.
func (d *gated) create(t *testing.T, by string, c client.CreateToken) client.NewToken {
	t.Helper()
	if c.Reason == "" {
		c.Reason = "test"
	}
	if c.TTL == "" {
		c.TTL = "24h"
	}
	var made client.NewToken
	if w := d.ask("POST", "/v1/tokens", by, text(t, c), &made); w.Code != http.StatusOK || made.Secret == "" {
		t.Fatalf("create token %+v: %d %s", c, w.Code, w.Body)
	}
	return made
}

// roles makes one token for each role, with the role in the namespace.
func (d *gated) roles(t *testing.T, namespace string) {
	t.Helper()
	for _, role := range fsm.AccessRoles {
		c := client.CreateToken{Role: role.String()}
		if namespace != fsm.EveryNamespace {
			c.Namespaces = []string{namespace}
		}
		made := d.create(t, d.root, c)
		d.text[role.String()+" "+namespace], d.acc[role.String()+" "+namespace] = made.Secret, made.Accessor
	}
}

// furnish puts one of each object into the namespace.
func (d *gated) furnish(t testing.TB, namespace, suffix string) {
	t.Helper()
	id := partition.JobID("bs-" + suffix)
	place := "kafka:c/orders-" + suffix
	d.node.do(t, fsm.SubmitJob{ID: id, Name: "orders-" + suffix, Namespace: namespace, Recipe: []byte("{}"), Locks: []string{place + "/0"}, Slices: 1, PlanHash: [32]byte{1}})
	s := partition.Slice{ID: partition.SliceID{Job: id}, Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: 10}}}
	d.node.do(t, fsm.AddSlices{Job: id, Slices: []partition.Slice{s}})
	d.node.do(t, fsm.StartJob{ID: id})
	d.node.do(t, fsm.BeginVerify{ID: id})
	d.node.do(t, fsm.GrantLeases{Grants: []fsm.Grant{{Slice: s.ID, Owner: "n1"}}})
	c := fsm.Comparison{Verdict: fsm.Pass, Evidence: fsm.E3, Expected: fsm.Side{Records: 10}, ReadBy: "n1"}
	d.node.do(t, fsm.FinishSlice{Slice: s.ID, Owner: "n1", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1, Cursor: 10}, Comparison: &c})
	proof := fsm.ProofID("r-" + suffix)
	d.node.do(t, fsm.RecordProof{Proof: fsm.Proof{ID: proof, Job: id, Verdict: fsm.Pass, Evidence: fsm.E3, Comparisons: []fsm.Comparison{c}}})
	d.node.do(t, fsm.FinishJob{ID: id, State: fsm.JobSucceeded, Proof: proof})
	d.node.do(t, fsm.PutAlias{Name: "alias-" + suffix, Place: place, Topic: "orders-" + suffix, Job: id})
	order := fsm.ScanOrder{Name: "orders.scan", Namespace: namespace, Dataset: "orders", Pair: "p", Recipe: []byte("{}")}
	d.node.do(t, fsm.SubmitScan{ID: partition.JobID("bs-scan" + suffix), Order: &order})
	d.node.do(t, fsm.PutSchedule{Name: "schedule-" + suffix, Order: &order, EveryNanos: int64(time.Hour), NextUnixNanos: 1 << 62})
	d.node.do(t, fsm.PutDataset{Name: fsm.DatasetName(namespace + "/orders"), Document: []byte("{}"), Reference: fsm.Place{Namespace: "s3://b", Name: "p"},
		Targets: []fsm.Place{{Namespace: "kafka://h", Name: "t"}}})
	d.node.do(t, fsm.SubmitFlow{ID: fsm.FlowID("fl-" + suffix), Name: "flow-" + suffix, Namespace: namespace, Document: []byte("{}"), Steps: []flow.Step{{Name: "ask", Kind: "manual", Body: []byte("{}"), Retry: flow.Retry{Attempts: 1}}}})
	d.node.do(t, fsm.PutFlowSchedule{Flow: fsm.SubmitFlow{Name: "nightly", Namespace: namespace, Document: []byte("{}"), Steps: []flow.Step{{Name: "ask", Kind: "manual", Body: []byte("{}"), Retry: flow.Retry{Attempts: 1}}}},
		EveryNanos: int64(time.Hour), NextUnixNanos: 1 << 62})
	wish := fsm.PutConsent{ID: "w-" + suffix, Verb: "void-job", Object: string(id), Namespace: namespace}
	if r, err := d.node.Propose(t.Context(), fsm.Envelope{Actor: "cert:somebody", UnixNanos: d.now.UnixNano()}, wish); err != nil || r.Code != fsm.OK {
		t.Fatalf("wish: %v, %v", r, err)
	}
}

// example is a request of each verb about the things of a namespace that furnish has put there; %[1]s is the suffix, %[2]s the namespace.
var examples = map[string][3]string{
	"approve-plan":           {"POST", "/v1/datasets/%[2]s/orders/plans/bs-none/approve", `{"sha256":"` + strings.Repeat("a", 64) + `"}`},
	"approve-request":        {"POST", "/v1/access/requests/w-%[1]s/approve", `{}`},
	"approve-step":           {"POST", "/v1/flows/fl-%[1]s/steps/ask/approve", `{"attempt":9}`},
	"bootstrap-access":       {"POST", "/v1/access/bootstrap", `{}`},
	"can-i":                  {"GET", "/v1/access/can-i?verb=list-jobs", ""},
	"cancel-flow":            {"POST", "/v1/flows/fl-%[1]s/cancel", `{}`},
	"cancel-job":             {"POST", "/v1/jobs/bs-%[1]s/cancel", `{}`},
	"cancel-scan":            {"POST", "/v1/scans/bs-scan%[1]s/cancel", `{}`},
	"create-token":           {"POST", "/v1/tokens", `{"reason":"x","ttl":"1h"}`},
	"delete-dataset":         {"DELETE", "/v1/datasets/%[2]s/orders?seen=1", ""},
	"delete-policy":          {"DELETE", "/v1/policies/none", ""},
	"discard-records":        {"POST", "/v1/jobs/bs-%[1]s/discarded", `{"records":[{"partition":0,"offset":1}]}`},
	"drain-member":           {"POST", "/v1/members/n1/drain", `{}`},
	"heal-fault":             {"DELETE", "/v1/chaos/faults/f1", ""},
	"heal-faults":            {"DELETE", "/v1/chaos/faults", ""},
	"health-live":            {"GET", "/healthz/live", ""},
	"health-ready":           {"GET", "/healthz/ready", ""},
	"health-startup":         {"GET", "/healthz/startup", ""},
	"inject-fault":           {"POST", "/v1/chaos/faults", `{"kind":"crash","ttl":"1s"}`},
	"join-cluster":           {"POST", "/v1/cluster/join", `{"addresses":["h:7422"]}`},
	"leave-cluster":          {"POST", "/v1/cluster/leave", `{}`},
	"list-aliases":           {"GET", "/v1/aliases", ""},
	"list-audit-records":     {"GET", "/v1/audit", ""},
	"list-budgets":           {"GET", "/v1/budgets?job=bs-%[1]s", ""},
	"list-dataset-schemas":   {"GET", "/v1/datasets/%[2]s/orders/schemas", ""},
	"list-datasets":          {"GET", "/v1/datasets", ""},
	"list-discarded-records": {"GET", "/v1/jobs/bs-%[1]s/discarded", ""},
	"list-faults":            {"GET", "/v1/chaos/faults", ""},
	"list-flow-schedules":    {"GET", "/v1/flow-schedules", ""},
	"list-flows":             {"GET", "/v1/flows", ""},
	"install-gossip-key":     {"POST", "/v1/cluster/keyring/install", `{"key":"AAECAwQFBgcICQoLDA0ODw=="}`},
	"list-gossip-keys":       {"GET", "/v1/cluster/keyring", ""},
	"remove-gossip-key":      {"POST", "/v1/cluster/keyring/remove", `{"fingerprint":"00000000"}`},
	"use-gossip-key":         {"POST", "/v1/cluster/keyring/use", `{"fingerprint":"00000000"}`},
	"list-jobs":              {"GET", "/v1/jobs", ""},
	"list-members":           {"GET", "/v1/members", ""},
	"list-peers":             {"GET", "/v1/raft/peers", ""},
	"list-policies":          {"GET", "/v1/policies", ""},
	"list-proof-keys":        {"GET", "/v1/cluster/proof-keys", ""},
	"list-proofs":            {"GET", "/v1/jobs/bs-%[1]s/proofs", ""},
	"list-requests":          {"GET", "/v1/access/requests", ""},
	"list-scan-schedules":    {"GET", "/v1/scan-schedules", ""},
	"list-scans":             {"GET", "/v1/scans", ""},
	"list-slices":            {"GET", "/v1/jobs/bs-%[1]s/slices", ""},
	"list-tokens":            {"GET", "/v1/tokens", ""},
	"metrics":                {"GET", "/metrics", ""},
	"put-maintenance":        {"POST", "/v1/maintenance", `{"name":"kafka-upgrade","off":true}`},
	"scan-dataset":           {"POST", "/v1/datasets/%[2]s/orders/scans", `{}`},
	"set-upgrade":            {"POST", "/v1/cluster/upgrade", `{"mode":"automatic"}`},
	"show-upgrade":           {"GET", "/v1/cluster/upgrade", ""},
	"finish-upgrade":         {"POST", "/v1/cluster/upgrade/finish", `{}`},
	"list-maintenance":       {"GET", "/v1/maintenance", ""},
	"show-stacks":            {"GET", "/v1/node/stacks", ""},
	"openapi":                {"GET", "/v1/openapi.json", ""},
	"pause-flow-schedule":    {"POST", "/v1/flow-schedules/%[2]s/nightly/pause", `{}`},
	"put-flow-schedule":      {"POST", "/v1/flow-schedules", `{"every":"1h","flow":{"name":"hourly","namespace":"%[2]s","document":{},"steps":[{"name":"ask","kind":"manual","needs":[],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{"prompt":"?"}}]}}`},
	"remove-flow-schedule":   {"DELETE", "/v1/flow-schedules/%[2]s/nightly", ""},
	"resume-flow-schedule":   {"POST", "/v1/flow-schedules/%[2]s/nightly/resume", `{}`},
	"pause-flow":             {"POST", "/v1/flows/fl-%[1]s/pause", `{}`},
	"pause-job":              {"POST", "/v1/jobs/bs-%[1]s/pause", `{}`},
	"prioritise-job":         {"POST", "/v1/jobs/bs-%[1]s/priority", `{"priority":70}`},
	"publish-alias":          {"POST", "/v1/aliases/new-%[1]s/publish", `{"job":"bs-%[1]s","place":"kafka:c/orders-%[1]s","topic":"orders-%[1]s","moves":[],"seen":99}`},
	"put-budget":             {"POST", "/v1/budgets", `{"scope":"namespace/%[2]s","rate":{"bytes":1}}`},
	"put-dataset":            {"POST", "/v1/datasets", `{"namespace":"%[2]s","name":"orders","document":{},"reference":{"namespace":"s3://b","name":"p"},"targets":[{"namespace":"kafka://h","name":"t"}],"orders":[],"endpoints":[],"seen":99}`},
	"put-policy":             {"POST", "/v1/policies", `{"name":"p","subject":"token:none","role":"viewer","namespace":"x"}`},
	"put-scan-schedule":      {"POST", "/v1/scan-schedules", `{"name":"schedule-%[1]s","every":"1h","order":{"name":"orders.scan","namespace":"%[2]s","dataset":"orders","pair":"p","recipe":{}}}`},
	"record-proof":           {"POST", "/v1/jobs/bs-%[1]s/proofs", `{}`},
	"reject-plan":            {"POST", "/v1/datasets/%[2]s/orders/plans/bs-none/reject", `{"sha256":"` + strings.Repeat("a", 64) + `"}`},
	"reject-step":            {"POST", "/v1/flows/fl-%[1]s/steps/ask/reject", `{"attempt":9}`},
	"remove-peer":            {"DELETE", "/v1/raft/peers/none", ""},
	"remove-scan-schedule":   {"DELETE", "/v1/scan-schedules/schedule-%[1]s", ""},
	"restore-records":        {"POST", "/v1/jobs/bs-%[1]s/discarded/restore", `{"records":[{"partition":0,"offset":1}]}`},
	"restore-snapshot":       {"POST", "/v1/snapshot", "x"},
	"resume-flow":            {"POST", "/v1/flows/fl-%[1]s/resume", `{}`},
	"resume-job":             {"POST", "/v1/jobs/bs-%[1]s/resume", `{}`},
	"retry-flow":             {"POST", "/v1/flows/fl-%[1]s/retry", `{}`},
	"retry-job":              {"POST", "/v1/jobs/bs-%[1]s/retry", `{}`},
	"revert-alias":           {"POST", "/v1/aliases/alias-%[1]s/revert", `{"job":"bs-%[1]s","seen":99}`},
	"revoke-token":           {"POST", "/v1/tokens/none/revoke", `{}`},
	"save-snapshot":          {"GET", "/v1/snapshot", ""},
	"show-access":            {"GET", "/v1/access", ""},
	"show-alias":             {"GET", "/v1/aliases/alias-%[1]s", ""},
	"show-alias-groups":      {"GET", "/v1/aliases/alias-%[1]s/versions/1/groups", ""},
	"show-cluster":           {"GET", "/v1/cluster", ""},
	"show-curve":             {"GET", "/v1/jobs/bs-%[1]s/curve", ""},
	"show-dataset":           {"GET", "/v1/datasets/%[2]s/orders", ""},
	"show-flow":              {"GET", "/v1/flows/fl-%[1]s", ""},
	"show-job":               {"GET", "/v1/jobs/bs-%[1]s", ""},
	"show-login":             {"GET", "/v1/access/login", ""},
	"show-plan":              {"GET", "/v1/datasets/%[2]s/orders/plans/bs-none", ""},
	"show-proof":             {"GET", "/v1/proofs/r-%[1]s", ""},
	"show-recipe":            {"GET", "/v1/jobs/bs-%[1]s/recipe", ""},
	"show-report":            {"GET", "/v1/proofs/r-%[1]s/report", ""},
	"show-scan":              {"GET", "/v1/scans/bs-scan%[1]s", ""},
	"show-scan-findings":     {"GET", "/v1/scans/bs-scan%[1]s/findings", ""},
	"show-token":             {"GET", "/v1/tokens/none", ""},
	"submit-flow":            {"POST", "/v1/flows", `{"id":"fl-x","name":"x","namespace":"%[2]s","document":{},"steps":[{"name":"ask","kind":"manual","needs":[],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{"prompt":"?"}}]}`},
	"submit-job":             {"POST", "/v1/jobs", `{"id":"bs-x","name":"x","namespace":"%[2]s","planHash":"","recipe":{},"locks":[],"priority":1,"records":0,"bytes":0,"slices":[]}`},
	"submit-scan":            {"POST", "/v1/scans", `{"id":"bs-scanx%[1]s","order":{"name":"orders.scan","namespace":"%[2]s","dataset":"orders","pair":"p","recipe":{}}}`},
	"transfer-leader":        {"POST", "/v1/cluster/leader/transfer", `{}`},
	"trigger-alertmanager":   {"POST", "/v1/triggers/alertmanager", `{"version":"4","alerts":[{"status":"firing","labels":{"backstitch_dataset":"%[2]s/orders"},"startsAt":"2026-01-02T03:04:05Z","fingerprint":"f"}]}`},
	"uncordon-member":        {"POST", "/v1/members/n1/uncordon", `{}`},
	"use-proof-key":          {"POST", "/v1/cluster/proof-keys", `{"key":"` + strings.Repeat("a", 64) + `"}`},
	"void-job":               {"POST", "/v1/jobs/bs-%[1]s/void", `{"done":false,"records":0}`},
}

// Every verb with every role, in the namespace of what it is about and in another one, is allowed or refused as the table says, and whoever is not
// known gets nowhere. Allowed is what was refused neither with 401 nor 403 nor for want of the role.
func TestEveryVerbWantsTheRoleOfItsRow(t *testing.T) {
	d := opened(t)
	d.furnish(t, here, "a")
	d.furnish(t, there, "b")
	for _, n := range []string{here, there, fsm.EveryNamespace} {
		d.roles(t, n)
	}
	rows := access.Verbs()
	if len(examples) != len(rows) {
		t.Errorf("%d examples for %d verbs", len(examples), len(rows))
	}
	strangers := []string{"", "bst_nothing", access.NewToken().Reveal()}
	for i, verb := range rows {
		e, ok := examples[verb.Name]
		if !ok {
			t.Errorf("%s has no example", verb.Name)
			continue
		}
		path, body := fill(e[1]), fill(e[2])
		if verb.Name == "record-proof" {
			body = text(t, client.NewProof(fsm.Proof{ID: "r-new", Job: "bs-a", Verdict: fsm.Pass, Evidence: fsm.E3}))
		}
		if w := d.ask(e[0], path, strangers[i%3], body, nil); (w.Code == http.StatusUnauthorized) == (verb.Scope == access.ScopeOpen) {
			t.Errorf("%s without a token that is known: %d %s", verb.Name, w.Code, w.Body)
		}
		spaces := []string{here, there}
		if verb.Scope == access.ScopeCluster {
			spaces = []string{here, fsm.EveryNamespace}
		}
		// Those that are refused first: who is allowed may take away what it is about.
		for _, want := range []bool{false, true} {
			for _, role := range fsm.AccessRoles {
				for _, n := range spaces {
					inside := n == fsm.EveryNamespace || n == here && verb.Scope == access.ScopeObject || verb.Scope == access.ScopeAny
					if want != (verb.Needs == fsm.AccessNone || inside && role >= verb.Needs) {
						continue
					}
					w := d.ask(e[0], path, d.text[role.String()+" "+n], body, nil)
					var p client.Problem
					_ = json.Unmarshal(w.Body.Bytes(), &p)
					if got := p.Code != client.CodeForbidden && w.Code != http.StatusUnauthorized; got != want {
						t.Errorf("%s as %s of %s: allowed %t, want %t: %d %s", verb.Name, role, n, got, want, w.Code, w.Body)
					}
					if !want {
						d.refusedProperly(t, verb, role, n, w.Code, p)
					}
				}
			}
		}
	}
}

func fill(s string) string {
	if !strings.Contains(s, "%[") {
		return s
	}
	return fmt.Sprintf(s+"%[3]s", "a", here, "")
}

var idIn = regexp.MustCompile(`w-[0-9a-f]{16}`)

// refusedProperly checks that a refusal names everything, and what to type.
func (d *gated) refusedProperly(t *testing.T, verb access.Verb, role fsm.AccessRole, n string, status int, p client.Problem) {
	t.Helper()
	subject := "token:" + d.acc[role.String()+" "+n]
	where := map[access.Scope]string{access.ScopeObject: here, access.ScopeCluster: "all namespaces", access.ScopeAny: "any"}[verb.Scope]
	for _, want := range []string{subject, verb.Name, where, "role " + verb.Needs.String()} {
		if !strings.Contains(p.Detail, want) {
			t.Errorf("%s as %s of %s: %q does not name %q", verb.Name, role, n, p.Detail, want)
		}
	}
	if status != http.StatusForbidden || p.Code != client.CodeForbidden || !strings.HasPrefix(p.Next, "an admin can allow it: backstitch policy put NAME --subject "+subject) {
		t.Errorf("%s as %s of %s: %d %+v", verb.Name, role, n, status, p)
	}
}

// The table and the routes are the same list.
func TestEveryRouteHasARowAndEveryRowARoute(t *testing.T) {
	d := newDoor(t, false, nil)
	var description struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	d.ask("GET", "/v1/openapi.json", "", "", &description)
	served := []string{"metrics", "openapi"}
	for _, methods := range description.Paths {
		for _, op := range methods {
			served = append(served, op.OperationID)
		}
	}
	var rows []string
	for _, v := range access.Verbs() {
		rows = append(rows, v.Name)
	}
	slices.Sort(served)
	if !slices.IsSorted(rows) || !slices.Equal(served, rows) {
		t.Errorf("routes:\n%q\nrows, sorted %t:\n%q", served, slices.IsSorted(rows), rows)
	}
}

// Lists have what is in namespaces that the caller may see, and nothing else.
func TestListsHaveOnlyWhatTheCallerMaySee(t *testing.T) {
	d := opened(t)
	d.furnish(t, here, "a")
	d.furnish(t, there, "b")
	d.roles(t, here)
	d.roles(t, fsm.EveryNamespace)
	for _, verb := range []string{"list-aliases", "list-datasets", "list-flow-schedules", "list-flows", "list-jobs", "list-requests", "list-scan-schedules", "list-scans"} {
		mine, all := d.ask("GET", examples[verb][1], d.text["viewer "+here], "", nil).Body.String(), d.ask("GET", examples[verb][1], d.text["viewer *"], "", nil).Body.String()
		other := func(s string) bool {
			return strings.Contains(s, there) || strings.Contains(s, "alias-b") || strings.Contains(s, "schedule-b")
		}
		own := func(s string) bool {
			return strings.Contains(s, here) || strings.Contains(s, "alias-a") || strings.Contains(s, "schedule-a")
		}
		if !own(mine) || other(mine) || !own(all) || !other(all) {
			t.Errorf("%s: of one namespace %s\nof all %s", verb, mine, all)
		}
	}
}

// A token is good until the book says that it has ended, which the leader's clock decides. A node whose own clock is far past the end gives up on it.
func TestATokenEndsForAllNodesAtOnce(t *testing.T) {
	d := opened(t)
	made := d.create(t, d.root, client.CreateToken{Role: "viewer", TTL: "1h"})
	status := func() int { return d.ask("GET", "/v1/jobs", made.Secret, "", nil).Code }
	if status() != http.StatusOK {
		t.Fatalf("a new token: %d", status())
	}
	d.now = made.Expires.Add(access.ClockSlack / 2) // this node's clock runs ahead
	if got := status(); got != http.StatusOK {
		t.Errorf("before the leader has ended it: %d", got)
	}
	if r, err := d.node.Propose(t.Context(), fsm.Envelope{Actor: "leader:n1", UnixNanos: made.Expires.UnixNano()}, fsm.EndToken{Accessor: made.Accessor, Expired: true}); err != nil || r.Code != fsm.OK {
		t.Fatal(r, err)
	}
	d.now = made.Expires.Add(-time.Minute) // and this one behind
	var p client.Problem
	if w := d.ask("GET", "/v1/jobs", made.Secret, "", &p); w.Code != http.StatusUnauthorized || p.Code != client.CodeUnauthorized || !strings.Contains(p.Detail, "came to its end") || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("behind its end: %d %+v", w.Code, p)
	}
	alone := d.create(t, d.root, client.CreateToken{Role: "viewer", TTL: "1h"})
	d.now = alone.Expires.Add(access.ClockSlack + 1)
	if w := d.ask("GET", "/v1/jobs", alone.Secret, "", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("long past its end, with no leader to say so: %d", w.Code)
	}
}

// What a token commands behind its revocation is refused by the book, also when the node that let it in did not know yet.
func TestARevokedTokenCommandsNothing(t *testing.T) {
	d := opened(t)
	d.furnish(t, here, "a")
	made := d.create(t, d.root, client.CreateToken{Role: "operator"})
	var shown client.Token
	if w := d.ask("POST", "/v1/tokens/"+made.Accessor+"/revoke", d.root, `{"reason":"lost"}`, &shown); w.Code != http.StatusOK || shown.State != "revoked" || shown.EndedWhy != "lost" || len(shown.Policies) != 0 {
		t.Fatalf("revoke: %d %s", w.Code, w.Body)
	}
	if w := d.ask("GET", "/v1/jobs", made.Secret, "", nil); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "was revoked") {
		t.Errorf("a revoked token: %d %s", w.Code, w.Body)
	}
	r, err := d.node.Propose(t.Context(), fsm.Envelope{Actor: "token:" + made.Accessor}, fsm.CancelFlow{ID: "fl-a"})
	if err != nil || r.Code != fsm.NotAllowed {
		t.Errorf("a command behind the revocation: %+v, %v; want not-allowed", r, err)
	}
}

func TestTheFirstTokenOnceAndAgainWhenItIsLost(t *testing.T) {
	number := uint64(0)
	d := newDoor(t, true, func() (uint64, error) { return number, nil })
	var p client.Problem
	if w := d.ask("GET", "/v1/jobs", "", "", &p); w.Code != http.StatusForbidden || p.Code != client.CodeNoFirstToken || p.Next != "backstitch access bootstrap" {
		t.Errorf("required, and no token yet: %d %+v", w.Code, p)
	}
	if w := d.ask("GET", "/healthz/live", "", "", nil); w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized {
		t.Errorf("health: %d", w.Code)
	}
	root := d.first(t)
	if w := d.ask("GET", "/v1/jobs", root, "", nil); w.Code != http.StatusOK {
		t.Errorf("the first token: %d %s", w.Code, w.Body)
	}
	w := d.ask("POST", "/v1/access/bootstrap", "", `{}`, &p)
	var at client.Access
	d.ask("GET", "/v1/access", root, "", &at)
	if want := fmt.Sprintf("echo %d > DATA-DIR/access-reset", at.FirstIndex); w.Code != http.StatusConflict || p.Code != client.CodeFirstToken || !strings.Contains(p.Next, want) {
		t.Errorf("a second time: %d %+v, want %q", w.Code, p, want)
	}
	if number = at.FirstIndex - 1; d.ask("POST", "/v1/access/bootstrap", "", `{}`, nil).Code != http.StatusConflict {
		t.Error("another number lets in")
	}
	number = at.FirstIndex
	again := d.first(t)
	if old, now := d.ask("GET", "/v1/jobs", root, "", nil).Code, d.ask("GET", "/v1/jobs", again, "", nil).Code; old != http.StatusUnauthorized || now != http.StatusOK {
		t.Errorf("after a recovery: the old one %d, the new one %d; want 401, 200", old, now)
	}
	before := d.node.Machine.Applied()
	for range 5 {
		if w := d.ask("POST", "/v1/access/bootstrap", "", `{}`, nil); w.Code != http.StatusConflict {
			t.Errorf("the same number again: %d", w.Code)
		}
	}
	if d.node.Machine.Applied() != before {
		t.Errorf("strangers wrote %d entries", d.node.Machine.Applied()-before)
	}
}

// A certificate is a subject of its own, that of a node is none, and the name that people read in it decides nothing.
func TestCertificatesAreSubjects(t *testing.T) {
	d := opened(t)
	if w := d.ask("POST", "/v1/policies", d.root, `{"name":"ann","subject":"cert:ann","role":"viewer","namespace":"*"}`, nil); w.Code != http.StatusOK {
		t.Fatalf("policy: %d %s", w.Code, w.Body)
	}
	for uri, want := range map[string]int{
		"backstitch://c1/client/ann": http.StatusOK, "backstitch://c1/client/bob": http.StatusForbidden,
		"backstitch://c1/node/ann": http.StatusUnauthorized, "https://ann": http.StatusUnauthorized,
	} {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest("GET", "/v1/jobs", nil)
		cert := &x509.Certificate{URIs: []*url.URL{u}}
		cert.Subject.CommonName = "ann"
		req.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
		if w := d.send(req, nil); w.Code != want {
			t.Errorf("%s: %d %s, want %d", uri, w.Code, w.Body, want)
		}
	}
}

// What is destructive, or overtakes nearly everything, wants somebody else's yes: not that of whoever asks, nor of a token that he has made.
func TestWhatIsDestructiveWantsTwo(t *testing.T) {
	d := opened(t)
	d.furnish(t, here, "a")
	d.roles(t, here)
	operator, approver := d.text["operator "+here], d.text["approver "+here]
	ask := func(by string) (int, client.Problem) {
		var p client.Problem
		w := d.ask("POST", "/v1/jobs/bs-a/void", by, `{"done":false,"records":0}`, &p)
		return w.Code, p
	}
	code, p := ask(operator)
	id := idIn.FindString(p.Next)
	if code != http.StatusForbidden || p.Code != client.CodeSecondPerson || id == "" || !strings.Contains(p.Detail, "void-job of job bs-a by token:"+d.acc["operator "+here]) {
		t.Fatalf("a rollback by one: %d %+v", code, p)
	}
	if _, again := ask(operator); again.Next != p.Next {
		t.Errorf("asked again: %+v, want the same request", again)
	}
	if code, other := ask(approver); code != http.StatusForbidden || other.Next == p.Next {
		t.Errorf("the wish of another: %d %+v, want another request", code, other)
	}
	own := idIn.FindString(func() string { _, p := ask(approver); return p.Next }())
	for _, c := range []struct {
		by, id string
		status int
		code   string
	}{
		{operator, id, http.StatusForbidden, client.CodeForbidden},
		{approver, own, http.StatusForbidden, client.CodeOwnRequest},
		{approver, "w-none", http.StatusNotFound, client.CodeNotFound},
		{approver, id, http.StatusOK, ""},
	} {
		var p client.Problem
		if w := d.ask("POST", "/v1/access/requests/"+c.id+"/approve", c.by, `{"reason":"seen"}`, &p); w.Code != c.status || p.Code != c.code {
			t.Errorf("yes to %s: %d %s, want %d %s", c.id, w.Code, w.Body, c.status, c.code)
		}
	}
	if code, p := ask(operator); code != http.StatusOK && p.Code == client.CodeSecondPerson {
		t.Errorf("after a yes: %d %+v", code, p)
	}
	for name, c := range map[string]struct {
		method, path, body string
		two                bool
	}{
		"priority 90":  {"POST", "/v1/jobs/bs-a/priority", `{"priority":90}`, true},
		"priority 89":  {"POST", "/v1/jobs/bs-a/priority", `{"priority":89}`, false},
		"publish over": {"POST", "/v1/aliases/alias-a/publish", `{"job":"bs-a","place":"kafka:c/orders-a","topic":"orders-a","moves":[],"seen":1}`, true},
		"publish anew": {"POST", "/v1/aliases/other/publish", `{"job":"bs-a","place":"kafka:c/orders-a","topic":"orders-a","moves":[],"seen":0}`, false},
		"send back":    {"POST", "/v1/aliases/alias-a/revert", `{"job":"bs-a","seen":1}`, true},
		"policy run": {"POST", "/v1/datasets", `{"namespace":"shop","name":"orders","document":{},"reference":{"namespace":"s3://b","name":"p"},"targets":[{"namespace":"kafka://h","name":"t"}],` +
			`"orders":[],"endpoints":[],"seen":99,"policy":{"act":"run","maxRecords":1}}`, true},
		"schedule of plans": {"POST", "/v1/flow-schedules", `{"every":"1h","maxRecords":9,"maxBytes":9,"flow":{"name":"hourly","namespace":"shop","document":{},"steps":[{"name":"fill","kind":"recovery","needs":[],"timeoutNanos":0,` +
			`"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{}}]}}`, true},
		"delete":          {"DELETE", "/v1/datasets/shop/orders?seen=1", "", true},
		"submit above 90": {"POST", "/v1/jobs", `{"id":"bs-x","name":"x","namespace":"shop","planHash":"","recipe":{},"locks":[],"priority":91,"records":0,"bytes":0,"slices":[]}`, true},
	} {
		var p client.Problem
		w := d.ask(c.method, c.path, operator, c.body, &p)
		if (p.Code == client.CodeSecondPerson) != c.two || p.Code == client.CodeForbidden {
			t.Errorf("%s: %d %+v, two people %t", name, w.Code, p, c.two)
		}
	}
}

// A yes is good for an hour.
func TestAYesEnds(t *testing.T) {
	d := opened(t)
	d.furnish(t, here, "a")
	d.roles(t, here)
	ask := func() (p client.Problem) {
		d.ask("DELETE", "/v1/datasets/shop/orders?seen=1", d.text["operator "+here], "", &p)
		return p
	}
	id := idIn.FindString(ask().Next)
	if w := d.ask("POST", "/v1/access/requests/"+id+"/approve", d.text["approver "+here], `{}`, nil); w.Code != http.StatusOK {
		t.Fatalf("yes: %d %s", w.Code, w.Body)
	}
	if p := ask(); p.Code == client.CodeSecondPerson {
		t.Errorf("with a yes: %+v", p)
	}
	d.now = d.now.Add(fsm.ConsentHolds + time.Second)
	if p := ask(); p.Code != client.CodeSecondPerson {
		t.Errorf("an hour later: %+v", p)
	}
}

// A planted token is in the one answer that makes it, and nowhere else: not in the trail, the log, an error, the book, or a list.
func TestTokensAreNowhere(t *testing.T) {
	d := opened(t)
	d.furnish(t, here, "a")
	d.roles(t, here)
	secret := d.text["viewer "+here]
	token, err := access.ParseToken(secret)
	if err != nil {
		t.Fatal(err)
	}
	_, hidden, _ := strings.Cut(strings.TrimPrefix(secret, "bst_"), "_") // the accessor is public
	var seen strings.Builder
	for _, e := range examples {
		for _, by := range []string{secret, secret + "x"} {
			if e[1] != "/v1/tokens" && e[1] != "/v1/access/bootstrap" && e[1] != "/v1/cluster/leave" {
				seen.WriteString(d.ask(e[0], fill(e[1]), by, fill(e[2]), nil).Body.String())
			}
		}
	}
	seen.WriteString(d.ask("GET", "/v1/tokens", d.root, "", nil).Body.String())
	seen.WriteString(d.ask("GET", "/v1/audit?limit=1000", d.root, "", nil).Body.String())
	seen.WriteString(d.log.String())
	var book bytes.Buffer
	view := d.node.Machine.View()
	defer view.Close()
	if err := view.Dump(&book); err != nil {
		t.Fatal(err)
	}
	seen.Write(book.Bytes())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&seen, verb, token)
		fmt.Fprintf(&seen, verb, struct{ kept access.Token }{token})
		fmt.Fprintf(&seen, verb, &token)
	}
	asJSON, _ := json.Marshal(token)
	seen.Write(asJSON)
	slog.New(slog.NewJSONHandler(&seen, nil)).Info("x", "token", token)
	for name, part := range map[string]string{"secret": hidden, "half of it": hidden[:len(hidden)/2]} {
		if at := strings.Index(seen.String(), part); at >= 0 {
			t.Errorf("the %s is in: ...%s...", name, seen.String()[max(0, at-200):at])
		}
	}
	if trail := seen.String(); !strings.Contains(trail, `"actor":"token:`+token.Accessor()) || !strings.Contains(trail, `"result":"not-allowed"`) {
		t.Error("the trail does not have the accessor, or no refusal")
	}
}

// Whoever is refused a thousand times is in the trail once in a while: he can not push decisions out of it.
func TestRefusalsDoNotFillTheTrail(t *testing.T) {
	d := opened(t)
	d.roles(t, here)
	before := d.node.Machine.Applied()
	for range 50 {
		d.ask("GET", "/v1/tokens", d.text["viewer "+here], "", nil)
		d.ask("GET", "/v1/tokens", "", "", nil)
	}
	if got := d.node.Machine.Applied() - before; got != 1 {
		t.Errorf("%d entries for 50 refusals of one kind, want 1", got)
	}
	d.now = d.now.Add(notePause)
	if d.ask("GET", "/v1/tokens", d.text["viewer "+here], "", nil); d.node.Machine.Applied()-before != 2 {
		t.Errorf("%d entries a minute later, want 2", d.node.Machine.Applied()-before)
	}
}

func TestCanI(t *testing.T) {
	d := opened(t)
	d.roles(t, here)
	operator := d.text["operator "+here]
	for query, want := range map[string]bool{
		"verb=cancel-job&namespace=shop": true, "verb=cancel-job&namespace=farm": false, "verb=cancel-job": false, "verb=list-jobs": true,
		"verb=create-token": false, "verb=approve-plan&namespace=shop": false, "verb=can-i": true,
	} {
		var v client.Verdict
		if w := d.ask("GET", "/v1/access/can-i?"+query, operator, "", &v); w.Code != http.StatusOK || v.Allowed != want || v.Why == "" {
			t.Errorf("%s: %d %s, want %t", query, w.Code, w.Body, want)
		}
	}
	var p client.Problem
	if w := d.ask("GET", "/v1/access/can-i?verb=list-jobs&as=x", operator, "", &p); w.Code != http.StatusForbidden {
		t.Errorf("about another: %d %s", w.Code, w.Body)
	}
	if w := d.ask("GET", "/v1/access/can-i?verb=fly", operator, "", &p); w.Code != http.StatusNotFound {
		t.Errorf("no such verb: %d %s", w.Code, w.Body)
	}
	var v client.Verdict
	if d.ask("GET", "/v1/access/can-i?verb=cancel-job&namespace=shop&as="+d.acc["viewer "+here], d.root, "", &v); v.Allowed || v.Subject != "token:"+d.acc["viewer "+here] {
		t.Errorf("a viewer, asked by an admin: %+v", v)
	}
	if d.ask("GET", "/v1/access/can-i?verb=cancel-job&namespace=shop&as=none", d.root, "", &v); v.Allowed || !strings.Contains(v.Why, "not known") {
		t.Errorf("nobody, asked by an admin: %+v", v)
	}
}

// unread is a node whose book can not be read.
type unread struct{ *fakeNode }

func (unread) View() (*fsm.View, error) { return nil, cluster.ErrNotReady }

// A node that can not read its book says how it is, and nothing else; one that wants tokens says nothing, since it can not tell whether it may.
func TestANodeWithoutABookSaysHowItIs(t *testing.T) {
	for _, required := range []bool{false, true} {
		s, err := New(Config{
			Version: "test", Logger: slog.New(slog.DiscardHandler), Gatherer: prometheus.NewRegistry(), AccessRequired: required, Clock: time.Now,
		}, unread{newFake(t)})
		if err != nil {
			t.Fatal(err)
		}
		h := s.Handler()
		for path, served := range map[string]bool{"/metrics": true, "/v1/jobs": false, "/v1/snapshot": false, "/v1/tokens": false} {
			want := http.StatusServiceUnavailable
			if served && !required {
				want = http.StatusOK
			}
			if w := ask(t, h, "GET", path, "", "", nil); w.Code != want {
				t.Errorf("%s, required %t: %d %s, want %d", path, required, w.Code, w.Body, want)
			}
		}
	}
}

// TestWhatTheProcessAsksOfItselfNeedsNoToken, and nobody from outside can say that he is the process.
func TestWhatTheProcessAsksOfItselfNeedsNoToken(t *testing.T) {
	d := opened(t)
	req := httptest.NewRequest("GET", "/v1/jobs", nil)
	if w := d.send(req.WithContext(As(t.Context(), "flow:fl-a")), nil); w.Code != http.StatusOK {
		t.Errorf("from within: got %d %s", w.Code, w.Body)
	}
	req.Header.Set("User-Agent", "backstitch-cli (flow:fl-a)")
	if w := d.send(req, nil); w.Code != http.StatusUnauthorized {
		t.Errorf("from outside: got %d %s", w.Code, w.Body)
	}
}
