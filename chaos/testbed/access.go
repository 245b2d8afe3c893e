package testbed

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"backstitch/cluster/access"
)

// operator is whom commands and clients of a fleet with certificates act as.
const operator = "operator"

// NewAccess makes a CA under dir and certificates for n nodes, which are good for every address in addresses: a node that
// moves keeps its certificate. They are a day old, as in most clusters: a node whose clock is an hour behind takes them.
func NewAccess(t testing.TB, dir string, n int, addresses []string) Access {
	t.Helper()
	now := time.Now().Add(-24 * time.Hour)
	if _, err := access.CreateCA(dir, now); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := access.IssueCert(dir, nodeName(i), access.Node, addresses, now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := access.IssueCert(dir, operator, access.Client, nil, now); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, access.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, operator+".pem"), filepath.Join(dir, operator+".key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", access.CAFile)
	}
	return Access{Dir: dir, User: operator, TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}}
}

// admit makes the first token of a fleet that wants one, and with it an admin of the certificate that commands and clients show from then on.
// A fleet that is started again has both.
func (f *Fleet) admit(t testing.TB) {
	t.Helper()
	if f.layout.Access.Dir == "" {
		return
	}
	token := filepath.Join(f.layout.Dir, "root.token")
	if _, err := os.Stat(token); err == nil {
		return
	}
	until := func(what string, args ...string) {
		t.Helper()
		var last Result
		defer func() {
			if last.Status != 0 {
				t.Logf("%s: exit status %d\n%s", what, last.Status, last.Stderr)
			}
		}()
		Eventually(t, limitOfStart, what, func() bool {
			last = f.Run(t, args...)
			return last.Status == 0
		})
	}
	until("a first token", "access", "bootstrap", "--out", token, "--yes")
	until("an admin", "policy", "put", operator, "--subject", "cert:"+operator, "--role", "admin", "--namespace", "*", "--token-file", token)
}
