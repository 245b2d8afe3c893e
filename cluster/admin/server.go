package admin

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"backstitch/cluster/accept"
	"backstitch/cluster/access/login"
	"backstitch/cluster/admin/door"
	"backstitch/cluster/admin/ui"
	"backstitch/cluster/client"
	"backstitch/cluster/seldom"
	"backstitch/fsm"
	"backstitch/partition"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// maxSubmission bounds the body of a plan, in bytes: about a million slices.
const maxSubmission = 256 << 20

// What strangers may take of a door.
const (
	maxConns        = 4096
	maxConnsPerHost = 2048            // a proxy may stand in front
	greeting        = 5 * time.Second // for a handshake, and for the head of a request
	strangerHold    = 2 * time.Second // of who was refused for want of a certificate, or for noise
)

// notHTTPS is the answer to who asks a door over plain HTTP that has TLS. net/http says the same, and the command line tells it from other refusals.
const notHTTPS = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

// Config says where and how to serve.
type Config struct {
	Listener net.Listener // the caller binds it, so that a port in use is known before anything starts
	TLS      *tls.Config  // nil serves plain HTTP, which the caller allows on loopback only
	Version  string       // of the program
	Logger   *slog.Logger
	Clock    func() time.Time // for the time that commands carry
	Gatherer prometheus.Gatherer
	// Report makes the report of a proof from a view of the book: the bytes of a file. It errs with ErrNoReport when there is no such proof.
	Report func(view *fsm.View, id fsm.ProofID) ([]byte, error)
	// Insight reads for the web page what only the data side understands; nil serves no page.
	Insight ui.Insight
	// AccessRequired serves nothing but what is open to everybody until there is a first token.
	AccessRequired bool
	// Logins knows people by an identity provider; nil knows nobody so.
	Logins *login.Provider
	// Tracer makes a span of each request that is not a probe; nil makes none.
	Tracer trace.Tracer
	// Recovery is the index that somebody wrote into this node's data directory to be let in again, 0 for none. nil is none.
	Recovery func() (uint64, error)
}

// ErrNoReport says that the book has no such proof.
var ErrNoReport = errors.New("no such proof")

// Server serves the API of one node.
type Server struct {
	node    Node
	clock   func() time.Time
	log     *slog.Logger
	config  Config
	handler http.Handler
	notes   notes
}

// New makes a server. It starts nothing.
func New(config Config, node Node) (*Server, error) {
	s := &Server{node: node, clock: config.Clock, log: config.Logger, config: config}
	api := withActor(s.routes())
	inner := api
	if config.Insight != nil {
		site := ui.Config{API: api, Insight: config.Insight, Wait: node.Wait, Clock: config.Clock, Logger: config.Logger}
		if config.Logins != nil && config.Logins.Config().RedirectURL != "" {
			site.SignIn, site.Home = config.Logins, config.Logins.Config().RedirectURL
			site.Secure = strings.HasPrefix(site.Home, "https://")
		}
		pages, err := ui.New(site)
		if err != nil {
			return nil, fmt.Errorf("make the web page: %w", err)
		}
		inner = front(pages, api)
	}
	bounds := door.Default()
	bounds.Clock = config.Clock
	bounds.Refuse = func(w http.ResponseWriter, why string) {
		deny(w, newProblem(http.StatusTooManyRequests, client.CodeTooOften, "this node is asked too often", why, "come again a little later, or ask another node: --addr HOST:7420"))
	}
	s.handler = door.New(bounds, s.refusing(inner))
	return s, nil
}

// front shares requests between pages for people and the API. A browser that asks for the door itself is led to the pages.
func front(pages, api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, ui.Prefix):
			pages.ServeHTTP(w, r)
		case r.URL.Path == "/" && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
			http.Redirect(w, r, ui.Prefix, http.StatusFound)
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// Handler is the API without a listener, for tests.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves until ctx ends, then lets running requests finish for a moment. Blocking reads end with ctx.
func (s *Server) Run(ctx context.Context) error {
	return s.serve(ctx, "the API", s.config.Listener, s.config.TLS, s.handler)
}

// serve serves one door.
func (s *Server) serve(ctx context.Context, what string, door net.Listener, secure *tls.Config, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: greeting,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	strangers := seldom.New(s.log, s.clock)
	listener := accept.Guard{
		TLS: secure, Crowd: accept.NewCrowd(maxConns, maxConnsPerHost), Patience: greeting, Hold: strangerHold, Clock: s.clock,
		Refused: func(from net.Addr, err error) {
			level := slog.LevelInfo
			if errors.Is(err, accept.ErrCrowded) {
				level = slog.LevelWarn
			}
			strangers.Say(level, "connection refused", "at", what, "from", from.String(), "err", err)
		},
		Plain: notHTTPS,
	}.Listener(accept.Listener(door, s.log))
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		err := server.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		stopped <- err
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s on %s: %w", what, listener.Addr(), err)
	}
	return <-stopped
}

