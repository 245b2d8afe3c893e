package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"backstitch/cluster"
	"backstitch/cluster/access"
	"backstitch/cluster/access/login"
	"backstitch/cluster/admin"
	"backstitch/cluster/client"
	"backstitch/cluster/inject"
	"backstitch/cluster/program"
	"backstitch/cmd/backstitch/config"
	"backstitch/cmd/backstitch/tracing"
	"backstitch/fsm"
	"backstitch/replay/connect"
	"backstitch/replay/open"
	"backstitch/replay/worker"
	"backstitch/storage/failpoint"
)

// The fit that no room below can check: the data side asks for exactly what the control side has.
var (
	_ worker.Control = (*cluster.Node)(nil)
	_ worker.Opener  = (*workPart)(nil)

	_ worker.ScanKeeper       = (*cluster.Node)(nil)
	_ worker.SchemaKeeper     = (*cluster.Node)(nil)
	_ worker.QuarantineKeeper = (*cluster.Node)(nil)
	_ worker.PlanKeeper       = (*cluster.Node)(nil)
)

// agentClock is time.Now. A build with tag failpoint lets tests shift it, since nothing else shifts the clock of one process.
var agentClock = failpoint.Clock(time.Now)

// runAgent puts a node together and runs it to its end.
//
// Start order:
//  1. the API's port is bound: a port that is taken is known before anything else is touched
//  2. the node: stores, gossip, Raft; everything below asks it
//  3. the API: it answers health from the first moment on, also while the node still opens
//     the door for probes, if there is one, likewise
//  4. the worker: it needs leases, which need all of the above
//  5. who tells the supervisor, if there is one
//
// Where there are traces, who sends them is there before all of these, and after all of them.
//
// Stop order:
//  1. the supervisor is told that the node ends, which may take a while
//  2. the worker: slices reach a commit and report it while there is somebody to report to
//  3. the API: nobody is told any more that this node serves
//  4. the node: it hands leadership over while it still runs, then closes the stores
func (a *app) runAgent(ctx context.Context, cfg config.Agent, log *slog.Logger) error {
	listener, err := net.Listen("tcp", cfg.Listen.API)
	if err != nil {
		return &failure{Code: codeConfig, Title: "the API can not listen on " + cfg.Listen.API, Detail: err.Error(),
			Next: "is another agent running there? use another port: --listen-api HOST:PORT", Exit: client.ExitUsage, Err: err}
	}
	defer listener.Close()
	var probes net.Listener
	if cfg.Listen.Probes != "" {
		if probes, err = net.Listen("tcp", cfg.Listen.Probes); err != nil {
			return &failure{Code: codeConfig, Title: "probes can not be answered on " + cfg.Listen.Probes, Detail: err.Error(),
				Next: "is another agent running there? use another port: --listen-probes HOST:PORT", Exit: client.ExitUsage, Err: err}
		}
		defer probes.Close()
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	planner := &flowPlanner{app: a, cfg: cfg}
	var api *admin.Server // the node leads only once its API serves
	back := &flowRollbacker{app: a, cfg: cfg, api: func() http.Handler { return api.Handler() }}
	programs, err := allowedPrograms(cfg, log)
	if err != nil {
		return err
	}
	if programs != nil {
		defer programs.Close()
	}
	traces, err := a.tracing(cfg, log, metrics)
	if err != nil {
		return err
	}
	node, err := cluster.New(nodeConfig(cfg), cluster.Deps{
		Tracer: tracerOf(traces),
		Logger: log, Clock: agentClock, Registerer: metrics, End: endOnPurpose, Env: a.lookup, Planner: planner,
		Programs: programs, Rollbacker: back, Consumers: &flowConsumers{cfg: cfg.Connections, env: a.lookup},
		// What the disk did not keep must not be acknowledged, so nothing else of the process may go on.
		Fatal: func(err error) {
			log.Error("the disk failed; ending at once", "err", err)
			os.Exit(a.report(nil, agentFailure(err)))
		},
	})
	if err != nil {
		return err
	}
	planner.cluster = node.ClusterID
	serve := admin.Config{Listener: listener, Version: version, Logger: log, Clock: agentClock, Gatherer: metrics}
	if files := node.TLS(); files != nil {
		mine := files.Subject().Cluster
		serve.TLS = files.Server(func(s access.Subject) error { return s.Allow(mine, "", access.Node, access.Client) })
	}
	serve.AccessRequired, serve.Recovery = cfg.Access.Required, func() (uint64, error) { return recoveryNumber(cfg.DataDir) }
	if serve.Logins, err = a.logins(cfg, log); err != nil {
		return err
	}
	serve.Report = func(view *fsm.View, id fsm.ProofID) ([]byte, error) {
		return sealedReport(view, id, node.ClusterID(), node.ProofKey())
	}
	serve.Insight, serve.Tracer = insight{}, tracerOf(traces)
	api, err = admin.New(serve, node)
	if err != nil {
		return err
	}
	work := &workPart{app: a, cfg: cfg, node: node, log: log, metrics: metrics, tracer: tracerOf(traces)}
	parts := []part{{"node", node.Run}, {"API", api.Run}}
	if traces != nil { // first and last, so that nothing ends after the last spans were sent
		jobs := tracing.NewJobs(node, traces.Tracer(), agentClock)
		parts = append([]part{{"traces", traces.Run}}, append(parts, part{"traces of jobs", jobs.Run})...)
	}
	if probes != nil {
		parts = append(parts, part{"probes", func(ctx context.Context) error { return api.RunProbes(ctx, probes) }})
	}
	told, err := a.supervisor(node, log)
	if err != nil {
		return err
	}
	return runParts(ctx, append(append(parts, part{"worker", work.run}), told...))
}

// recoveryNumber is what somebody who may write into the data directory has put there to be let in again, 0 for nothing. It is good for one first
// token: the next one has another number.
func recoveryNumber(dir string) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(dir, client.RecoveryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", client.RecoveryFile, err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, nil // not the number, so nobody is let in; the answer says which one it is
	}
	return n, nil
}

