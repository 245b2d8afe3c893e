package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/canary"
	"backstitch/cluster/client"
)

// TestNoSecretComesOut lets people and nodes do what they do with canaries for secrets, in a cluster that knows all of them, and looks through every byte
// that comes out: of commands, in every format, when they do what they should and when they do not; of the API's reads and the web page; of bundles,
// snapshots and reports; what is sent to others; what nodes log at their finest; and what lies on their disks, read through the database as well.
//
// What people type where no secret belongs, such as a reason, is shown: one such word is planted, and has to be found everywhere, or nothing was looked
// through.
func TestNoSecretComesOut(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three agents")
	}
	a := newAviary(t)
	planted := canary.Plain("a planted word")
	a.keep(planted)

	for _, part := range []struct {
		name string
		do   func()
	}{
		{"begin", a.begin}, {"recover", func() { a.recover(string(planted.Value)) }}, {"flows", a.flows}, {"mistakes", a.mistakes}, {"sign in", a.signIn},
		{"operate", a.operate}, {"read", a.api}, {"pages", a.pages}, {"look", func() { a.look(planted.Name) }},
	} {
		began := time.Now()
		part.do()
		t.Logf("%s: %s", part.name, time.Since(began).Round(time.Millisecond))
	}
}

// begin makes the first token and another one, and turns the key of gossip.
func (a *aviary) begin() {
	a.t.Helper()
	first, second := a.key("first.token"), a.key("second.token")
	a.until("a first token", func() bool {
		_, _, status := a.run("access", "bootstrap", "--out", first, "--yes")
		return status == 0
	})
	a.token("first token", first)
	a.env["BACKSTITCH_TOKEN_FILE"] = first
	awaitHealthy(a.t, 3, func() (string, string, int) { return a.run("cluster", "status", "-o", "json") })
	a.does(0, "token", "create", "an Alertmanager", "--role", "admin", "--out", second)
	a.env["BACKSTITCH_TOKEN"] = a.token("second token", second)
	shown := a.does(0, "token", "create", "shown once", "--role", "viewer")
	word := regexp.MustCompile(`bst_[A-Za-z0-9]+_[A-Za-z0-9]+`).FindString(shown)
	if word == "" {
		a.t.Fatalf("no token in:\n%s", shown)
	}
	a.keep(canary.Of("token that is shown once", []byte(word[strings.LastIndexByte(word, '_')+1:])))
	a.until("a second key of gossip", func() bool {
		_, _, status := a.run("cluster", "keyring", "install", a.key("next.key"), "--reason", "rotation")
		return status == 0
	})
	a.each("cluster", "keyring", "list")
}

func (a *aviary) until(what string, done func() bool) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			last := a.pieces[len(a.pieces)-2:]
			a.t.Fatalf("waited a minute for %s; the last command: %s\n%s%s", what, last[0].place, last[0].body, last[1].body)
		}
	}
}

const canaryDataset = `apiVersion: backstitch.dev/v1
kind: Dataset
metadata: {name: orders, annotations: {runbook_url: "https://docs.example.com/orders"}}
spec:
  reference: {s3: {connection: s3, bucket: archive, prefix: orders}}
  targets: [{kafka: {connection: kafka, topic: orders}}]
  policy: planAndWait
  notify:
    - {name: am, format: alertmanager, url: "%[1]s/ok", token: "env:BACKSTITCH_NOTIFY_ENDPOINT"}
    - {name: events, format: cloudevents, url: "%[1]s/500/events", token: "file:hook"}
    - {name: moved, format: openlineage, url: "%[1]s/redirect", token: "env:BACKSTITCH_NOTIFY_ENDPOINT"}
    - {name: gone, format: cloudevents, url: "http://%[2]s/", token: "env:BACKSTITCH_NOTIFY_ENDPOINT"}
    - {name: lacking, format: alertmanager-webhook, url: "%[1]s/ok", token: "env:BACKSTITCH_NOTIFY_LACKING"}
`

const canaryRecovery = `apiVersion: backstitch.dev/v1
kind: Recovery
metadata: {name: %s}
spec:
  source: {s3: {connection: %s, bucket: archive, prefix: orders%s}}
  target: {kafka: {connection: %s, topic: orders%s}}
`

