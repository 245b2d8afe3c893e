package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzParse reads configurations and files of connections. One that is taken is printed and read again as the same; one that is refused is refused in a few lines,
// which quote nothing that stands behind a key.
func FuzzParse(f *testing.F) {
	f.Add([]byte(oneOfEverything))
	f.Add([]byte("connections:\n  k:\n    kafka:\n      brokers: [\"k:9092\"]\n      sasl:\n        mechanism: plain\n        pasword: hunter2hunter2\n"))
	f.Add([]byte("a: &a [1,2]\nb: [*a,*a]\n"))
	f.Add([]byte("worker: {memory: 9999999999999TiB}\n"))
	f.Add([]byte("{"))
	f.Add([]byte("- a\n- b: [\n"))
	f.Add([]byte("node: {name: !!binary AAAA}\n"))
	f.Add([]byte("\"\\x"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a := Default()
		if err := parse(raw, &a); err != nil {
			if n := len(err.Error()); n > 2000+len(raw) || strings.Count(err.Error(), "\n") > 3 {
				t.Errorf("a refusal of %d bytes: %.300v", n, err)
			}
			return
		}
		a.Access.OIDC.fill()
		if err := a.Validate(); err != nil {
			if len(err.(Problems)) == 0 || err.(Problems).Next() == "" {
				t.Errorf("refused without a reason: %v", err)
			}
			return
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		printed, err := yaml.JSONToYAML(text)
		if err != nil {
			t.Fatal(err)
		}
		again := Default()
		if err := parse(printed, &again); err != nil {
			t.Fatalf("what was printed is not read: %v\n%s", err, printed)
		}
		again.Access.OIDC.fill()
		if diff := cmp.Diff(a, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("read again (-first +again):\n%s", diff)
		}
	})
}

const oneOfEverything = `node: {name: a, zone: z, role: voter}
environment: staging
dataDir: /data
listen: {api: "127.0.0.1:1", rpc: "127.0.0.1:2", gossip: "127.0.0.1:3", probes: "127.0.0.1:4"}
cluster: {bootstrapExpect: 3, retryJoin: ["b:7422"]}
tls: {ca: ca.pem, cert: a.pem, key: a.key}
gossip: {keyFile: gossip.key}
proof: {keyFile: proof.key}
access: {required: true, oidc: {issuer: "https://idp.example.com", clientID: b, clientSecret: "env:S", roles: [{group: g, role: admin, namespace: "*"}]}}
notify: {secretDir: /run/secrets, allow: ["169.254.10.0/24"]}
worker: {lanes: 8, memory: 128MiB}
disk: {soft: 80, hard: 90, enough: 1GiB}
log: {level: debug, format: json}
exec: {allow: {reload: {path: /usr/local/bin/reload, idempotent: true}}}
tracing: {endpoint: "https://c:4318", sampleRatio: 0.5, headers: {Authorization: "file:/run/c"}, tls: {ca: ca.pem}}
connections:
  k: {kafka: {brokers: ["k:9092"], tls: {}, sasl: {mechanism: plain, user: "env:U", password: "env:P"}}}
  s: {s3: {endpoint: "https://s:9000", accessKey: "env:A", secretKey: "env:B"}}
  r: {registry: {url: "https://r:8081", token: "env:T"}}
`
