package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"backstitch/chaos/process"
	"backstitch/cluster/access"
	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/sandbox"
)

// site is a whole installation of child processes of this program on loopback: agents, and a sandbox with a Kafka and an S3.
// dev and demo are made of one.
type site struct {
	exe   string
	dir   string
	ports sitePorts
	// registries are the sandbox's schema registries; nil for none.
	registries sandbox.Registries
	sandbox    *process.Process
	nodes      []*siteNode
}

type siteNode struct {
	name   string
	api    string
	config string
	proc   *process.Process
}

// sitePorts are all on loopback. Each node has three in a row: API, RPC, gossip.
type sitePorts struct {
	kafka, s3, control int
	registry           int // 0 where there can be none
	nodes              []int
}

const siteBucket = "demo"

// siteEnv gives the sandbox's S3, which takes any key, a key to take.
var siteEnv = []string{"AWS_ACCESS_KEY_ID=sandbox", "AWS_SECRET_ACCESS_KEY=sandbox", "AWS_REGION=us-east-1"}

// siteGetenv is an environment that holds siteEnv and nothing else.
func siteGetenv(name string) string {
	for _, kv := range siteEnv {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

func (p sitePorts) kafkaAddr() string { return fmt.Sprintf("127.0.0.1:%d", p.kafka) }
func (p sitePorts) s3URL() string     { return fmt.Sprintf("http://127.0.0.1:%d", p.s3) }
func (p sitePorts) registryURL(name string) string {
	return fmt.Sprintf("http://127.0.0.1:%d/%s", p.registry, name)
}
func (p sitePorts) controlAddr() string { return fmt.Sprintf("127.0.0.1:%d", p.control) }

// freePorts finds ports for n nodes that nobody uses now. Somebody may take one before we do; the start then fails by name.
func freePorts(n int) (sitePorts, error) {
	var p sitePorts
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	one := func() (int, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		held = append(held, l)
		return l.Addr().(*net.TCPAddr).Port, nil
	}
	var err error
	for _, into := range []*int{&p.kafka, &p.s3, &p.control, &p.registry} {
		if *into, err = one(); err != nil {
			return p, err
		}
	}
	for tries := 0; len(p.nodes) < n; tries++ {
		if tries > 1000 {
			return p, errors.New("no three free ports in a row")
		}
		first, err := one()
		if err != nil {
			return p, err
		}
		if free, err := hold(&held, first+1, first+2); err != nil {
			return p, err
		} else if free {
			p.nodes = append(p.nodes, first)
		}
	}
	return p, nil
}

// hold listens on all ports, or says that one is taken.
func hold(held *[]net.Listener, ports ...int) (bool, error) {
	for _, port := range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false, nil
		}
		*held = append(*held, l)
		u, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false, nil
		}
		u.Close()
	}
	return true, nil
}

