package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/process"
	"backstitch/cluster/client"
)

// TestAClusterWithCertificatesFromTheCommandLine goes the whole way of an operator: a CA, certificates, a gossip key, three agents
// that trust nobody else, and a person who may ask them.
func TestAClusterWithCertificatesFromTheCommandLine(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three agents")
	}
	exe, err := exec.LookPath("backstitch") // this test binary, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	pki, other, dir := filepath.Join(t.TempDir(), "pki"), filepath.Join(t.TempDir(), "other"), t.TempDir()
	ports, err := freePorts(3)
	if err != nil {
		t.Fatal(err)
	}
	must := func(args ...string) {
		t.Helper()
		if stdout, stderr, status := invoke(t, nil, args...); status != 0 {
			t.Fatalf("%v: got %d\n%s%s", args, status, stdout, stderr)
		}
	}
	must("cluster", "ca", pki)
	must("cluster", "cert", pki, "ana", "--client")
	must("cluster", "ca", other)
	must("cluster", "cert", other, "eve", "--client")
	var addrs, join []string
	for _, p := range ports.nodes {
		addrs, join = append(addrs, fmt.Sprintf("127.0.0.1:%d", p)), append(join, fmt.Sprintf("127.0.0.1:%d", p+2))
	}
	told := supervisor(t)
	for i, p := range ports.nodes {
		var more, env []string
		if i == 0 {
			more, env = []string{"--listen-probes", ports.controlAddr()}, []string{"NOTIFY_SOCKET=" + told.addr, "WATCHDOG_USEC=3000000"}
		}
		name := fmt.Sprintf("node-%d", i)
		must("cluster", "cert", pki, name)
		proc, err := process.Start(process.Spec{
			Name: name, Path: exe, Log: filepath.Join(dir, name+".log"),
			Env: env,
			Args: append([]string{
				"agent", "--name", name, "--data-dir", filepath.Join(dir, name), "--listen-api", addrs[i],
				"--listen-rpc", fmt.Sprintf("127.0.0.1:%d", p+1), "--listen-gossip", join[i], "--bootstrap-expect", "3",
				"--disk-soft", "100", "--disk-hard", "100", // of the machine that the test happens to run on
				"--retry-join", strings.Join(join, ","), "--gossip-key-file", filepath.Join(pki, "gossip.key"),
				"--tls-ca", filepath.Join(pki, "ca.pem"), "--tls-cert", filepath.Join(pki, name+".pem"), "--tls-key", filepath.Join(pki, name+".key"),
			}, more...),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("%s:\n%s", name, tail(filepath.Join(dir, name+".log"), 20))
			}
			proc.Terminate(0)
		})
	}
	status := func(dir, person string, more ...string) (stdout, stderr string, exit int) {
		t.Helper()
		args := []string{"cluster", "status", "-o", "json", "--addr", strings.Join(addrs, ","), "--ca-cert", filepath.Join(dir, "ca.pem")}
		if person != "" {
			args = append(args, "--client-cert", filepath.Join(dir, person+".pem"), "--client-key", filepath.Join(dir, person+".key"))
		}
		return invoke(t, nil, append(args, more...)...)
	}
	awaitHealthy(t, 3, func() (string, string, int) { return status(pki, "ana") })

	rotateGossip(t, pki, strings.Join(addrs, ","))
	awaitHealthy(t, 3, func() (string, string, int) { return status(pki, "ana") })

	// A kubelet and systemd have no certificate.
	for path, want := range map[string]int{"/healthz/live": http.StatusOK, "/healthz/startup": http.StatusOK, "/metrics": http.StatusOK, "/v1/jobs": http.StatusNotFound} {
		answer, err := http.Get("http://" + ports.controlAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("door for probes, %s: got %d, want %d", path, answer.StatusCode, want)
		}
	}
	told.await("READY=1")
	told.await("WATCHDOG=1")

	refused := func(says string, stdout, stderr string, exit int) {
		t.Helper()
		if exit != client.ExitNotAllowed || stdout != "" || !strings.Contains(stderr, says) || !strings.Contains(stderr, client.CodeNotAllowed) {
			t.Errorf("got %d, %s%s, want %d and %q", exit, stdout, stderr, client.ExitNotAllowed, says)
		}
	}
	stdout, stderr, exit := status(pki, "")
	refused("--client-cert DIR/NAME.pem", stdout, stderr, exit)
	stdout, stderr, exit = status(other, "eve") // another CA on our side
	refused("--ca-cert with the CA of this cluster", stdout, stderr, exit)
	stdout, stderr, exit = status(pki, "", "--client-cert", filepath.Join(other, "eve.pem"), "--client-key", filepath.Join(other, "eve.key"))
	refused("the node refuses this client", stdout, stderr, exit)
	stdout, stderr, exit = invoke(t, nil, "cluster", "status", "--addr", addrs[0])
	refused("--ca-cert DIR/ca.pem", stdout, stderr, exit)

	plain := strings.TrimPrefix(api{}.serve(t), "http://")
	stdout, stderr, exit = invoke(t, nil, "cluster", "status", "--addr", plain, "--ca-cert", filepath.Join(pki, "ca.pem"))
	refused("does not speak TLS", stdout, stderr, exit)

	// A named file that is none is a mistake on the command line.
	if _, stderr, exit := status(dir, ""); exit != client.ExitUsage || !strings.Contains(stderr, "--ca-cert can not be used") {
		t.Errorf("no such CA: got %d, %s", exit, stderr)
	}
	// Doctor must not take a node that refuses us for one that is not there.
	if stdout, _, exit := invoke(t, map[string]string{"BACKSTITCH_ADDR": addrs[0]}, "doctor", "--archive", t.TempDir()); exit != client.ExitFailed || !strings.Contains(stdout, "fail  BST-D200") {
		t.Errorf("doctor: got %d, %s", exit, stdout)
	}
}