// recover loses records of a topic and brings them back, by a dataset whose plan waits for a yes.
func (a *aviary) recover(planted string) {
	a.t.Helper()
	const records = 200
	place := []string{"--kafka", "kafka", "--archive", "s3://archive/orders", "--s3", "s3"}
	a.orders(records)
	a.does(0, "archive", "orders", "s3://archive/orders", "--kafka", "kafka", "--s3", "s3")
	a.orders(records / 2)
	a.each(append([]string{"gaps", "list", "orders"}, place...)...)
	a.each(append([]string{"gaps", "heatmap", "orders"}, place...)...)
	a.each("spec", "validate", a.write("dataset.yaml", fmt.Sprintf(canaryDataset, a.echo.URL, a.closed)))
	a.does(0, "dataset", "apply", "-f", a.write("dataset.yaml", fmt.Sprintf(canaryDataset, a.echo.URL, a.closed)), "--reason", planted)
	a.does(0, append([]string{"scan", "run", "orders", "--wait"}, place...)...)
	// An Alertmanager calls with a token, which starts the scan that a plan is made of; and is refused with another one.
	const alert = `{"version":"4","status":"firing","alerts":[{"status":"firing","fingerprint":"f1","startsAt":"2026-11-20T00:00:00Z","labels":{"alertname":"A","backstitch_dataset":"orders"}}]}`
	c, token := a.browser(), a.env["BACKSTITCH_TOKEN"]
	if status, answer := a.ask(c, "POST", "/v1/triggers/alertmanager", token, alert); status/100 != 2 {
		a.t.Fatalf("an alert: got %d, %s", status, answer)
	}
	a.ask(c, "POST", "/v1/triggers/alertmanager", token+"x", alert)
	a.ask(c, "POST", "/v1/triggers/alertmanager", token, alert[:40])
	a.until("a plan", func() bool {
		stdout, _, _ := a.run("dataset", "plans", "orders", "-o", "name")
		a.plan = strings.TrimSpace(stdout)
		return a.plan != "" && strings.Contains(a.does(0, "dataset", "plans", "orders"), "waiting")
	})
	for _, args := range [][]string{{"dataset", "plans", "orders"}, {"dataset", "plan", "orders"}, {"dataset", "show", "orders"}, {"dataset", "list"}} {
		a.each(args...)
	}
	a.does(0, "dataset", "plan", "orders", "--out", filepath.Join(a.dir, "out", "dataset.plan"))
	spec := a.write("refill.yaml", fmt.Sprintf(canaryRecovery, "orders.refill", "s3", "", "kafka", ""))
	a.does(0, "plan", "-f", spec, "--out", filepath.Join(a.dir, "out", "refill.plan"))
	a.does(0, "run", filepath.Join(a.dir, "out", "refill.plan"), "--yes")
	a.does(0, "verify", "orders.refill", "--record")
	for _, args := range [][]string{{"status"}, {"status", "orders.refill"}, {"report", "show", "orders.refill"}, {"wait", "orders.refill"}, {"quarantine", "list"}, {"limits"}} {
		a.each(args...)
	}
	for _, name := range []string{"report.json", "report.html", "incident.md"} {
		a.does(0, "report", "export", "orders.refill", filepath.Join(a.dir, "out", name))
	}
	a.each("report", "verify", filepath.Join(a.dir, "out", "report.json"))
	a.run("scan", "run", "orders", "--dataset", "orders", "--kafka", "locked", "--archive", "s3://archive/orders", "--s3", "s3", "--wait", "--timeout", "20s")
	a.run("scan", "run", "orders", "--dataset", "orders", "--kafka", "kafka", "--archive", "s3://archive/orders", "--s3", "s3-quotes", "--wait", "--timeout", "20s")
}