// newSite writes the configuration of every process under dir. Nothing runs yet. registries may be nil.
func newSite(dir string, ports sitePorts, registries sandbox.Registries) (*site, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	s := &site{exe: exe, dir: dir, ports: ports, registries: registries}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if registries != nil {
		text, err := json.MarshalIndent(registries, "", "  ")
		if err == nil {
			err = os.WriteFile(s.registriesFile(), append(text, '\n'), 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	proofKey := filepath.Join(dir, access.ProofFile)
	if _, err := access.CreateProofKey(proofKey); err != nil && !errors.Is(err, access.ErrExists) {
		return nil, err
	}
	var join []string
	for _, p := range ports.nodes {
		if len(ports.nodes) == 1 {
			break // a node alone joins nobody, and its configuration is refused if it says so
		}
		join = append(join, fmt.Sprintf("%q", fmt.Sprintf("127.0.0.1:%d", p+2)))
	}
	for i, p := range ports.nodes {
		n := &siteNode{name: "node-" + string(rune('a'+i)), api: fmt.Sprintf("127.0.0.1:%d", p)}
		n.config = filepath.Join(dir, n.name+".yaml")
		text := fmt.Sprintf(`node:
  name: %s
dataDir: %q
listen:
  api: "127.0.0.1:%d"
  rpc: "127.0.0.1:%d"
  gossip: "127.0.0.1:%d"
cluster:
  bootstrapExpect: %d
  retryJoin: [%s]
proof: {keyFile: %q}
disk: {soft: 100, hard: 100} # this installation is thrown away, and its directory is on whatever disk there is
%s`, n.name, filepath.Join(dir, n.name), p, p+1, p+2, len(ports.nodes), strings.Join(join, ", "), proofKey, s.connections())
		if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
			return nil, err
		}
		s.nodes = append(s.nodes, n)
	}
	return s, os.WriteFile(s.connectionsFile(), []byte(s.connections()), 0o600)
}

// connections names the sandbox's Kafka, S3 and registries, for agents and for commands.
func (s *site) connections() string {
	out := fmt.Sprintf(`connections:
  kafka:
    kafka:
      brokers: [%q]
  s3:
    s3:
      endpoint: %q
      region: us-east-1
      accessKey: "env:AWS_ACCESS_KEY_ID"
      secretKey: "env:AWS_SECRET_ACCESS_KEY"
`, s.ports.kafkaAddr(), s.ports.s3URL())
	for _, name := range slices.Sorted(maps.Keys(s.registries)) {
		out += fmt.Sprintf("  %s:\n    registry:\n      url: %q\n", name, s.ports.registryURL(name))
	}
	return out
}

func (s *site) registriesFile() string { return filepath.Join(s.dir, "registries.json") }

func (s *site) connectionsFile() string { return filepath.Join(s.dir, "connections.yaml") }

// addresses are the nodes' APIs.
func (s *site) addresses() []string {
	var out []string
	for _, n := range s.nodes {
		out = append(out, n.api)
	}
	return out
}

func (s *site) log(name string) string { return filepath.Join(s.dir, name+".log") }

// start starts everything and returns once the cluster has a leader and every node serves.
func (s *site) start(ctx context.Context) error {
	var err error
	args := []string{
		"sandbox", "--dir", filepath.Join(s.dir, "sandbox"), "--kafka-port", fmt.Sprint(s.ports.kafka),
		"--s3-port", fmt.Sprint(s.ports.s3), "--control-port", fmt.Sprint(s.ports.control), "--bucket", siteBucket,
	}
	if s.registries != nil {
		args = append(args, "--registries", s.registriesFile(), "--registry-port", fmt.Sprint(s.ports.registry))
	}
	s.sandbox, err = process.Start(process.Spec{Name: "sandbox", Path: s.exe, Env: siteEnv, Log: s.log("sandbox"), Args: args})
	if err != nil {
		return err
	}
	for _, n := range s.nodes {
		if err := s.startNode(n); err != nil {
			return err
		}
	}
	up, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := (sandbox.Control{Addr: s.ports.controlAddr()}).Await(up); err != nil {
		return s.blame(ctx, err)
	}
	for _, n := range s.nodes {
		if err := ready(up, n.api); err != nil {
			return s.blame(ctx, fmt.Errorf("%s: %w", n.name, err))
		}
	}
	return nil
}

func (s *site) startNode(n *siteNode) error {
	var err error
	n.proc, err = process.Start(process.Spec{
		Name: n.name, Path: s.exe, Env: siteEnv, Log: s.log(n.name), Args: []string{"agent", "--config", n.config},
	})
	return err
}

// ready waits until a node serves.
func ready(ctx context.Context, addr string) error {
	c, err := client.New(client.Config{Addresses: []string{addr}})
	if err != nil {
		return err
	}
	defer c.Close()
	var last string
	for {
		h, err := c.Health(ctx, "ready")
		if err == nil && h.OK {
			return nil
		}
		for _, check := range h.Checks {
			if !check.OK {
				last = check.Name + ": " + check.Reason
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("not ready (%s): %w", last, ctx.Err())
		}
	}
}

// blame adds what a child that has ended said last.
func (s *site) blame(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	procs := []*process.Process{s.sandbox}
	for _, n := range s.nodes {
		procs = append(procs, n.proc)
	}
	for _, p := range procs {
		if p != nil && !p.Running() {
			return &failure{
				Code: codeSandbox, Title: p.Name() + " has ended", Detail: err.Error() + "\n" + tail(s.log(p.Name()), 5),
				Next: "run it again; if a port was taken, the next try takes another", Exit: client.ExitFailed, Err: err,
			}
		}
	}
	return err
}

// tail returns the last lines of a file.
func tail(path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// stop ends every process, agents before what they talk to.
func (s *site) stop(grace time.Duration) {
	done := make(chan struct{}, len(s.nodes))
	for _, n := range s.nodes {
		go func() {
			if n.proc != nil {
				n.proc.Terminate(grace)
			}
			done <- struct{}{}
		}()
	}
	for range s.nodes {
		<-done
	}
	if s.sandbox != nil {
		s.sandbox.Terminate(grace)
	}
}
