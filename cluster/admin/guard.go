package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"backstitch/cluster/access"
	"backstitch/cluster/access/login"
	"backstitch/cluster/client"
	"backstitch/fsm"

	"github.com/danielgtaylor/huma/v2"
)

// This file stands between a request and its handler. First, before anything of the body is read: who asks, and is he known (401)? Then, with the
// request decoded: which namespaces does it concern, and has he the role there (403)? What has no row in access.Verbs does not get so far: a route
// without one can not be registered, and a pattern without one is not served.
//
// While nobody has made a first token (fsm.BootstrapAccess), everybody may do everything as before there were tokens, unless the node's
// configuration wants them: then nothing is served but what is open to everybody. What the process asks of itself (As) is let through.

// router is the API with the server that decides who may call it.
type router struct {
	huma.API
	s *Server
}

// concerned is a request that says which namespaces it is about. It may write what it found back into itself, so that the handler acts on the very
// object that was looked at. An object that there is not is a problem with client.CodeNotFound.
type concerned interface {
	concerns(view *fsm.View) ([]string, error)
}

// weighty is a request that may want a second person's yes. exact is all of it that the yes is about.
type weighty interface {
	weighs(view *fsm.View) (object string, exact []byte, two bool, err error)
}

// register adds one route. It panics for one that access.Verbs does not have, or does not say enough of: no server of any test would start.
func register[I, O any](api router, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	verb, ok := access.FindVerb(op.OperationID)
	if !ok {
		panic("the route " + op.OperationID + " has no row in access.Verbs")
	}
	_, says := any(new(I)).(concerned)
	if verb.Scope == access.ScopeObject && !says {
		panic("the request of " + op.OperationID + " does not say which namespaces it concerns")
	}
	if _, weighs := any(new(I)).(weighty); weighs != (verb.Two != "" && op.OperationID != "approve-step") {
		panic("access.Verbs and the request of " + op.OperationID + " do not agree on whether it may want two people")
	}
	r := &route{api: api.API, op: op, make: func() any { return new(I) }, call: func(ctx context.Context, in any) (any, error) {
		if err := api.s.permit(ctx, verb, in); err != nil {
			return nil, err
		}
		return handler(ctx, in.(*I))
	}}
	r.serve(reflect.TypeFor[I](), reflect.TypeFor[O]())
}

// caller is who makes a request.
type caller struct {
	controlled bool            // whether the book says who may do what
	id         access.Identity // when it does
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// sees reports whether the caller may see what is in a namespace.
func sees(ctx context.Context, namespace string) bool {
	c := callerOf(ctx)
	return !c.controlled || c.id.Role(spaceOf(namespace)) >= fsm.AccessViewer
}

// spaceOf is the namespace of what names none.
func spaceOf(namespace string) string {
	n, _ := fsm.DatasetOf(namespace, "x").Split()
	return n
}

// patterns are the routes of the server as its mux names them, with their verbs.
func patterns(api huma.API) map[string]access.Verb {
	out := map[string]access.Verb{}
	add := func(pattern, verb string) {
		v, ok := access.FindVerb(verb)
		if !ok {
			panic("the route " + verb + " has no row in access.Verbs")
		}
		out[pattern] = v
	}
	for path, item := range api.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete} {
			if op != nil {
				add(method+" "+path, op.OperationID)
			}
		}
	}
	for _, path := range []string{"/v1/openapi.json", "/v1/openapi.yaml", "/v1/openapi-3.0.json", "/v1/openapi-3.0.yaml", "/v1/schemas/{schema}"} {
		add("GET "+path, "openapi")
	}
	add("GET /metrics", "metrics")
	return out
}

// gate lets through to mux who is known, or what is open.
func (s *Server) gate(mux *http.ServeMux, verbs map[string]access.Verb) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		if pattern == "/" {
			mux.ServeHTTP(w, r) // there is no such path
			return
		}
		verb, ok := verbs[pattern]
		if !ok {
			deny(w, newProblem(http.StatusForbidden, client.CodeForbidden, "not allowed", "the route "+pattern+" has no row in the table of verbs", ""))
			return
		}
		w, r, end := s.traced(w, r, pattern, verb)
		defer end()
		if verb.Scope == access.ScopeOpen || inside(r.Context()) {
			mux.ServeHTTP(w, r)
			return
		}
		c, err := s.identify(r)
		if err != nil && s.readsNoBook(verb, err) {
			mux.ServeHTTP(w, r)
			return
		}
		if err != nil {
			s.turnAway(w, r, verb, err)
			return
		}
		ctx := context.WithValue(r.Context(), callerKey{}, c)
		if c.controlled {
			ctx = context.WithValue(ctx, actorKey{}, c.id.Subject)
			err := c.id.Check(verb, "")
			if verb.Scope == access.ScopeObject {
				// Which namespace, only the decoded request says. A large one is not decoded for somebody who may do this nowhere.
				verb.Scope = access.ScopeAny
				if err = nil; r.ContentLength < 0 || r.ContentLength > maxTrigger {
					err = c.id.Check(verb, "")
				}
			}
			if err != nil {
				s.fail(w, s.refuse(ctx, err))
				return
			}
		}
		mux.ServeHTTP(w, r.WithContext(ctx))
	})
}