// logins knows people by the identity provider of the configuration; nil where it names none. The provider is asked when somebody signs in.
func (a *app) logins(cfg config.Agent, log *slog.Logger) (*login.Provider, error) {
	o := cfg.Access.OIDC
	if o == nil {
		return nil, nil
	}
	var roots *x509.CertPool
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if roots = x509.NewCertPool(); err == nil && !roots.AppendCertsFromPEM(pem) {
			err = fmt.Errorf("%s holds no certificate in PEM form", o.CA)
		}
		if err != nil {
			return nil, &failure{Code: codeConfig, Title: "access.oidc.ca can not be used", Detail: err.Error(), Next: "name a PEM file with the authority of the provider's certificate",
				Exit: client.ExitUsage, Err: err}
		}
	}
	allow, err := cfg.Notify.Prefixes()
	if err != nil {
		return nil, err
	}
	out := o.Login(a.lookup)
	out.Client, out.Clock, out.Logger = login.NewClient(allow, roots), agentClock, log
	return login.New(out), nil
}

// allowedPrograms runs the programs that this agent allows; nil where it allows none. Its journal lies beside the node's data, and outlives data
// that are set aside.
func allowedPrograms(cfg config.Agent, log *slog.Logger) (*program.Runner, error) {
	if len(cfg.Exec.Allow) == 0 {
		return nil, nil
	}
	allowed := map[string]program.Entry{}
	for name, p := range cfg.Exec.Allow {
		allowed[name] = program.Entry{Path: p.Path, Idempotent: p.Idempotent}
	}
	dir := filepath.Join(cfg.DataDir, "programs")
	r, err := program.Open(program.Config{Dir: dir, Allowed: allowed, Clock: agentClock, Logger: log})
	if err != nil {
		return nil, &failure{Code: codePrograms, Title: "the journal of programs in " + dir + " can not be used", Detail: err.Error(),
			Next: "mend the directory; or allow no programs: take exec.allow out of the configuration", Exit: client.ExitUsage, Err: err}
	}
	return r, nil
}

// endOnPurpose ends this process as a fault says. A crash runs nothing of what a process does at its end, and has the status of
// one that was killed; that also works for the first process of a container, which can not be killed from within.
func endOnPurpose(how inject.Kind) {
	if how == inject.Crash {
		os.Exit(128 + int(syscall.SIGKILL))
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Signal(syscall.SIGTERM) // caught by main, which then ends as it always does
	}
}

// nodeConfig is what the cluster room is told.
func nodeConfig(cfg config.Agent) cluster.Config {
	out := cluster.DefaultConfig()
	out.Name, out.Zone, out.Weight, out.Version, out.DataDir = cfg.Node.Name, cfg.Node.Zone, uint32(cfg.Worker.Lanes), version, cfg.DataDir
	if cfg.Node.Role == fsm.RoleWorker.String() {
		out.Role = fsm.RoleWorker
	}
	out.BindAddr, out.AdvertiseAddr = cfg.Listen.RPC, cfg.Advertise.RPC
	out.GossipBindAddr, out.GossipAdvertiseAddr = cfg.Listen.Gossip, cfg.Advertise.Gossip
	if out.APIAddr = cfg.Advertise.API; out.APIAddr == "" {
		out.APIAddr = cfg.Listen.API
	}
	out.BootstrapExpect, out.RetryJoin = cfg.Cluster.BootstrapExpect, cfg.Cluster.RetryJoin
	out.TLS = cluster.TLSFiles{CA: cfg.TLS.CA, Cert: cfg.TLS.Cert, Key: cfg.TLS.Key}
	out.GossipKeyFile = cfg.Gossip.KeyFile
	out.ProofKeyFile = cfg.Proof.KeyFile
	out.Disk = cfg.Disk.Marks()
	out.Environment = cluster.Environment(cfg.Environment)
	out.Notify.SecretDir = cfg.Notify.SecretDir
	out.Notify.Runbooks = cfg.Runbooks.URL
	out.Notify.Allow, _ = cfg.Notify.Prefixes() // Validate knows them
	return out
}

// openConfig is what opening ends needs, with the connections of a configuration and nothing else.
func openConfig(connections map[string]config.Connection, env connect.Env) open.Config {
	return open.Config{
		Env: env, Now: agentClock,
		Kafka: func(name string) (connect.Kafka, bool) {
			c := connections[name].Kafka
			if c == nil {
				return connect.Kafka{}, false
			}
			return c.Connect(), true
		},
		S3: func(name string) (connect.S3, bool) {
			c := connections[name].S3
			if c == nil {
				return connect.S3{}, false
			}
			return c.Connect(), true
		},
		Registry: func(name string) (connect.Registry, bool) {
			c := connections[name].Registry
			if c == nil {
				return connect.Registry{}, false
			}
			return c.Connect(), true
		},
	}
}
