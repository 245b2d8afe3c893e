package ui

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"backstitch/cluster/admin/ui/incident"
	"backstitch/cluster/client"

	template "github.com/DataDog/datadog-agent/pkg/template/html"
)

//go:embed templates/*.html static
var files embed.FS

// Prefix is below which all pages are.
const Prefix = "/ui/"

// Insight reads what only the data side understands. Its texts are those of the command line.
type Insight interface {
	// Found reads what a scan has kept.
	Found(kept client.ScanFindings) (Found, error)
	// Explain says why a finding says what it says, and errs with ErrNoFinding when there is none of that id.
	Explain(kept client.ScanFindings, finding string) (string, error)
	// Plan says what a plan would write.
	Plan(doc client.PlanDocument) (string, error)
	// Report reads a report of the API.
	Report(document []byte) (Report, error)
	// Apart reads what the recipe of a job has left out.
	Apart(recipe []byte) (Apart, error)
}

// Report is a report of a proof: its one page, and what it says.
type Report struct {
	HTML []byte
	incident.Report
}

// ErrNoFinding says that a scan has no finding of that id.
var ErrNoFinding = errors.New("no such finding")

// SignIn lets browsers sign in with an identity provider.
type SignIn interface {
	// Name is how people know the provider.
	Name() string
	// Begin is where a browser signs in. It errs with *access.Unknown, or with *login.Unreachable, as Finish does.
	Begin(ctx context.Context, state, nonce, verifier string) (address string, err error)
	// Finish turns the code that the provider has sent back into a login that answers nonce.
	Finish(ctx context.Context, code, verifier, nonce string) (text string, err error)
}

// Config is what pages are made of. All of it is required but what is about signing in.
type Config struct {
	API     http.Handler // the node's own
	Insight Insight
	// Wait blocks until an index above after is applied, and returns the applied one. It also returns when ctx ends.
	Wait   func(ctx context.Context, after uint64) (uint64, error)
	Clock  func() time.Time
	Logger *slog.Logger

	SignIn SignIn // nil when people show tokens alone
	Home   string // the address to which the provider sends browsers back
	Secure bool   // browsers reach the page over TLS, also where something in front of the node ends it
}

// server answers for pages.
type server struct {
	Config
	pages   *template.Template // as they were read, never executed: looks copies them
	streams chan struct{}      // one for each page that follows

	used states

	mu    sync.Mutex
	zoned map[string]*template.Template // guarded by mu: pages, by the zone of their times
}

// maxStreams is how many pages may follow what happens at a time. One more looks every few seconds instead.
const maxStreams = 256

// New makes the handler of everything below Prefix.
func New(c Config) (http.Handler, error) {
	s := &server{Config: c, streams: make(chan struct{}, maxStreams), zoned: map[string]*template.Template{}}
	var err error
	if s.pages, err = template.New("").Funcs(s.words(time.UTC)).ParseFS(files, "templates/*.html"); err != nil {
		return nil, err
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /ui/static/", http.StripPrefix("/ui/static/", http.FileServerFS(static)))
	page := func(path string, f func(*visit) error) { mux.HandleFunc("GET "+path, s.visit(f)) }
	page("/ui/{$}", (*visit).overview)
	page("/ui/datasets", (*visit).datasets)
	page("/ui/datasets/{namespace}/{name}", (*visit).dataset)
	page("/ui/datasets/{namespace}/{name}/plans/{plan}", (*visit).plan)
	page("/ui/scans", (*visit).scans)
	page("/ui/scans/{scan}", (*visit).scan)
	page("/ui/scans/{scan}/map.json", (*visit).heatmap)
	page("/ui/scans/{scan}/findings/{finding}", (*visit).finding)
	page("/ui/jobs", (*visit).jobs)
	page("/ui/jobs/{job}", (*visit).job)
	page("/ui/jobs/{job}/quarantine", (*visit).quarantine)
	page("/ui/jobs/{job}/incident", (*visit).incident)
	page("/ui/jobs/{job}/incident.md", (*visit).incidentMarkdown)
	page("/ui/quarantine", (*visit).quarantines)
	page("/ui/search", (*visit).search)
	page("/ui/flows", (*visit).flows)
	page("/ui/flows/{flow}", (*visit).flow)
	page("/ui/proofs/{proof}", (*visit).proof)
	page("/ui/proofs/{proof}/report.json", (*visit).reportDocument)
	page("/ui/proofs/{proof}/report.html", (*visit).reportPage)
	page("/ui/cluster", (*visit).cluster)
	page("/ui/audit", (*visit).audit)
	page("/ui/settings", (*visit).settings)
	page("/ui/live", (*visit).live)
	page("/ui/login", (*visit).login)
	if c.SignIn != nil {
		page("/ui/login/begin", (*visit).beginSignIn)
		page("/ui/login/callback", (*visit).finishSignIn)
	}
	page("/ui/", func(*visit) error { return errNoPage })

	mux.HandleFunc("POST /ui/login", s.visit((*visit).signIn))
	mux.HandleFunc("POST /ui/logout", s.visit((*visit).signOut))
	change := func(path string, f func(*visit) (back string, err error)) { mux.HandleFunc("POST "+path, s.change(f)) }
	change("/ui/jobs/{job}/{verb}", (*visit).changeJob)
	change("/ui/jobs/{job}/quarantine/{verb}", (*visit).markAside)
	change("/ui/requests/{request}/approve", (*visit).sayYes)
	change("/ui/flows/{flow}/{verb}", (*visit).changeFlow)
	change("/ui/flows/{flow}/steps/{step}/{verb}", (*visit).decideStep)
	change("/ui/scans/{scan}/cancel", (*visit).cancelScan)
	change("/ui/datasets/{namespace}/{name}/scan", (*visit).scanDataset)
	change("/ui/datasets/{namespace}/{name}/plans/{plan}/{verb}", (*visit).decidePlan)
	change("/ui/members/{member}/{verb}", (*visit).changeMember)
	change("/ui/settings", (*visit).set)
	return guarded(mux), nil
}
