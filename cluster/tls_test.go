package cluster_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/access"
	"backstitch/cluster/clustertest"
)

// certificates makes a CA with certificates for three nodes and a client.
func certificates(t *testing.T, now time.Time) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if _, err := access.CreateCA(dir, now); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"node-a", "node-b", "node-c"} {
		if _, err := access.IssueCert(dir, name, access.Node, nil, now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := access.IssueCert(dir, "alice", access.Client, nil, now); err != nil {
		t.Fatal(err)
	}
	return dir
}

func files(dir, name string) cluster.TLSFiles {
	return cluster.TLSFiles{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
}

func secure(dir string) func(int, *cluster.Config) {
	return func(_ int, conf *cluster.Config) {
		conf.TLS, conf.GossipKeyFile = files(dir, conf.Name), filepath.Join(dir, "gossip.key")
	}
}

func TestASecureClusterAdmitsItsNodesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, foreign := certificates(t, time.Now()), certificates(t, time.Now())
		c := clustertest.New(t, 3)
		c.Configure = secure(dir)
		c.StartAll()
		c.WaitVoters(3)
		mustSubmit(t, c.Member(2), "bs-secure")

		for who, f := range map[string]cluster.TLSFiles{
			"a client's certificate":           files(dir, "alice"),
			"a node of another CA":             files(foreign, "node-b"),
			"no TLS at all":                    {},
			"another CA's certificate, our CA": {CA: files(dir, "").CA, Cert: files(foreign, "node-b").Cert, Key: files(foreign, "node-b").Key},
		} {
			for _, protocol := range []byte{'R', 'B'} {
				if err := dialAs(t, c, f, protocol); err == nil {
					t.Errorf("%s: the port accepted protocol %q", who, protocol)
				}
			}
		}
		if err := dialAs(t, c, files(dir, "node-b"), 'B'); err != nil {
			t.Errorf("a node's certificate: %v, want to be let in", err)
		}
	})
}

// dialAs connects to the first node's port with the given files and reports whether it was let in: the port then waits for a
// request instead of closing.
func dialAs(t *testing.T, c *clustertest.Cluster, f cluster.TLSFiles, protocol byte) error {
	t.Helper()
	conn, err := c.Net.Host("127.0.0.99").Dial(t.Context(), c.Member(0).Host+":7421")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			t.Fatal(err)
		}
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}) // #nosec G402 -- the other end's check is under test
	}
	if err := conn.SetDeadline(time.Now().Add(8 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte{protocol}); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		return nil
	}
	if err == nil || err == io.EOF {
		return io.EOF
	}
	return err
}

func TestANodesCertificateMustCarryItsName(t *testing.T) {
	dir := certificates(t, time.Now())
	for cert, want := range map[string]string{"alice": "is not a node", "node-b": "is not node-a"} {
		conf := cluster.DefaultConfig()
		conf.Name, conf.DataDir, conf.TLS = "node-a", "/data", files(dir, cert)
		_, err := cluster.New(conf, cluster.Deps{Logger: slog.New(slog.DiscardHandler), Clock: time.Now})
		var e *cluster.Error
		if !errors.As(err, &e) || e.Code != cluster.CodeTLS || !strings.Contains(err.Error(), want) {
			t.Errorf("certificate of %s: got %v, want %s and %q", cert, err, cluster.CodeTLS, want)
		}
	}
}

func TestAnOpenPortGetsNoIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 1)
		c.StartAll()
		conn, err := c.Net.Host("127.0.0.99").Dial(t.Context(), c.Member(0).Host+":7421")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		_, err = conn.Read(make([]byte, 1)) // says nothing itself
		if took := time.Since(began); err == nil || took < time.Second || took > 10*time.Second {
			t.Errorf("a connection that says nothing: closed after %s with %v, want after a few seconds", took, err)
		}
	})
}