const canaryFlow = `apiVersion: backstitch.dev/v1
kind: Flow
metadata: {name: outage}
spec:
  retry: {attempts: 1}
  notify:
    - {name: events, format: cloudevents, url: "%[1]s/ok/flow", token: "env:BACKSTITCH_NOTIFY_FLOW"}
    - {name: quoted, format: openlineage, url: "%[1]s/500/flow", token: "env:BACKSTITCH_NOTIFY_FLOW"}
    - {name: moved, format: cloudevents, url: "%[1]s/redirect", token: "env:BACKSTITCH_NOTIFY_FLOW"}
    - {name: gone, format: alertmanager, url: "http://%[2]s/", token: "env:BACKSTITCH_NOTIFY_FLOW"}
    - {name: lacking, format: alertmanager-webhook, url: "%[1]s/ok", token: "env:BACKSTITCH_NOTIFY_LACKING"}
  steps:
    - {name: refill, uses: {file: refill.yaml}, critical: false}
    - {name: refused, uses: {file: refused.yaml}, critical: false, timeout: 10s}
    - {name: told, critical: false, http: {url: "%[1]s/ok/step", headers: [{name: Authorization, secretRef: "file:hook"}]}}
    - {name: quoted, critical: false, http: {url: "%[1]s/500/step", headers: [{name: X-Api-Key, secretRef: "file:hook"}]}}
    - {name: moved, critical: false, http: {url: "%[1]s/redirect", headers: [{name: Authorization, secretRef: "env:BACKSTITCH_NOTIFY_DBX"}]}}
    - {name: gone, critical: false, http: {url: "http://%[2]s/", headers: [{name: Authorization, secretRef: "file:hook"}]}}
    - {name: lacking, critical: false, http: {url: "%[1]s/ok", headers: [{name: Authorization, secretRef: "env:BACKSTITCH_NOTIFY_LACKING"}]}}
    - {name: lakehouse, critical: false, timeout: 6s, databricks: {url: "%[1]s/ok", authorization: "env:BACKSTITCH_NOTIFY_DBX", jobId: 7}}
    - {name: no-lakehouse, critical: false, timeout: 6s, databricks: {url: "%[1]s/403", authorization: "env:BACKSTITCH_NOTIFY_DBX", jobId: 7}}
    - {name: dag, critical: false, timeout: 6s, airflow: {url: "%[1]s/ok", authorization: "env:BACKSTITCH_NOTIFY_AIRFLOW", dag: silver}}
    - {name: no-dag, critical: false, timeout: 6s, airflow: {url: "%[1]s/401", authorization: "env:BACKSTITCH_NOTIFY_AIRFLOW", dag: silver}}
    - {name: read, critical: false, timeout: 3s, waitForConsumers: {kafka: locked, topic: orders, groups: [billing]}}
    - {name: asked, needs: [told], manual: {prompt: "On?"}}
`

// flows runs steps against servers that quote what they are sent.
func (a *aviary) flows() {
	a.t.Helper()
	a.write("refused.yaml", fmt.Sprintf(canaryRecovery, "orders.refused", "s3-quotes", "", "locked", ""))
	file := a.write("flow.yaml", fmt.Sprintf(canaryFlow, a.echo.URL, a.closed))
	a.each("spec", "validate", file)
	a.does(0, "flow", "submit", "-f", file, "--detach")
	a.until("the steps of the flow", func() bool {
		stdout, _, _ := a.run("flow", "show", "outage", "-o", "json")
		var f client.Flow
		if err := json.Unmarshal([]byte(stdout), &f); err != nil {
			return false
		}
		for _, s := range f.Steps {
			if s.Name != "asked" && !slices.Contains([]string{"succeeded", "failed", "skipped"}, s.State) {
				return false
			}
		}
		return len(f.Steps) > 0
	})
	a.until("an endpoint of the flow, and one that refuses", func() bool {
		return a.wasSent("/ok/flow") && a.wasSent("/500/flow")
	})
	a.each("flow", "show", "outage")
	a.each("flow", "list")
}

// mistakes does what people do who put a secret where none belongs, and what fails in ways that quote something.
func (a *aviary) mistakes() {
	a.t.Helper()
	literal, user := a.keep(canary.Plain("a literal in a file")), a.keep(canary.Plain("a password in an URL"))
	with := func(address string) string {
		return strings.Replace(address, "://", "://ana:"+user+"@", 1)
	}
	// Servers that are away, or refuse what they are shown.
	for _, kafka := range []string{"locked", "nowhere"} {
		a.each("doctor", "--no-cluster", "--kafka", kafka, "--topic", "orders")
		a.run("archive", "orders", filepath.Join(a.dir, "out", "never"), "--kafka", kafka, "--verbose")
		a.run("forecast", "--kafka", kafka, "--samples", "1")
	}
	for _, s3 := range []string{"s3-quotes", "s3-malformed", "s3-of-environment", "s3-of-environment-malformed"} {
		a.each("doctor", "--no-cluster", "--archive", "s3://archive/orders", "--s3", s3)
		a.run("archive", "orders", "s3://archive/orders", "--kafka", "kafka", "--s3", s3, "--verbose")
	}
	for _, registry := range []string{"registry", "registry-quotes", "registry-wrong"} {
		a.each("doctor", "--no-cluster", "--registry", registry)
		a.run("schema", "history", "orders-value", "--registry", registry, "--verbose")
	}
	a.run("doctor", "--no-cluster", "--registry", "registry-nowhere")
	for _, source := range []string{"locked", "nowhere", "kafka"} {
		for _, s3 := range []string{"s3-quotes", "s3"} {
			spec := a.write("mistake.yaml", fmt.Sprintf(canaryRecovery, "mistake", s3, ", registry: registry-quotes", source, ", registry: registry-quotes"))
			a.run("plan", "-f", spec)
			a.run("plan", "-f", spec, "-o", "json", "--verbose")
		}
	}
	// Passwords in addresses.
	for _, args := range [][]string{
		{"doctor", "--no-cluster", "--registry", with(a.registry.URL)},
		{"doctor", "--no-cluster", "--archive", "s3://archive/orders", "--s3", with(a.store.URL)},
		{"doctor", "--no-cluster", "--archive", "s3://archive/orders", "--s3", with("http://" + a.closed)},
		{"doctor", "--no-cluster", "--archive", "s3://archive/orders", "--s3", with("ftp://" + a.closed)},
		{"doctor", "--no-cluster", "--kafka", with("kafka://" + a.closed)},
		{"doctor", "--no-cluster", "--archive", with("https://archive.example.com/orders")},
		{"archive", "orders", with("https://archive.example.com/orders"), "--kafka", "kafka"},
		{"gaps", "list", "orders", "--kafka", "kafka", "--archive", "s3://archive/orders", "--s3", with("http://" + a.closed)},
		{"gaps", "list", "orders", "--kafka", with("kafka://" + a.closed), "--archive", "s3://archive/orders"},
		{"scan", "run", "orders", "--kafka", "kafka", "--archive", "s3://archive/orders", "--s3", with("http://" + a.closed)},
		{"scan", "run", "orders", "--kafka", "kafka", "--archive", "s3://archive/orders", "--s3", "s3", "--registry", with(a.registry.URL), "--source-registry", with(a.registry.URL)},
		{"status", "--addr", with("https://" + a.addrs[0])},
		{"config", "validate", "--data-dir", a.dir, "--tracing-endpoint", with("https://collector.example.com")},
		{"config", "validate", "--data-dir", a.dir, "--runbooks-url", with("https://docs.example.com")},
		{"config", "print", "--data-dir", a.dir, "--listen-api", with("https://127.0.0.1:1")},
	} {
		a.run(args...)
		a.run(append(args, "-o", "json")...)
	}
	// Secrets where a reference belongs, and where a key is wrong or what stands around it is.
	for i, text := range []string{
		"connections: {k: {kafka: {brokers: [\"k:9092\"], sasl: {mechanism: plain, user: \"env:U\", password: LITERAL}}}}\n",
		"connections:\n  k:\n    kafka:\n      brokers: [\"k:9092\"]\n      sasl:\n        mechanism: plain\n        user: \"env:U\"\n        pasword: LITERAL\n",
		"connections:\n  k:\n    kafka:\n      brokers: [\"k:9092\"]\n      sasl:\n        mechanism: plain\n        password: LITERAL\n        usr: \"env:U\"\n",
		"connections:\n  k:\n    kafka:\n      brokers: [\"k:9092\"]\n      sasl: LITERAL\n",
		"connections:\n  k:\n    s3: {accessKey: LITERAL, secretKey: \"LITERAL\", region: [1]}\n",
		"connections:\n  k:\n    s3:\n      secretKey: \"LITERAL\n      region: x\n",
		"connections:\n  k:\n    s3: {endpoint: \"USERINFO\", accessKey: \"env:A\", secretKey: \"env:B\"}\n",
		"connections:\n  k:\n    registry: {url: \"USERINFO\"}\n",
		"connections:\n  k:\n    registry: {url: \"https://r:8081\", token: LITERAL}\n",
		"connections:\n  k:\n    registry: {url: \"https://r:8081\", user: LITERAL, password: LITERAL}\n",
		"connections:\n  k:\n    kafka: {brokers: [\"ana:LITERAL@k:9092\"]}\n",
		"access: {oidc: {issuer: \"USERINFO\", clientID: c, clientSecret: LITERAL}}\n",
		"access: {oidc: {issuer: \"https://i\", clientID: c, clientSecret: [LITERAL]}}\n",
		"tracing: {endpoint: \"USERINFO\", headers: {Authorization: LITERAL}}\n",
		"tracing: {endpoint: \"https://c:4318\", headers: {Authorization: \"Bearer LITERAL\", \"a b\": LITERAL}}\n",
		"gossip: {keyFile: [LITERAL]}\n",
		"gossip: {key: LITERAL}\n",
	} {
		text = strings.NewReplacer("LITERAL", literal, "USERINFO", with("https://host.example.com:9000")).Replace(text)
		file := a.write(fmt.Sprintf("bad-%d.yaml", i), "dataDir: /nowhere\n"+text)
		a.run("config", "validate", "--config", file)
		a.run("config", "validate", "--config", file, "-o", "json")
		a.run("config", "print", "--config", file)
		a.run("doctor", "--no-cluster", "--config", file)
		a.run("agent", "--config", file, "--data-dir", filepath.Join(a.dir, "keys", "x", "\x00")) // nothing is started with such a directory
		for _, kind := range [][]string{{"--kafka", "k"}, {"--s3", "k", "--archive", "s3://b/p"}, {"--registry", "k"}} {
			a.run(append([]string{"doctor", "--no-cluster", "--connections", file}, kind...)...)
		}
	}
	for i, text := range []string{
		strings.Replace(fmt.Sprintf(canaryDataset, a.echo.URL, a.closed), `"env:BACKSTITCH_NOTIFY_ENDPOINT"`, literal, 1),
		strings.Replace(fmt.Sprintf(canaryDataset, a.echo.URL, a.closed), `token: "env:BACKSTITCH_NOTIFY_ENDPOINT"`, "tokn: "+literal, 1),
		fmt.Sprintf(canaryDataset, with(a.echo.URL), a.closed),
		strings.Replace(fmt.Sprintf(canaryFlow, a.echo.URL, a.closed), `secretRef: "file:hook"`, "value: "+literal, 1),
		strings.Replace(fmt.Sprintf(canaryFlow, a.echo.URL, a.closed), `"file:hook"`, literal, 1),
		strings.Replace(fmt.Sprintf(canaryFlow, a.echo.URL, a.closed), `authorization: "env:BACKSTITCH_NOTIFY_DBX"`, "authorization: Bearer "+literal, 1),
		strings.Replace(fmt.Sprintf(canaryFlow, a.echo.URL, a.closed), `authorization: "env:BACKSTITCH_NOTIFY_DBX"`, "authorisation: Bearer "+literal, 1),
		fmt.Sprintf(canaryFlow, with(a.echo.URL), a.closed),
		fmt.Sprintf(canaryRecovery, "bad", "s3", "", "kafka", ", password: "+literal),
		fmt.Sprintf(canaryRecovery, "bad", "s3", "", "kafka", fmt.Sprintf(", brokers: %q", "ana:"+literal+"@k:9092")),
		fmt.Sprintf(canaryRecovery, "bad", "s3", fmt.Sprintf(", endpoint: %q", with("https://host.example.com")), "kafka", ""),
		fmt.Sprintf(canaryRecovery, "bad", "s3", "", "kafka", fmt.Sprintf(", registry: %q", with("https://host.example.com"))),
	} {
		file := a.write(fmt.Sprintf("bad-spec-%d.yaml", i), text)
		a.run("spec", "validate", file)
		a.run("spec", "validate", file, "-o", "json")
		switch {
		case strings.Contains(text, "kind: Dataset"):
			a.run("dataset", "apply", "-f", file)
		case strings.Contains(text, "kind: Flow"):
			a.run("flow", "submit", "-f", file, "--detach")
		default:
			a.run("plan", "-f", file)
			a.run("run", "-f", file, "--yes")
		}
	}
	// A key or a token where its file belongs.
	key := strings.TrimSpace(string(read(a.t, a.key("next.key"))))
	a.run("cluster", "keyring", "install", key)
	a.run("status", "--token-file", a.key("second.token")+"x")
	a.run("report", "verify", a.key("proof.key"))
	a.run("plan", "-f", a.key("proof.key"))
	a.run("run", a.key("second.token"))
	a.run("config", "validate", "--config", a.key("pki/ca.key"))
	a.run("config", "validate", "--config", a.key("second.token"))
	a.run("doctor", "--no-cluster", "--connections", a.key("second.token"), "--kafka", "k")
	for name, value := range map[string]string{"BACKSTITCH_TOKEN": "bst_" + literal, "BACKSTITCH_ADDR": with("https://" + a.closed)} {
		was, had := a.env[name]
		a.env[name] = value
		a.run("cluster", "status")
		if a.env[name] = was; !had {
			delete(a.env, name)
		}
	}
}

// operate looks after the cluster, and makes what people carry away.
func (a *aviary) operate() {
	a.t.Helper()
	out := func(name string) string { return filepath.Join(a.dir, "out", name) }
	a.does(0, "cluster", "snapshot", "save", out("book.snap"))
	for _, args := range [][]string{
		{"cluster", "status"}, {"cluster", "health"}, {"cluster", "raft", "list-peers"}, {"cluster", "proof-key", "list"}, {"cluster", "upgrade", "status"}, {"audit", "list"},
		{"token", "list"}, {"policy", "list"}, {"access", "show"}, {"access", "requests"}, {"whoami"}, {"scan", "list"}, {"scan", "schedules"}, {"alias", "list"}, {"groups", "list"},
		{"cluster", "snapshot", "inspect", out("book.snap")}, {"doctor", "--kafka", "kafka", "--topic", "orders", "--archive", "s3://archive/orders", "--s3", "s3", "--registry", "registry"},
		{"doctor", "--config", filepath.Join(a.dir, "written", "node-0.yaml"), "--no-cluster"},
	} {
		a.each(args...)
	}
	a.does(0, "audit", "list", "--limit", "1000")
	a.does(0, "audit", "export", "--out", out("audit.jsonl"))
	a.run("audit", "verify")
	a.does(0, "cluster", "debug", "--out", out("debug.tar.zst"))
	a.does(0, "cluster", "debug", "--redact=false", "--out", out("debug-as-it-is.tar.zst"))
	a.run("chaos", "list")
}

// browser is a client with the certificate of a person, and a jar for cookies.
func (a *aviary) browser() *http.Client {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.env["BACKSTITCH_CLIENT_CERT"], a.env["BACKSTITCH_CLIENT_KEY"])
	a.must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(read(a.t, a.env["BACKSTITCH_CA_CERT"]))
	jar, err := cookiejar.New(nil)
	a.must(err)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}}
	a.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

// ask asks one node, and keeps the answer: status, headers but cookies, and body. What has no end is read for a moment.
func (a *aviary) ask(c *http.Client, method, path, token, body string) (status int, answer []byte) {
	a.t.Helper()
	patience := 20 * time.Second
	if strings.HasPrefix(path, "/ui/live") {
		patience = 500 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	address := path
	if !strings.Contains(path, "://") {
		address = "https://" + a.addrs[0] + path
	}
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	a.must(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
		if strings.HasPrefix(path, "/ui/") {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Origin", "https://"+a.addrs[0])
		}
	}
	resp, err := c.Do(req)
	if err != nil {
		a.came(method+" "+path+" (error)", []byte(err.Error()))
		return 0, nil
	}
	defer resp.Body.Close()
	answer, _ = io.ReadAll(resp.Body) // as much as came
	resp.Header.Del("Set-Cookie")
	headers, err := json.Marshal(resp.Header)
	a.must(err)
	a.came(method+" "+path, slices.Concat(headers, []byte("\n"), answer))
	return resp.StatusCode, answer
}

// api reads every route of the API's own description.
func (a *aviary) api() {
	a.t.Helper()
	c, token := a.browser(), a.env["BACKSTITCH_TOKEN"]
	_, body := a.ask(c, "GET", "/v1/openapi.json", token, "")
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	a.must(json.Unmarshal(body, &doc))
	known := a.known(c, token)
	// Of these there is nothing: what they answer is looked through all the same.
	empty := []string{"show-alias", "show-alias-groups", "list-discarded-records"}
	asked := 0
	for path, methods := range doc.Paths {
		get, ok := methods["get"]
		if !ok {
			continue
		}
		asked++
		parts := strings.Split(path, "/")
		for i, part := range parts {
			if strings.HasPrefix(part, "{") { // what it is of stands before it, or is its name
				parts[i] = url.PathEscape(cmp.Or(known[parts[i-1]], known[strings.Trim(part, "{}")], "nothing"))
			}
		}
		at := strings.Join(parts, "/")
		if get.OperationID == "can-i" {
			at += "?verb=void-job"
		}
		if status, answer := a.ask(c, "GET", at, token, ""); status/100 != 2 && !slices.Contains(empty, get.OperationID) {
			a.t.Errorf("%s: GET %s: got %d, %s; known: %v", get.OperationID, at, status, answer, known)
		}
		a.ask(c, "GET", path+"?unknown=parameter&token=x", "bst_nobody_nothing", "") // a refusal
	}
	if asked < 40 {
		a.t.Errorf("the API has %d reads, too few to be all", asked)
	}
	for _, path := range []string{"/metrics", "/healthz/live", "/healthz/ready", "/healthz/startup", "/v1/nothing"} {
		a.ask(c, "GET", path, token, "")
	}
}

// known are values for the parameters of paths.
func (a *aviary) known(c *http.Client, token string) map[string]string {
	a.t.Helper()
	known := map[string]string{"namespace": "default", "name": "orders"}
	first := func(list, field string) {
		_, body := a.ask(c, "GET", "/v1/"+list, token, "")
		var answer map[string]json.RawMessage
		var all []map[string]any
		if json.Unmarshal(body, &answer) != nil || json.Unmarshal(answer[list], &all) != nil || len(all) == 0 {
			a.t.Errorf("GET /v1/%s has no %s: %s", list, list, body)
			return
		}
		for _, one := range all {
			if v, ok := one[field].(string); ok && v != "" {
				known[list] = v
			}
			if v, ok := one["proof"].(string); ok && v != "" {
				known["proofs"] = v
			}
		}
	}
	for list, field := range map[string]string{"jobs": "id", "scans": "id", "flows": "id", "tokens": "accessor", "members": "id"} {
		first(list, field)
	}
	known["plans"] = a.plan
	return known
}

// signIn goes to the identity provider and back, with a browser, and with a provider that refuses and quotes.
func (a *aviary) signIn() {
	a.t.Helper()
	c := a.browser()
	a.ask(c, "GET", "/ui/login/begin?next=/ui/", "", "")
	for _, cookie := range c.Jar.Cookies(&url.URL{Scheme: "https", Host: a.addrs[0], Path: "/ui/"}) {
		if strings.HasPrefix(cookie.Name, "backstitch-token") {
			a.keep(canary.Of("session cookie of a login", []byte(cookie.Value[strings.LastIndexByte(cookie.Value, '.')+1:]))) // its signature
		}
	}
	a.ask(c, "GET", "/ui/", "", "")
	login := a.provider.Login()
	a.keep(canary.Of("login of a person", []byte(login[strings.LastIndexByte(login, '.')+1:])))
	a.ask(c, "GET", "/v1/jobs", login, "")
	a.ask(c, "GET", "/v1/jobs", login[:len(login)-4], "")
	a.ask(c, "POST", "/ui/login", "", url.Values{"token": {login}}.Encode())
	a.provider.Describe(func(d map[string]any) { d["token_endpoint"] = a.echo.URL + "/400/token" })
	a.ask(a.browser(), "GET", "/ui/login/begin?next=/ui/", "", "")
}

// pages visits every page, as somebody who has shown a token.
func (a *aviary) pages() {
	a.t.Helper()
	c := a.browser()
	if status, body := a.ask(c, "POST", "/ui/login", "", url.Values{"token": {a.env["BACKSTITCH_TOKEN"]}, "next": {"/ui/"}}.Encode()); status != http.StatusOK {
		a.t.Fatalf("sign in: %d %s", status, body)
	}
	a.ask(a.browser(), "POST", "/ui/login", "", url.Values{"token": {a.env["BACKSTITCH_TOKEN"] + "x"}}.Encode())
	href := regexp.MustCompile(`(?:href|action|data-[a-z-]+|src)="(/ui/[^"#]*)`)
	seen, todo := map[string]bool{}, []string{"/ui/", "/ui/search?q=orders", "/ui/live", "/ui/nothing"}
	for len(todo) > 0 && len(seen) < 300 {
		path := todo[0]
		if todo = todo[1:]; seen[path] || strings.HasPrefix(path, "/ui/logout") {
			continue
		}
		seen[path] = true
		_, body := a.ask(c, "GET", path, "", "")
		for _, m := range href.FindAllSubmatch(body, -1) {
			todo = append(todo, strings.ReplaceAll(string(m[1]), "&amp;", "&"))
		}
	}
	// Every page that the server has was one of them. Those that nothing links to were visited elsewhere.
	elsewhere := []string{"/ui/login", "/ui/login/begin", "/ui/login/callback", "/ui/"}
	for _, m := range regexp.MustCompile(`page\("(/ui/[^"]*)"`).FindAllStringSubmatch(string(read(a.t, "../../cluster/admin/ui/server.go")), -1) {
		pattern := regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(strings.TrimSuffix(m[1], "{$}")), `[^/?]+`)
		page := regexp.MustCompile("^" + pattern + `(\?.*)?$`)
		if visited := slices.ContainsFunc(slices.Collect(maps.Keys(seen)), page.MatchString); !visited && !slices.Contains(elsewhere, m[1]) {
			a.t.Errorf("page %s was not visited", m[1])
		}
	}
}

