package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	saslplain "github.com/twmb/franz-go/pkg/sasl/plain"

	"backstitch/chaos/canary"
	"backstitch/chaos/process"
	"backstitch/cluster/access/login/logintest"
)

// aviary is a cluster in which every secret is a canary: three agents as processes, with certificates, gossip keys, a proof key, tokens and logins;
// brokers that want a certificate and a password; and servers that quote what they were sent in what they answer.
type aviary struct {
	t       *testing.T
	dir     string            // that of the test; secrets are below its directory keys alone
	env     map[string]string // of commands
	secrets []canary.Secret
	pieces  []piece

	nodes    sitePorts
	addrs    []string
	procs    []*process.Process
	broker   string
	echo     *httptest.Server // quotes everything
	store    *httptest.Server
	registry *httptest.Server
	provider *logintest.Issuer
	closed   string // host:port where nobody listens
	plan     string // of the dataset

	mu    sync.Mutex
	heard []piece // bodies that others were sent, guarded by mu
}

// piece is something that came out.
type piece struct {
	place string
	body  []byte
}

// keep remembers a secret, and returns its text.
func (a *aviary) keep(s canary.Secret) string {
	a.secrets = append(a.secrets, s)
	return string(s.Value)
}

// file keeps a secret in a file of its own, and returns its path.
func (a *aviary) file(s canary.Secret) string {
	a.t.Helper()
	path := filepath.Join(a.dir, "keys", strings.ReplaceAll(s.Name, " ", "-"))
	a.must(os.WriteFile(path, []byte(a.keep(s)+"\n"), 0o600))
	return path
}

func (a *aviary) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// pem keeps the private half of the key in a file: its number, and each line of the text, since lines break in the middle of it.
func (a *aviary) pem(name, path string) {
	a.t.Helper()
	text, err := os.ReadFile(path)
	a.must(err)
	block, _ := pem.Decode(text)
	if block == nil {
		a.t.Fatalf("%s is not PEM", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		key, err = x509.ParseECPrivateKey(block.Bytes)
	}
	a.must(err)
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		number, err := key.Bytes()
		a.must(err)
		a.keep(canary.Of(name, number))
	case ed25519.PrivateKey:
		a.keep(canary.Of(name, key.Seed()))
	default:
		a.t.Fatalf("%s holds a %T", path, key)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); len(line) >= 40 && !strings.HasPrefix(line, "-----") {
			a.keep(canary.Of(name, []byte(line)))
		}
	}
}

// gossip keeps the key of gossip in a file.
func (a *aviary) gossip(name, path string) {
	a.t.Helper()
	text, err := os.ReadFile(path)
	a.must(err)
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	a.must(err)
	a.keep(canary.Of(name, key))
}

// came keeps what came out somewhere.
func (a *aviary) came(place string, body []byte) { a.pieces = append(a.pieces, piece{place, body}) }

// hears keeps what another server was sent, without the headers, where a login belongs.
func (a *aviary) hears(who string, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // as much as came
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard = append(a.heard, piece{who + " at " + r.URL.Path, append([]byte(r.URL.RequestURI()+"\n"), body...)})
}

// wasSent says whether the server that quotes was sent something for path.
func (a *aviary) wasSent(path string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.heard, func(p piece) bool { return p.place == "a server that quotes at "+path })
}

// run gives a command of the program, and keeps what it prints.
func (a *aviary) run(args ...string) (stdout, stderr string, status int) {
	a.t.Helper()
	began := time.Now()
	stdout, stderr, status = invoke(a.t, a.env, args...)
	line := "backstitch " + strings.Join(args, " ")
	if took := time.Since(began); took > time.Second {
		a.t.Logf("%s took %s", line, took)
	}
	a.came("stdout of "+line, []byte(stdout))
	a.came("stderr of "+line, []byte(stderr))
	return stdout, stderr, status
}