// rotateGossip replaces the key of gossip of three agents as the manual says, and looks for the keys where they should not be.
func rotateGossip(t *testing.T, pki, addrs string) {
	t.Helper()
	keyring := func(args ...string) (out string, status int) {
		t.Helper()
		args = append(append([]string{"cluster", "keyring"}, args...), "--addr", addrs, "--ca-cert", filepath.Join(pki, "ca.pem"),
			"--client-cert", filepath.Join(pki, "ana.pem"), "--client-key", filepath.Join(pki, "ana.key"))
		stdout, stderr, status := invoke(t, nil, args...)
		return stdout + stderr, status
	}
	must := func(want int, says string, args ...string) string {
		t.Helper()
		out, status := keyring(args...)
		if status != want || !strings.Contains(out, says) {
			t.Fatalf("%v: got %d, want %d and %q\n%s", args, status, want, says, out)
		}
		return strings.TrimSpace(out)
	}
	next := filepath.Join(pki, "next.key")
	key := must(0, "", "generate", next, "-o", "name")
	// Of a cluster that was made a moment ago some nodes do not have all members in their books yet. The command says so, and goes on when it is given again.
	const all = "node-0, node-1, node-2"
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		out, status := keyring("install", next, "--reason", "rotation")
		if status == 0 && strings.Contains(out, "is on "+all) {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("install: got %d\n%s", status, out)
		}
	}
	first, rest, _ := strings.Cut(must(0, key, "list", "-o", "name"), "\n")
	if rest != key {
		t.Fatalf("after install: got keys %s and %s, want the new one second, %s", first, rest, key)
	}
	must(client.ExitNotFound, "no member that answers has it", "use", strings.Repeat("0", 32))
	must(client.ExitConflict, all+" encrypt with "+first, "remove", first)
	must(0, "encrypts on "+all, "use", key[:8])
	must(0, "is gone from "+all, "remove", first)
	out := must(0, key+"  node-0 node-1 node-2  node-0 node-1 node-2  -", "list")
	secret, err := os.ReadFile(next)
	if err != nil {
		t.Fatal(err)
	}
	out += must(0, key, "list", "-o", "json") + must(0, "is on "+all+" already", "install", next)
	if strings.Contains(out, strings.TrimSpace(string(secret))) || strings.Contains(out, first) {
		t.Errorf("an old key, or the key itself, is shown:\n%s", out)
	}
}

// socket hears what an agent tells its supervisor.
type socket struct {
	t    *testing.T
	addr string
	conn *net.UnixConn
}

func supervisor(t *testing.T) *socket {
	t.Helper()
	dir, err := os.MkdirTemp("", "bs") // the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	addr := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: addr, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); os.RemoveAll(dir) })
	return &socket{t: t, addr: addr, conn: conn}
}

// await reads until message comes.
func (l *socket) await(message string) {
	l.t.Helper()
	if err := l.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		l.t.Fatal(err)
	}
	for raw := make([]byte, 4096); ; {
		n, err := l.conn.Read(raw)
		if err != nil {
			l.t.Fatalf("the supervisor never heard %s: %v", message, err)
		}
		if string(raw[:n]) == message {
			return
		}
	}
}

// awaitHealthy asks until every voter is there and one may fail.
func awaitHealthy(t *testing.T, voters int, ask func() (stdout, stderr string, exit int)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		var s client.Cluster
		stdout, stderr, exit := ask()
		if exit == 0 && json.Unmarshal([]byte(stdout), &s) == nil && s.Healthy && s.Voters == voters && s.FailureTolerance >= 1 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not healthy: got %d, %s%s", exit, stdout, stderr)
		}
	}
}

// TestNothingListensBeyondThisMachineWithoutTLS: the configuration is refused before a port is touched.
func TestNothingListensBeyondThisMachineWithoutTLS(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0") // binding it too would be another error
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, flag := range []string{"--listen-api", "--listen-rpc", "--listen-gossip"} {
		_, stderr, exit := invoke(t, nil, "agent", "--data-dir", dir, flag, "0.0.0.0:"+port)
		for _, want := range []string{"can be reached from elsewhere, and tls is not set", "backstitch cluster ca DIR", "backstitch cluster cert DIR NODE", "BST-E4006"} {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: no %q in:\n%s", flag, want, stderr)
			}
		}
		if exit != client.ExitUsage || strings.Contains(stderr, "can not listen") {
			t.Errorf("%s: got %d, %s", flag, exit, stderr)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("the data directory was touched: %v, %v", left, err)
	}
}