// readsNoBook reports whether verb is served although the book, and so whether access is controlled, can not be read: how a node is, and the way to
// end what was done to it on purpose, are wanted most when that is so. A node that wants tokens serves nothing then.
func (s *Server) readsNoBook(verb access.Verb, err error) bool {
	var p *problem
	if s.config.AccessRequired || !errors.As(err, &p) {
		return false
	}
	switch verb.Name {
	case "metrics", "show-cluster", "list-faults", "heal-fault", "heal-faults":
		return true
	}
	return false
}

// identify says who makes a request. It errs with *access.Unknown, with *login.Unreachable, or with a *problem.
func (s *Server) identify(r *http.Request) (caller, error) {
	controlled, err := s.controlled()
	if err != nil || !controlled {
		return caller{}, err
	}
	var shown access.Token
	text, sent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if sent {
		if shown, err = access.ParseShown(text); err != nil || shown.IsLogin() && s.config.Logins == nil {
			return caller{}, &access.Unknown{Why: "what was sent is not a token of backstitch"}
		}
	}
	var person access.Person
	if shown.IsLogin() { // the provider may have to be asked, so no view is held meanwhile
		if person, err = s.config.Logins.Identify(r.Context(), shown.Reveal()); err != nil {
			return caller{}, err
		}
	}
	view, err := s.node.View()
	if err != nil {
		return caller{}, s.failed(err)
	}
	defer view.Close()
	if shown.IsLogin() {
		id, err := access.ByLogin(view, person)
		return caller{controlled: true, id: id}, err
	}
	if sent {
		id, err := access.ByToken(view, shown, s.clock())
		return caller{controlled: true, id: id}, err
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		subject, err := access.SubjectOf(r.TLS.PeerCertificates[0])
		if err != nil || subject.Kind != access.Client {
			return caller{}, &access.Unknown{Why: "neither a token was sent, nor the certificate of a client shown"}
		}
		id, _, err := access.OfSubject(view, fsm.CertSubject(subject.Name))
		return caller{controlled: true, id: id}, err
	}
	return caller{}, &access.Unknown{Why: "no token was sent"}
}

// controlled reports whether the book says who may do what. It errs with a *problem where nobody is served before it does.
func (s *Server) controlled() (bool, error) {
	view, err := s.node.View()
	if err != nil {
		return false, s.failed(err)
	}
	defer view.Close()
	first, err := view.BootstrapAt()
	switch {
	case err != nil:
		return false, s.failed(err)
	case first == 0 && s.config.AccessRequired:
		return false, newProblem(http.StatusForbidden, client.CodeNoFirstToken, "nobody may do anything yet",
			"This node wants tokens (access.required), and there is no first one.", "backstitch access bootstrap")
	}
	return first != 0, nil
}