// does gives a command that has to end with one of these statuses.
func (a *aviary) does(want int, args ...string) string {
	a.t.Helper()
	stdout, stderr, status := a.run(args...)
	if status != want {
		a.t.Fatalf("backstitch %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), status, want, stdout, stderr)
	}
	return stdout
}

// each gives a command that shows something in all formats.
func (a *aviary) each(args ...string) {
	a.t.Helper()
	for _, format := range []string{"text", "json", "jsonl", "yaml", "name"} {
		a.run(append(args, "-o", format)...)
	}
}

// write writes a file that people write, and returns its path.
func (a *aviary) write(name, text string) string {
	a.t.Helper()
	path := filepath.Join(a.dir, "written", name)
	a.must(os.WriteFile(path, []byte(text), 0o644))
	return path
}

func newAviary(t *testing.T) *aviary {
	t.Helper()
	a := &aviary{t: t, dir: t.TempDir(), env: map[string]string{}}
	for _, name := range []string{"keys", "written", "notify", "logs", "nodes", "out"} {
		a.must(os.Mkdir(filepath.Join(a.dir, name), 0o700))
	}
	var err error
	a.nodes, err = freePorts(3)
	a.must(err)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	a.must(err)
	a.closed = nobody.Addr().String()
	a.must(nobody.Close())
	a.pki()
	a.servers()
	a.agents()
	return a
}

// key is a file of the directory that nobody looks into.
func (a *aviary) key(name string) string { return filepath.Join(a.dir, "keys", name) }

// pki makes what authenticates nodes and people, by the commands for that.
func (a *aviary) pki() {
	a.t.Helper()
	dir := a.key("pki")
	a.does(0, "cluster", "ca", dir)
	a.pem("ca.key", filepath.Join(dir, "ca.key"))
	a.gossip("gossip key", filepath.Join(dir, "gossip.key"))
	for _, name := range []string{"node-0", "node-1", "node-2", "broker"} {
		a.does(0, "cluster", "cert", dir, name)
		a.pem("key of "+name, filepath.Join(dir, name+".key"))
	}
	for _, name := range []string{"ana", "connection"} {
		a.does(0, "cluster", "cert", dir, name, "--client")
		a.pem("key of client "+name, filepath.Join(dir, name+".key"))
	}
	a.does(0, "cluster", "proof-key", "create", a.key("proof.key"))
	a.pem("proof key", a.key("proof.key"))
	a.does(0, "cluster", "keyring", "generate", a.key("next.key"))
	a.gossip("second gossip key", a.key("next.key"))
}

// servers starts everything that is no agent.
func (a *aviary) servers() {
	a.t.Helper()
	pki := a.key("pki")
	user, password := a.keep(canary.Plain("sasl user")), a.keep(canary.New("sasl password"))
	a.env["CANARY_SASL_USER"], a.env["CANARY_SASL_PASSWORD"] = user, password
	cert, err := tls.LoadX509KeyPair(filepath.Join(pki, "broker.pem"), filepath.Join(pki, "broker.key"))
	a.must(err)
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", user, password),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}))
	a.must(err)
	a.t.Cleanup(kafka.Close)
	a.broker = kafka.ListenAddrs()[0]

	backend := s3mem.New()
	a.must(backend.CreateBucket("archive"))
	a.store = httptest.NewServer(gofakes3.New(backend, gofakes3.WithTimeSkewLimit(0)).Server())
	a.t.Cleanup(a.store.Close)

	a.echo = httptest.NewServer(http.HandlerFunc(a.quote))
	a.t.Cleanup(a.echo.Close)

	name, login := a.keep(canary.Plain("registry user")), a.keep(canary.New("registry password"))
	a.env["CANARY_REGISTRY_USER"], a.env["CANARY_REGISTRY_PASSWORD"] = name, login
	a.registry = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != name || p != login {
			a.quote(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		_, _ = io.WriteString(w, "[]")
	}))
	a.t.Cleanup(a.registry.Close)

	a.provider = logintest.New(a.t)
	secret := canary.New("oidc client secret")
	a.provider.Client("backstitch", string(secret.Value))
	a.env["CANARY_OIDC_FILE"] = a.file(secret)
}

// quote answers as servers do that were not thought through: with what they were sent, headers and all. The path says with which status, and in which form.
func (a *aviary) quote(w http.ResponseWriter, r *http.Request) {
	a.hears("a server that quotes", r)
	said, _ := httputil.DumpRequest(r, false) // of a request that came
	user, password, _ := r.BasicAuth()
	text := string(said) + " " + user + " " + password
	part, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	status, err := strconv.Atoi(part)
	switch {
	case r.Header.Get("X-Amz-Date") != "": // an object store
		w.Header().Set("Content-Type", "application/xml")
		if err != nil {
			status = http.StatusForbidden
		}
		w.WriteHeader(status)
		var escaped strings.Builder
		_ = xml.EscapeText(&escaped, []byte(text))
		fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>InvalidToken</Code><Message>%[1]s</Message><Token-0>%[1]s</Token-0></Error>", escaped.String())
		return
	case part == "ok":
		status = http.StatusOK
	case part == "redirect":
		w.Header().Set("Location", a.echo.URL+"/elsewhere?login="+r.Header.Get("Authorization"))
		status = http.StatusFound
	case err != nil:
		status = http.StatusUnauthorized
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("WWW-Authenticate", "Basic realm="+strconv.Quote(text))
	w.WriteHeader(status)
	var state any = text
	if strings.HasSuffix(r.URL.Path, "/runs/get") { // Databricks
		state = map[string]string{"life_cycle_state": "TERMINATED", "result_state": text, "state_message": text}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"error": text, "error_code": 40101, "message": text, "state": state, "run_id": 1, "error_description": text})
}

// agents writes what they are started with, and starts them.
func (a *aviary) agents() {
	a.t.Helper()
	exe, err := exec.LookPath("backstitch") // this test binary, see TestMain
	a.must(err)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.hears("the collector of traces", r) }))
	a.t.Cleanup(collector.Close)

	// Agents and commands have the same variables.
	a.env["CANARY_COLLECTOR"] = a.keep(canary.New("header of the collector"))
	a.env["CANARY_S3_ID"] = a.keep(canary.Plain("s3 access key"))
	a.env["CANARY_WRONG"] = a.keep(canary.New("wrong sasl password"))
	a.env["CANARY_REGISTRY_TOKEN"] = a.keep(canary.Plain("registry token"))
	a.env["BACKSTITCH_NOTIFY_ENDPOINT"] = a.keep(canary.Plain("token of an endpoint"))
	a.env["BACKSTITCH_NOTIFY_FLOW"] = a.keep(canary.Plain("token of a flow's endpoint"))
	a.env["BACKSTITCH_NOTIFY_DBX"] = "Bearer " + a.keep(canary.Plain("databricks token"))
	a.env["BACKSTITCH_NOTIFY_AIRFLOW"] = "Basic " + base64.StdEncoding.EncodeToString([]byte("airflow:"+a.keep(canary.New("airflow password"))))
	a.must(os.WriteFile(filepath.Join(a.dir, "notify", "hook"), []byte(a.keep(canary.New("header of a step"))+"\n"), 0o600))
	secretKey := a.file(canary.New("s3 secret key"))
	// What the environment has for object stores, of agents and of this process, in which commands run.
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": a.keep(canary.Plain("s3 access key of the environment")), "AWS_SECRET_ACCESS_KEY": a.keep(canary.New("s3 secret key of the environment")),
		"AWS_SESSION_TOKEN": a.keep(canary.Plain("s3 session token")), "AWS_REGION": "us-east-1", "HOME": a.dir,
	} {
		a.t.Setenv(name, value)
		a.env[name] = value
	}
	pki := a.key("pki")
	connections := fmt.Sprintf(`connections:
  kafka: {kafka: {brokers: [%[1]q], tls: {ca: %[2]q, cert: %[3]q, key: %[4]q}, sasl: {mechanism: plain, user: "env:CANARY_SASL_USER", password: "env:CANARY_SASL_PASSWORD"}}}
  locked: {kafka: {brokers: [%[1]q], tls: {ca: %[2]q, cert: %[3]q, key: %[4]q}, sasl: {mechanism: plain, user: "env:CANARY_SASL_USER", password: "env:CANARY_WRONG"}}}
  nowhere: {kafka: {brokers: [%[5]q], sasl: {mechanism: scram-sha-512, user: "env:CANARY_SASL_USER", password: "env:CANARY_SASL_PASSWORD"}}}
  s3: {s3: {endpoint: %[6]q, region: us-east-1, accessKey: "env:CANARY_S3_ID", secretKey: "file:%[7]s"}}
  s3-quotes: {s3: {endpoint: %[8]q, accessKey: "env:CANARY_S3_ID", secretKey: "file:%[7]s"}}
  s3-malformed: {s3: {endpoint: "%[8]s/400", accessKey: "env:CANARY_S3_ID", secretKey: "file:%[7]s"}}
  s3-of-environment: {s3: {endpoint: %[8]q}}
  s3-of-environment-malformed: {s3: {endpoint: "%[8]s/400"}}
  registry: {registry: {url: %[9]q, user: "env:CANARY_REGISTRY_USER", password: "env:CANARY_REGISTRY_PASSWORD"}}
  registry-quotes: {registry: {url: %[8]q, token: "env:CANARY_REGISTRY_TOKEN"}}
  registry-nowhere: {registry: {url: "https://%[5]s", tls: {ca: %[2]q, cert: %[3]q, key: %[4]q}, user: "env:CANARY_REGISTRY_USER", password: "env:CANARY_REGISTRY_PASSWORD"}}
  registry-wrong: {registry: {url: %[9]q, token: "env:CANARY_REGISTRY_TOKEN"}}
`, a.broker, filepath.Join(pki, "ca.pem"), filepath.Join(pki, "connection.pem"), filepath.Join(pki, "connection.key"), a.closed, a.store.URL, secretKey, a.echo.URL, a.registry.URL)
	a.env["BACKSTITCH_CONNECTIONS"] = a.write("connections.yaml", connections)

	var join []string
	for _, p := range a.nodes.nodes {
		a.addrs = append(a.addrs, fmt.Sprintf("127.0.0.1:%d", p))
		join = append(join, fmt.Sprintf("%q", fmt.Sprintf("127.0.0.1:%d", p+2)))
	}
	a.env["BACKSTITCH_ADDR"], a.env["BACKSTITCH_CA_CERT"] = strings.Join(a.addrs, ","), filepath.Join(pki, "ca.pem")
	a.env["BACKSTITCH_CLIENT_CERT"], a.env["BACKSTITCH_CLIENT_KEY"] = filepath.Join(pki, "ana.pem"), filepath.Join(pki, "ana.key")
	for i, p := range a.nodes.nodes {
		name, format := fmt.Sprintf("node-%d", i), []string{"text", "json", "text"}[i]
		file := a.write(name+".yaml", fmt.Sprintf(`node: {name: %s}
environment: staging
dataDir: %q
listen: {api: %q, rpc: "127.0.0.1:%d", gossip: "127.0.0.1:%d"}
cluster: {bootstrapExpect: 3, retryJoin: [%s]}
tls: {ca: %q, cert: %q, key: %q}
gossip: {keyFile: %q}
proof: {keyFile: %q}
access:
  required: true
  oidc:
    issuer: %q
    clientID: backstitch
    clientSecret: "file:%s"
    redirectURL: "https://%s/ui/login/callback"
    roles: [{group: oncall, role: admin, namespace: "*"}]
notify: {secretDir: %q}
disk: {soft: 100, hard: 100} # of the machine that the test happens to run on
log: {level: debug, format: %s}
tracing: {endpoint: %q, headers: {Authorization: "env:CANARY_COLLECTOR"}, tls: {ca: %q, cert: %q, key: %q}}
`, name, filepath.Join(a.dir, "nodes", name), a.addrs[i], p+1, p+2, strings.Join(join, ", "), filepath.Join(pki, "ca.pem"), filepath.Join(pki, name+".pem"),
			filepath.Join(pki, name+".key"), filepath.Join(pki, "gossip.key"), a.key("proof.key"), a.provider.URL, a.env["CANARY_OIDC_FILE"], a.addrs[i],
			filepath.Join(a.dir, "notify"), format, collector.URL,
			filepath.Join(pki, "ca.pem"), filepath.Join(pki, "connection.pem"), filepath.Join(pki, "connection.key"))+connections)
		var env []string
		for k, v := range a.env {
			if strings.HasPrefix(k, "CANARY_") || strings.HasPrefix(k, "BACKSTITCH_NOTIFY_") {
				env = append(env, k+"="+v)
			}
		}
		log := filepath.Join(a.dir, "logs", name+".log")
		proc, err := process.Start(process.Spec{Name: name, Path: exe, Log: log, Env: env, Args: []string{"agent", "--config", file}})
		a.must(err)
		a.procs = append(a.procs, proc)
		a.t.Cleanup(func() {
			proc.Terminate(0)
			if a.t.Failed() {
				a.t.Logf("%s:\n%s", name, tail(log, 5))
			}
		})
	}
	a.each("config", "print", "--config", a.write("node-0.yaml.again", string(read(a.t, filepath.Join(a.dir, "written", "node-0.yaml")))))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// client is a client of the broker that knows the password.
func (a *aviary) client(opts ...kgo.Opt) *kgo.Client {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(a.key("pki"), "connection.pem"), filepath.Join(a.key("pki"), "connection.key"))
	a.must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(read(a.t, filepath.Join(a.key("pki"), "ca.pem")))
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(a.broker), kgo.DialTLSConfig(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}),
		kgo.SASL(saslplain.Auth{User: a.env["CANARY_SASL_USER"], Pass: a.env["CANARY_SASL_PASSWORD"]}.AsMechanism()), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	a.must(err)
	a.t.Cleanup(c.Close)
	return c
}

// orders makes the topic anew with the first of its records.
func (a *aviary) orders(records int) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 30*time.Second)
	defer cancel()
	c := a.client()
	admin := kadm.NewClient(c)
	_, _ = admin.DeleteTopics(ctx, "orders") // which may not be there yet
	forever := "-1"
	if resp, err := admin.CreateTopic(ctx, 2, 1, map[string]*string{"retention.ms": &forever}, "orders"); err != nil || resp.Err != nil {
		a.t.Fatalf("create orders: %v, %v", err, resp.Err)
	}
	began := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for n := range records {
		c.Produce(ctx, &kgo.Record{Topic: "orders", Partition: int32(n % 2), Key: fmt.Appendf(nil, "%d", n), Value: fmt.Appendf(nil, `{"order":%d}`, n), Timestamp: began.Add(time.Duration(n) * time.Second)},
			func(_ *kgo.Record, err error) {
				if err != nil {
					a.t.Errorf("produce: %v", err)
				}
			})
	}
	a.must(c.Flush(ctx))
}

// token keeps the secret part of a token that was written into a file.
func (a *aviary) token(name, path string) string {
	a.t.Helper()
	text := strings.TrimSpace(string(read(a.t, path)))
	parts := strings.Split(text, "_")
	a.keep(canary.Of(name, []byte(parts[len(parts)-1])))
	return text
}