// look stops the agents, and looks through everything.
func (a *aviary) look(planted string) {
	t := a.t
	t.Helper()
	for _, p := range a.procs {
		p.Terminate(20 * time.Second)
	}
	s, err := canary.NewSearch(a.secrets...)
	a.must(err)
	defer s.Close()

	s.Exempt("gossip key", "a node keeps the keys of gossip on its disk, for its user alone (docs/operate.md)", keyring)
	s.Exempt("second gossip key", "so it does with one that was installed", keyring)
	s.Exempt("token that is shown once", "the one answer that makes a token shows it, unless --out names a file", func(place string) bool {
		return strings.HasPrefix(place, "stdout of backstitch token create shown once")
	})

	for _, p := range a.pieces {
		s.Look(p.place, p.body)
	}
	a.mu.Lock()
	for _, p := range a.heard {
		s.Look("what was sent to "+p.place, p.body)
	}
	a.mu.Unlock()
	for _, name := range []string{"logs", "out", "nodes"} { // not keys, notify and written: that is where people keep them
		a.must(s.Tree(name, filepath.Join(a.dir, name)))
	}
	a.named()
	for i := range a.procs {
		name := fmt.Sprintf("node-%d", i)
		keys, err := s.Store("the database of "+name, filepath.Join(a.dir, "nodes", name, "data", "pebble"))
		if err != nil || keys < 100 {
			t.Errorf("the database of %s: %d keys, %v", name, keys, err)
		}
	}

	for _, f := range s.All() {
		if f.Secret != planted {
			t.Errorf("FOUND: %s", f)
		}
	}
	for _, place := range []string{
		"stdout of backstitch audit list --limit 1000", "GET /ui/audit", "out/audit.jsonl", "out/book.snap", "out/debug-as-it-is.tar.zst (zstd at 0)/backstitch-debug/cluster/audit.json",
		"the database of node-0 (a value)", "the database of node-2 (a value)", "nodes/node-1/data",
	} {
		if !slices.ContainsFunc(s.Of(planted), func(at string) bool { return strings.HasPrefix(at, place) }) {
			t.Errorf("%s was not found in %s: got %q", planted, place, s.Of(planted))
		}
	}
	for _, why := range s.Unused() {
		t.Errorf("an exemption that nothing needs: %s", why)
	}
	for _, want := range []string{"logs/node-0.log", "logs/node-1.log", "what was sent to the collector of traces", "out/report.html", "GET /metrics"} {
		if !slices.ContainsFunc(a.all(), func(place string) bool { return strings.HasPrefix(place, want) }) {
			t.Errorf("there is no %s", want)
		}
	}
	places, n := s.Seen()
	t.Logf("looked for %d secrets in %d places, %d bytes", len(a.secrets), places, n)
}

func keyring(place string) bool {
	return strings.HasPrefix(place, "nodes/") && strings.HasSuffix(place, "/gossip.keyring")
}

// all are the places that something came from. The agents have ended.
func (a *aviary) all() (out []string) {
	for _, p := range a.pieces {
		out = append(out, p.place)
	}
	for _, p := range a.heard {
		out = append(out, "what was sent to "+p.place)
	}
	for _, name := range []string{"logs", "out"} {
		entries, err := os.ReadDir(filepath.Join(a.dir, name))
		a.must(err)
		for _, e := range entries {
			out = append(out, name+"/"+e.Name())
		}
	}
	return out
}