// turnAway answers somebody who is not known. He does not get into the audit trail: whoever reaches the port could fill it.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, verb access.Verb, err error) {
	var unknown *access.Unknown
	var provider *login.Unreachable
	if errors.As(err, &provider) { // its reason is in the log, and not for strangers
		deny(w, newProblem(http.StatusServiceUnavailable, client.CodeProvider, "the identity provider can not be asked",
			fmt.Sprintf("Whether the login of %s is good can not be told now; the log of node %s says why.", provider.Issuer, s.node.Name()),
			"a little later, another node, or a token: --token-file FILE"))
		return
	}
	if !errors.As(err, &unknown) {
		s.fail(w, err)
		return
	}
	if s.notes.first("unknown "+verb.Name, s.clock()) {
		s.log.Warn("a request of somebody who is not known was refused", "from", actorOf(r.Context()), "verb", verb.Name, "err", unknown.Why)
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="backstitch"`)
	next := "BACKSTITCH_TOKEN=... or --token-file FILE     an admin makes one: backstitch token create --role ROLE"
	if s.config.Logins != nil && s.config.Logins.Config().CommandLine() != "" {
		next = "backstitch login     or a token: BACKSTITCH_TOKEN=... or --token-file FILE"
	}
	deny(w, newProblem(http.StatusUnauthorized, client.CodeUnauthorized, "who asks is not known", unknown.Why+" ("+verb.Name+")", next))
}

// permit decides about a decoded request.
func (s *Server) permit(ctx context.Context, verb access.Verb, in any) error {
	c := callerOf(ctx)
	if !c.controlled || verb.Scope != access.ScopeObject {
		return nil // the gate has decided
	}
	view, err := s.node.View()
	if err != nil {
		return s.failed(err)
	}
	defer view.Close()
	where, err := in.(concerned).concerns(view)
	var p *problem
	if errors.As(err, &p) && p.Code == client.CodeNotFound && c.id.Role(fsm.EveryNamespace) >= verb.Needs {
		return nil // it may have come through another node a moment ago, and he may, wherever it is
	}
	if err != nil {
		return s.failed(err)
	}
	for i, n := range where {
		if n != fsm.EveryNamespace {
			where[i] = spaceOf(n)
		}
		if err := c.id.Check(verb, where[i]); err != nil {
			return s.refuse(ctx, err)
		}
	}
	if w, ok := in.(weighty); ok {
		object, exact, two, err := w.weighs(view)
		if err != nil {
			return s.failed(err)
		}
		if two {
			return s.second(ctx, view, verb.Name, where[0], object, exact)
		}
	}
	return nil
}

// refuse turns an *access.Refusal into a problem and writes it down, each once in a while.
func (s *Server) refuse(ctx context.Context, err error) error {
	var r *access.Refusal
	if !errors.As(err, &r) {
		return s.failed(err)
	}
	if s.notes.first(r.Subject+" "+r.Verb+" "+r.Namespace, s.clock()) {
		noting, cancel := context.WithTimeout(ctx, noteWait)
		defer cancel()
		env := s.envelope(ctx, Keyed{}, "", "")
		if _, err := s.node.Propose(noting, env, fsm.NoteRefusal{Verb: r.Verb, Namespace: r.Namespace, Needs: r.Needs}); err != nil {
			s.log.Warn("a refusal is not in the audit trail", "subject", r.Subject, "verb", r.Verb, "err", err)
		}
	}
	where := r.Namespace
	if where == "any" {
		where = "NAMESPACE"
	}
	return newProblem(http.StatusForbidden, client.CodeForbidden, "not allowed", r.Error(),
		fmt.Sprintf("an admin can allow it: backstitch policy put NAME --subject %s --role %s --namespace '%s'", r.Subject, r.Needs, where))
}

// second lets a request through that somebody else has said yes to, and otherwise asks for that.
func (s *Server) second(ctx context.Context, view *fsm.View, verb, namespace, object string, exact []byte) error {
	subject := callerOf(ctx).id.Subject
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %x", subject, verb, object, sha256.Sum256(exact)))
	id := "w-" + hex.EncodeToString(sum[:8])
	env := s.envelope(ctx, Keyed{}, "", "")
	said, ok, err := view.Consent(id)
	switch ok = ok && said.ExpiresUnixNanos > env.UnixNanos; {
	case err != nil:
		return s.failed(err)
	case ok && said.SaidBy != "":
		return nil
	case !ok:
		result, err := s.propose(ctx, env, fsm.PutConsent{ID: id, Verb: verb, Object: object, Namespace: namespace}, id)
		if err != nil {
			return err
		}
		if err := s.applied(ctx, result.Index); err != nil {
			return s.failed(err)
		}
	}
	return newProblem(http.StatusForbidden, client.CodeSecondPerson, "a second person has to say yes",
		fmt.Sprintf("%s of %s by %s waits as request %s for the yes of another approver in namespace %s.", verb, object, subject, id, namespace),
		fmt.Sprintf("somebody else: backstitch access approve %s     then the same command again, within an hour", id))
}

// notes keeps what is written down of refusals seldom: the trail is bounded, and nobody shall push its decisions out by being refused often.
type notes struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const (
	notePause = time.Minute     // between two notes of one kind
	maxNotes  = 100             // kinds in that time
	noteWait  = 2 * time.Second // how long a refusal waits for its note
)

// first reports whether what is to be noted, and remembers that it was.
func (n *notes) first(what string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last == nil {
		n.last = map[string]time.Time{}
	}
	for k, at := range n.last {
		if now.Sub(at) >= notePause {
			delete(n.last, k)
		}
	}
	if _, noted := n.last[what]; noted || len(n.last) >= maxNotes {
		return false
	}
	n.last[what] = now
	return true
}