// routes builds the whole table; `go doc` readers and the OpenAPI document see the same list.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("backstitch", s.config.Version)
	config.OpenAPIPath = "/v1/openapi"
	config.DocsPath = ""
	config.SchemasPath = "/v1/schemas"
	config.RejectUnknownQueryParameters = true
	config.CreateHooks = nil // no $schema members in answers
	config.Transformers = []huma.Transformer{validation}
	api := router{humago.New(mux, config), s}

	read(api, "/v1/jobs", "list-jobs", "All jobs, newest first", s.listJobs)
	read(api, "/v1/jobs/{id}", "show-job", "One job", s.showJob)
	read(api, "/v1/jobs/{id}/slices", "list-slices", "The slices of a job", s.listSlices)
	read(api, "/v1/jobs/{id}/curve", "show-curve", "How a job went, as the answering node has seen it", s.showCurve)
	read(api, "/v1/jobs/{id}/discarded", "list-discarded-records", "The records of a job's quarantine that are given up", s.listDiscarded)
	read(api, "/v1/jobs/{id}/recipe", "show-recipe", "What was submitted", s.showRecipe)
	read(api, "/v1/jobs/{id}/proofs", "list-proofs", "The proofs of a job, newest first", s.listProofs)
	read(api, "/v1/proofs/{id}", "show-proof", "One proof", s.showProof)
	read(api, "/v1/proofs/{id}/report", "show-report", "The report of a proof, signed if this cluster has a proof key", s.showReport)
	read(api, "/v1/cluster/proof-keys", "list-proof-keys", "Every key that ever signed for the cluster, oldest first", s.listProofKeys)
	read(api, "/v1/cluster/keyring", "list-gossip-keys", "Which member has which keys of gossip, by fingerprint", s.listKeyring)
	read(api, "/v1/scans", "list-scans", "The scans that are kept, newest first", s.listScans)
	read(api, "/v1/scans/{id}", "show-scan", "One scan", s.showScan)
	read(api, "/v1/scans/{id}/findings", "show-scan-findings", "What a scan found, partition by partition", s.scanFindings)
	read(api, "/v1/flow-schedules", "list-flow-schedules", "Schedules of flows, by namespace and name", s.listFlowSchedules)
	read(api, "/v1/scan-schedules", "list-scan-schedules", "Schedules of scans, by name", s.listSchedules)
	read(api, "/v1/cluster", "show-cluster", "The cluster as this node sees it", s.showCluster)
	read(api, "/v1/cluster/upgrade", "show-upgrade", "How far a rolling upgrade is, and what is switched on with its end", s.showUpgrade)
	read(api, "/v1/members", "list-members", "Every node that the cluster knows", s.listMembers)
	read(api, "/v1/raft/peers", "list-peers", "The Raft configuration", s.listPeers)

	read(api, "/v1/datasets", "list-datasets", "All datasets", s.listDatasets)
	read(api, "/v1/datasets/{namespace}/{name}", "show-dataset", "One dataset, and how far its endpoints have been told", s.showDataset)

	read(api, "/v1/datasets/{namespace}/{name}/schemas", "list-dataset-schemas", "Which schemas records of a dataset name, since when", s.listSchemas)
	read(api, "/v1/datasets/{namespace}/{name}/plans/{id}", "show-plan", "One plan that the cluster made, whole", s.showPlan)

	read(api, "/v1/audit", "list-audit-records", "Who commanded what, why, and what came of it", s.listAudit)

	read(api, "/v1/budgets", "list-budgets", "Budgets, and who has which part of them at the moment", s.listBudgets)

	read(api, "/v1/maintenance", "list-maintenance", "Windows of maintenance", s.listMaintenance)

	read(api, "/v1/flows", "list-flows", "The flows that are kept, newest first", s.listFlows)
	read(api, "/v1/flows/{id}", "show-flow", "One flow, with its steps", s.showFlow)

	read(api, "/v1/aliases", "list-aliases", "All aliases", s.listAliases)
	read(api, "/v1/aliases/{name}", "show-alias", "Where readers are to go", s.showAlias)
	read(api, "/v1/aliases/{name}/versions/{version}/groups", "show-alias-groups", "How the consumer groups of a version move", s.aliasMoves)

	write(api, "/v1/jobs", "submit-job", "Hand in a frozen plan", s.submitJob)
	write(api, "/v1/jobs/{id}/pause", "pause-job", "Stop a job at its checkpoints",
		s.act("pause", func(id partition.JobID) fsm.Command { return fsm.PauseJob{ID: id} }))
	write(api, "/v1/jobs/{id}/resume", "resume-job", "Let a paused job go on",
		s.act("resume", func(id partition.JobID) fsm.Command { return fsm.ResumeJob{ID: id} }))
	write(api, "/v1/jobs/{id}/cancel", "cancel-job", "End a job for good",
		s.act("cancel", func(id partition.JobID) fsm.Command { return fsm.CancelJob{ID: id} }))
	write(api, "/v1/jobs/{id}/retry", "retry-job", "Run the failed slices of a job again",
		s.act("retry", func(id partition.JobID) fsm.Command { return fsm.RetryJob{ID: id} }))
	write(api, "/v1/jobs/{id}/priority", "prioritise-job", "Change when a job gets its turn", s.prioritise)
	write(api, "/v1/budgets", "put-budget", "Bound what jobs do to their targets in a second, or give it free", s.putBudget)
	write(api, "/v1/maintenance", "put-maintenance", "Set a window of maintenance, or remove it", s.putMaintenance)
	write(api, "/v1/jobs/{id}/discarded", "discard-records", "Give up records that a job has set aside", s.discard)
	write(api, "/v1/jobs/{id}/discarded/restore", "restore-records", "Take back that records are given up", s.restoreDiscarded)
	write(api, "/v1/jobs/{id}/proofs", "record-proof", "Add a proof made from outside", s.recordProof)
	write(api, "/v1/jobs/{id}/void", "void-job", "Make what a job wrote into files void: begun, or done", s.voidJob)
	write(api, "/v1/aliases/{name}/publish", "publish-alias", "Send readers to what a job has proved", s.putAlias)
	write(api, "/v1/aliases/{name}/revert", "revert-alias", "Send readers back to the version before", s.revertAlias)
	write(api, "/v1/flows", "submit-flow", "Hand in a flow", s.submitFlow)
	write(api, "/v1/flows/{id}/pause", "pause-flow", "Let no step begin any more", s.steer("pause", func(id fsm.FlowID) fsm.Command { return fsm.PauseFlow{ID: id} }))
	write(api, "/v1/flows/{id}/resume", "resume-flow", "Let a paused flow go on", s.steer("resume", func(id fsm.FlowID) fsm.Command { return fsm.ResumeFlow{ID: id} }))
	write(api, "/v1/flows/{id}/cancel", "cancel-flow", "End a flow for good, with the jobs that it runs",
		s.steer("cancel", func(id fsm.FlowID) fsm.Command { return fsm.CancelFlow{ID: id} }))
	write(api, "/v1/flows/{id}/retry", "retry-flow", "Take a failed flow up again from what failed",
		s.steer("retry", func(id fsm.FlowID) fsm.Command { return fsm.RetryFlow{ID: id} }))
	write(api, "/v1/flows/{id}/steps/{step}/approve", "approve-step", "Say yes to a step that waits", s.decideStep("approve", false))
	write(api, "/v1/flows/{id}/steps/{step}/reject", "reject-step", "Say no to a step that waits", s.decideStep("reject", true))
	write(api, "/v1/flow-schedules", "put-flow-schedule", "Make or replace the schedule of a flow", s.putFlowSchedule)
	write(api, "/v1/flow-schedules/{namespace}/{name}/pause", "pause-flow-schedule", "Let no run of a schedule begin any more", s.turnFlowSchedule("pause-schedule", true))
	write(api, "/v1/flow-schedules/{namespace}/{name}/resume", "resume-flow-schedule", "Let runs of a paused schedule begin again", s.turnFlowSchedule("resume-schedule", false))
	register(api, operation(http.MethodDelete, "/v1/flow-schedules/{namespace}/{name}", "remove-flow-schedule", "Remove the schedule of a flow"), s.removeFlowSchedule)
	write(api, "/v1/scans", "submit-scan", "Start a scan", s.submitScan)
	write(api, "/v1/scans/{id}/cancel", "cancel-scan", "End a scan for good", s.cancelScan)
	write(api, "/v1/scan-schedules", "put-scan-schedule", "Make or replace a schedule of scans", s.putSchedule)
	register(api, operation(http.MethodDelete, "/v1/scan-schedules/{name}", "remove-scan-schedule", "Remove a schedule of scans"), s.removeSchedule)
	write(api, "/v1/members/{id}/drain", "drain-member", "Make a node hand over its slices", s.drain)
	write(api, "/v1/members/{id}/uncordon", "uncordon-member", "Let a drained node take work again", s.uncordon)
	write(api, "/v1/cluster/proof-keys", "use-proof-key", "Let another key sign for the cluster", s.useProofKey)
	write(api, "/v1/cluster/keyring/install", "install-gossip-key", "Give every member a key of gossip", s.installGossipKey)
	write(api, "/v1/cluster/keyring/use", "use-gossip-key", "Let every member encrypt gossip with another key", s.turnGossipKey(fsm.KeyringUse))
	write(api, "/v1/cluster/keyring/remove", "remove-gossip-key", "Take a key of gossip from every member", s.turnGossipKey(fsm.KeyringRemove))
	write(api, "/v1/cluster/upgrade", "set-upgrade", "Say who switches a new feature level on", s.setUpgrade)
	write(api, "/v1/cluster/upgrade/finish", "finish-upgrade", "Switch a feature level on, once every member can apply it", s.finishUpgrade)
	write(api, "/v1/cluster/join", "join-cluster", "Make this node meet others", s.join)
	write(api, "/v1/cluster/leave", "leave-cluster", "Make this node leave for good", s.leave)
	write(api, "/v1/cluster/leader/transfer", "transfer-leader", "Move leadership", s.transfer)
	write(api, "/v1/datasets", "put-dataset", "Make or replace a dataset", s.putDataset)
	register(api, operation(http.MethodDelete, "/v1/datasets/{namespace}/{name}", "delete-dataset", "Forget a dataset; jobs about it stay"), s.deleteDataset)
	write(api, "/v1/datasets/{namespace}/{name}/scans", "scan-dataset", "Scan a dataset now", s.scanDataset)
	write(api, "/v1/datasets/{namespace}/{name}/plans/{id}/approve", "approve-plan", "Run a plan that waits",
		s.decide("approve", func(id partition.JobID, hash [32]byte) fsm.Command { return fsm.ApprovePlan{ID: id, Hash: hash} }))
	write(api, "/v1/datasets/{namespace}/{name}/plans/{id}/reject", "reject-plan", "Say no to a plan that waits",
		s.decide("reject", func(id partition.JobID, hash [32]byte) fsm.Command { return fsm.RejectPlan{ID: id, Hash: hash} }))
	triggers := operation(http.MethodPost, "/v1/triggers/alertmanager", "trigger-alertmanager", "Scan the datasets that firing alerts name")
	triggers.MaxBodyBytes = maxTrigger
	register(api, triggers, s.trigger)
	register(api, operation(http.MethodDelete, "/v1/raft/peers/{id}", "remove-peer", "Take a node out of the Raft group"), s.removePeer)

	read(api, "/v1/chaos/faults", "list-faults", "What is done to this node on purpose; only in staging and dev", s.listFaults)
	write(api, "/v1/chaos/faults", "inject-fault", "Hurt this node for a while; only in staging and dev", s.injectFault)
	register(api, operation(http.MethodDelete, "/v1/chaos/faults", "heal-faults", "Take back every fault of this node"), s.healFaults)
	register(api, operation(http.MethodDelete, "/v1/chaos/faults/{id}", "heal-fault", "Take back one fault of this node"), s.healFault)

	s.accessRoutes(api)
	s.snapshotRoutes(mux, api)
	s.healthRoutes(mux, api)
	s.stackRoutes(mux, api)
	s.metricRoutes(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		deny(w, notFound("path", r.URL.Path, "the API is described at /v1/openapi.json"))
	})
	return s.gate(mux, patterns(api))
}

func operation(method, path, id, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: maxSubmission}
}

func read[I, O any](api router, path, id, summary string, handler func(context.Context, *I) (*O, error)) {
	register(api, operation(http.MethodGet, path, id, summary), handler)
}

func write[I, O any](api router, path, id, summary string, handler func(context.Context, *I) (*O, error)) {
	register(api, operation(http.MethodPost, path, id, summary), handler)
}

// reading answers with what read finds in one view of the book.
func reading[T any](s *Server, read func(*fsm.View) (T, error)) (*indexed[T], error) {
	view, err := s.node.View()
	if err != nil {
		return nil, s.failed(err)
	}
	defer view.Close()
	body, err := read(view)
	if err != nil {
		return nil, s.failed(err)
	}
	return &indexed[T]{Index: view.Applied(), Leader: string(s.node.Leader()), Body: body}, nil
}

// applied waits until this node has applied index: the answer to a write shows the write, on whichever node it was made.
func (s *Server) applied(ctx context.Context, index uint64) error {
	if index == 0 {
		return nil
	}
	_, err := s.node.Wait(ctx, index-1)
	return err
}

func writeJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }
