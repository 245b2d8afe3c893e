package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"backstitch/cluster/discover"
	"backstitch/cluster/program"
	"backstitch/cmd/backstitch/tracing"
	"backstitch/fsm/runbook"
)

// Problem is one thing that is wrong, and what to write instead.
type Problem struct {
	Path string `json:"path"`
	Why  string `json:"why"`
	Next string `json:"next"`
}

// Problems is every problem of a configuration.
type Problems []Problem

func (ps Problems) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "configuration has %d problem(s)", len(ps))
	for _, p := range ps {
		fmt.Fprintf(&b, "\n%s %s", p.Path, p.Why)
	}
	return b.String()
}

// Next is what to do about the first problem.
func (ps Problems) Next() string { return ps[0].Next }

// Validate finds everything that is wrong at once; its error is Problems.
func (a Agent) Validate() error {
	var out Problems
	add := func(bad bool, path, why, next string) {
		if bad {
			out = append(out, Problem{path, why, next})
		}
	}
	add(a.DataDir == "", "dataDir", "is not set", "dataDir: /var/lib/backstitch     or --data-dir DIR")
	add(!slices.Contains([]string{"production", "staging", "dev"}, a.Environment), "environment", fmt.Sprintf("%q is not known", a.Environment), "production, staging or dev")
	add(a.Node.Role != "voter" && a.Node.Role != "worker", "node.role", fmt.Sprintf("%q is not known", a.Node.Role), "voter or worker")
	add(a.Worker.Lanes < 1 || a.Worker.Lanes > 256, "worker.lanes", fmt.Sprintf("%d is not between 1 and 256", a.Worker.Lanes), "worker.lanes: 4")
	add(a.Worker.Memory < 16<<20, "worker.memory", fmt.Sprintf("%s is less than 16MiB", a.Worker.Memory), "worker.memory: 64MiB")
	if err := a.Disk.Marks().Validate(); err != nil {
		add(true, "disk", err.Error(), "disk: {soft: 85, hard: 95}")
	}
	add(!slices.Contains([]string{"debug", "info", "warn", "error"}, a.Log.Level), "log.level", fmt.Sprintf("%q is not known", a.Log.Level), "debug, info, warn or error")
	add(a.Log.Format != "text" && a.Log.Format != "json", "log.format", fmt.Sprintf("%q is not known", a.Log.Format), "text or json")

	add(a.Notify.SecretDir != "" && !filepath.IsAbs(a.Notify.SecretDir), "notify.secretDir", fmt.Sprintf("%q is not an absolute path", a.Notify.SecretDir), "notify.secretDir: /run/secrets/backstitch")
	if _, err := a.Notify.Prefixes(); err != nil {
		add(true, "notify.allow", err.Error(), `notify.allow: ["169.254.10.0/24"]`)
	}

	if base := a.Runbooks.URL; base != "" {
		if err := runbook.CheckBase(base); err != nil {
			add(true, "runbooks.url", err.Error(), "runbooks.url: https://docs.example.com/runbooks")
		}
	}

	out = append(out, a.Tracing.check()...)

	for _, name := range slices.Sorted(maps.Keys(a.Exec.Allow)) {
		entry := a.Exec.Allow[name]
		if err := program.CheckName(name); err != nil {
			add(true, "exec.allow", err.Error(), "exec: {allow: {reload-cache: {path: /usr/local/bin/reload-cache}}}")
		} else if err := (program.Entry{Path: entry.Path}).Check(); err != nil {
			add(true, "exec.allow."+name+".path", err.Error(), "exec.allow."+name+".path: /usr/local/bin/"+name)
		}
	}

	n := a.Cluster.BootstrapExpect
	add(n < 0 || n > 9, "cluster.bootstrapExpect", fmt.Sprintf("%d is not between 0 and 9", n), "cluster.bootstrapExpect: 3")
	add(n > 1 && n%2 == 0, "cluster.bootstrapExpect", fmt.Sprintf("%d: an even number of voters tolerates no more loss than one fewer", n), fmt.Sprintf("cluster.bootstrapExpect: %d", n+1))
	add(n != 1 && len(a.Cluster.RetryJoin) == 0, "cluster.retryJoin", fmt.Sprintf("is empty, and bootstrapExpect is %d: this node would wait for ever", n),
		`cluster.retryJoin: ["HOST:7422"]     or --retry-join HOST:7422`)
	for i, text := range a.Cluster.RetryJoin {
		var bad *discover.BadEntry
		if _, err := discover.Parse(text); errors.As(err, &bad) {
			add(true, fmt.Sprintf("cluster.retryJoin[%d]", i), bad.Error(), "cluster.retryJoin: ['"+bad.Next+"']")
		}
	}
	add(n == 1 && len(a.Cluster.RetryJoin) > 0 && a.Node.Role != "worker", "cluster.bootstrapExpect",
		"is 1 beside retryJoin: this node would make a cluster of its own instead of joining one",
		"cluster.bootstrapExpect: 0 to join, 3 or 5 to make a cluster together")
	add(n > 0 && a.Node.Role == "worker" && (n > 1 || len(a.Cluster.RetryJoin) == 0), "cluster.bootstrapExpect",
		"a worker does not vote, so it can not make a cluster", "cluster.bootstrapExpect: 0")
	out = append(out, a.addresses()...)
	out = append(out, a.access()...)
	out = append(out, a.Access.OIDC.check()...)
	out = append(out, a.connections()...)
	if len(out) > 0 {
		return out
	}
	return nil
}

// header is a name of HTTP.
var header = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`)

func (t Tracing) check() []Problem {
	var out []Problem
	if t.Endpoint != "" {
		if err := tracing.CheckEndpoint(t.Endpoint); err != nil {
			out = append(out, Problem{"tracing.endpoint", err.Error(), "tracing.endpoint: https://HOST:4318"}) // not repeated: it may hold a login
		}
	} else if len(t.Headers) > 0 || t.TLS != nil {
		out = append(out, Problem{"tracing", "has headers or tls, and no endpoint that they are for", "tracing.endpoint: https://HOST:4318"})
	}
	if !(t.SampleRatio >= 0 && t.SampleRatio <= 1) {
		out = append(out, Problem{"tracing.sampleRatio", fmt.Sprintf("%v is not between 0 and 1", t.SampleRatio), "tracing.sampleRatio: 0.1"})
	}
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		path := "tracing.headers." + name
		if !header.MatchString(name) {
			out = append(out, Problem{"tracing.headers", fmt.Sprintf("%q is not the name of a header", name), "tracing.headers: {Authorization: \"file:/run/secrets/collector\"}"})
		}
		out = append(out, reference(path, t.Headers[name], true)...)
	}
	if len(t.Headers) > 0 && tracing.Plain(t.Endpoint) {
		out = append(out, Problem{"tracing.headers", "would be sent where anybody on the way can read them", "tracing.endpoint: https://HOST:4318"})
	}
	return append(out, t.TLS.check("tracing.tls")...)
}

// CheckConnections finds what is wrong with the connections alone; its error is Problems.
func (a Agent) CheckConnections() error {
	if out := Problems(a.connections()); len(out) > 0 {
		return out
	}
	return nil
}

func (a Agent) connections() []Problem {
	var out []Problem
	for _, name := range slices.Sorted(maps.Keys(a.Connections)) {
		out = append(out, a.Connections[name].check("connections."+name)...)
	}
	return out
}

// addresses checks the form of every address, and that no two doors are the same.
func (a Agent) addresses() []Problem {
	var out []Problem
	seen := map[string]string{}
	check := func(path, addr string, listens bool) {
		if addr == "" && !listens {
			return
		}
		host, port, err := net.SplitHostPort(addr)
		if err != nil || port == "" || port == "0" {
			why := fmt.Sprintf("%q is not host:port", addr)
			if strings.Contains(addr, "@") {
				why = "is not host:port" // and may hold a login
			}
			out = append(out, Problem{path, why, path + ": 127.0.0.1:7420"})
			return
		}
		if !listens {
			if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
				out = append(out, Problem{path, fmt.Sprintf("%q is not an address that others can dial", addr), path + ": HOST:" + port})
			}
			return
		}
		if other := seen[addr]; other != "" {
			out = append(out, Problem{path, fmt.Sprintf("%s is used by %s too", addr, other), "give each its own port"})
		}
		seen[addr] = path
	}
	check("listen.api", a.Listen.API, true)
	check("listen.rpc", a.Listen.RPC, true)
	check("listen.gossip", a.Listen.Gossip, true)
	if a.Listen.Probes != "" {
		check("listen.probes", a.Listen.Probes, true)
	}
	check("advertise.api", a.Advertise.API, false)
	check("advertise.rpc", a.Advertise.RPC, false)
	check("advertise.gossip", a.Advertise.Gossip, false)
	return out
}

// access checks TLS, gossip encryption and tokens. What listens beyond this machine has to have them.
func (a Agent) access() []Problem {
	var out []Problem
	given := 0
	for _, f := range []string{a.TLS.CA, a.TLS.Cert, a.TLS.Key} {
		if f != "" {
			given++
		}
	}
	if given != 0 && given != 3 {
		out = append(out, Problem{"tls", "has only some of ca, cert and key",
			"give all three; to make them: backstitch cluster ca DIR     then: backstitch cluster cert DIR NODE"})
	}
	for _, door := range []struct{ path, addr string }{
		{"listen.api", a.Listen.API}, {"listen.rpc", a.Listen.RPC}, {"listen.gossip", a.Listen.Gossip},
	} {
		if loopback(door.addr) {
			continue
		}
		if given == 0 {
			out = append(out, Problem{door.path, fmt.Sprintf("%s can be reached from elsewhere, and tls is not set", door.addr),
				"backstitch cluster ca DIR     then: backstitch cluster cert DIR NODE"})
		}
		if a.Gossip.KeyFile == "" {
			out = append(out, Problem{door.path, fmt.Sprintf("%s can be reached from elsewhere, and gossip.keyFile is not set", door.addr),
				"backstitch cluster ca DIR     makes a gossip key too"})
		}
	}
	if !loopback(a.Listen.API) && !a.Access.Required {
		out = append(out, Problem{"listen.api", fmt.Sprintf("%s can be reached from elsewhere, and access.required is not set: whoever reaches it could do everything", a.Listen.API),
			"access.required: true, or --access-required     then, once it runs: backstitch access bootstrap"})
	}
	return out
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return true // reported elsewhere
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
