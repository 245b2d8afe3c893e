package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func ca(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := CreateCA(dir, start); err != nil {
		t.Fatal(err)
	}
	return dir
}

func issue(t *testing.T, dir, name string, kind Kind, now time.Time) Issued {
	t.Helper()
	out, err := IssueCert(dir, name, kind, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func open(t *testing.T, dir, name string, clock func() time.Time) *Files {
	t.Helper()
	f, err := Open(filepath.Join(dir, CAFile), filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"), clock, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func fixed() time.Time { return start.AddDate(0, 0, 1) }

// handshake connects client to server over loopback and returns both errors.
func handshake(t *testing.T, server, client *tls.Config) (atServer, atClient error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		c := tls.Server(conn, server)
		err = c.Handshake()
		if err == nil {
			_, err = c.Write([]byte{1}) // TLS 1.3: the client learns of a refusal only when it reads
		}
		done <- err
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(conn, client)
	atClient = c.Handshake()
	if atClient == nil {
		_, atClient = io.ReadFull(c, make([]byte, 1))
	}
	conn.Close()
	return <-done, atClient
}

func TestADoorAdmitsTheKindItWants(t *testing.T) {
	dir, other := ca(t), ca(t)
	for _, n := range []string{"a", "b"} {
		issue(t, dir, n, Node, start)
	}
	issue(t, dir, "alice", Client, start)
	issue(t, other, "b", Node, start)
	server := open(t, dir, "a", fixed)
	door := server.Server(func(s Subject) error { return s.Allow(server.Subject().Cluster, "", Node) })
	any := func(Subject) error { return nil }
	for name, row := range map[string]struct {
		client *Files
		ok     bool
	}{
		"node":               {open(t, dir, "b", fixed), true},
		"client":             {open(t, dir, "alice", fixed), false},
		"node of another CA": {open(t, other, "b", fixed), false},
	} {
		atServer, _ := handshake(t, door, row.client.Client(any))
		if (atServer == nil) != row.ok {
			t.Errorf("%s at a door for nodes: got %v, want let in %t", name, atServer, row.ok)
		}
	}
}

func TestADialFindsOutWhoAnswers(t *testing.T) {
	dir, other := ca(t), ca(t)
	issue(t, dir, "a", Node, start)
	issue(t, dir, "b", Node, start)
	issue(t, dir, "alice", Client, start)
	issue(t, other, "b", Node, start)
	me := open(t, dir, "a", fixed)
	want := func(s Subject) error { return s.Allow(me.Subject().Cluster, "b", Node) }
	any := func(Subject) error { return nil }
	for name, row := range map[string]struct {
		server *Files
		ok     bool
	}{
		"the node that was meant": {open(t, dir, "b", fixed), true},
		"another node":            {open(t, dir, "a", fixed), false},
		"a client":                {open(t, dir, "alice", fixed), false},
		"that name of another CA": {open(t, other, "b", fixed), false},
	} {
		conf := row.server.Server(any)
		if strings.Contains(name, "another CA") { // it trusts us, we do not trust it
			conf = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{row.server.current().cert}}
		}
		_, atClient := handshake(t, conf, me.Client(want))
		if (atClient == nil) != row.ok {
			t.Errorf("%s: got %v, want accepted %t", name, atClient, row.ok)
		}
	}
}

func TestAnExpiredCertificateIsRefused(t *testing.T) {
	dir := ca(t)
	issue(t, dir, "a", Node, start)
	issued := issue(t, dir, "b", Node, start)
	server, client := open(t, dir, "a", fixed), open(t, dir, "b", fixed)
	later := issued.Expires.Add(time.Hour)
	server.clock = func() time.Time { return later }
	if atServer, _ := handshake(t, server.Server(func(Subject) error { return nil }), client.Client(func(Subject) error { return nil })); atServer == nil {
		t.Errorf("a certificate that expired an hour ago was accepted")
	}
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	dir := ca(t)
	issue(t, dir, "a", Node, start)
	now := fixed()
	f := open(t, dir, "a", func() time.Time { return now })
	first := f.Expires()

	// Half a rotation: the certificate is new, the key is not. What works stays in use.
	next := issue(t, dir, "b", Node, start.Add(time.Hour))
	cert, err := os.ReadFile(next.CertPath)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(dir, "a.pem"), cert)
	now = now.Add(2 * recheck)
	if got := f.Expires(); !got.Equal(first) {
		t.Errorf("half a rotation: got a certificate until %s, want the old one until %s", got, first)
	}
	key, err := os.ReadFile(next.KeyPath)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(dir, "a.key"), key)
	now = now.Add(2 * recheck)
	if got := f.Expires(); !got.Equal(next.Expires) {
		t.Errorf("rotated: got a certificate until %s, want the new one until %s", got, next.Expires)
	}
	if got := f.Subject().Name; got != "b" {
		t.Errorf("rotated: got subject %s, want b", got)
	}
}

func replace(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	// A coarse file system clock must not hide the change.
	if err := os.Chtimes(path, start, start.Add(time.Duration(len(b))*time.Second)); err != nil {
		t.Fatal(err)
	}
}

func TestUnusableFilesAreRefused(t *testing.T) {
	dir, other := ca(t), ca(t)
	issue(t, dir, "a", Node, start)
	issue(t, other, "a", Node, start)
	at := func(d, n string) string { return filepath.Join(d, n) }
	for name, row := range map[string][3]string{
		"missing CA":             {at(dir, "none.pem"), at(dir, "a.pem"), at(dir, "a.key")},
		"key of another":         {at(dir, CAFile), at(dir, "a.pem"), at(other, "a.key")},
		"signed by another CA":   {at(dir, CAFile), at(other, "a.pem"), at(other, "a.key")},
		"a certificate as a CA":  {at(dir, "a.key"), at(dir, "a.pem"), at(dir, "a.key")},
		"the CA as certificate":  {at(dir, CAFile), at(dir, CAFile), at(dir, CAKeyFile)},
		"missing certificate":    {at(dir, CAFile), at(dir, "none.pem"), at(dir, "a.key")},
		"certificate in its key": {at(dir, CAFile), at(dir, "a.pem"), at(dir, "a.pem")},
	} {
		if _, err := Open(row[0], row[1], row[2], fixed, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTheCAOverwritesNothingAndKeepsKeysPrivate(t *testing.T) {
	dir := ca(t)
	if _, err := CreateCA(dir, start); !errors.Is(err, ErrExists) {
		t.Errorf("a second CA in one directory: got %v, want %v", err, ErrExists)
	}
	issue(t, dir, "a", Node, start)
	if _, err := IssueCert(dir, "a", Node, nil, start); !errors.Is(err, ErrExists) {
		t.Errorf("a second certificate of one name: got %v, want %v", err, ErrExists)
	}
	for _, name := range []string{"", "ca", "../a", "a b", ".hidden"} {
		if _, err := IssueCert(dir, name, Node, nil, start); err == nil {
			t.Errorf("name %q: accepted", name)
		}
	}
	for _, name := range []string{CAKeyFile, GossipFile, "a.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s: mode %o, want 600", name, got)
		}
	}
}

func TestSubjectsAreReadStrictly(t *testing.T) {
	for text, ok := range map[string]bool{
		"backstitch://c/node/a":    true,
		"backstitch://c/client/a":  true,
		"backstitch://c/server/a":  false,
		"backstitch:///node/a":     false,
		"backstitch://c/node/":     false,
		"backstitch://c/node/a/b":  false,
		"spiffe://c/node/a":        false,
		"backstitch://c/nodes":     false,
		"backstitch://c/node":      false,
		"backstitch://c/node/a%2f": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = SubjectOf(&x509.Certificate{URIs: []*url.URL{u}})
		if (err == nil) != ok {
			t.Errorf("%s: got %v, want accepted %t", text, err, ok)
		}
		if _, err := SubjectOf(&x509.Certificate{URIs: []*url.URL{u, u}}); err == nil {
			t.Errorf("%s twice: accepted", text)
		}
	}
}
