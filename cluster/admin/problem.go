package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"backstitch/cluster"
	"backstitch/cluster/client"
	"backstitch/cluster/inject"
	"backstitch/fsm"

	"github.com/danielgtaylor/huma/v2"
)

// problem is an error that huma writes as application/problem+json.
type problem struct{ client.Problem }

func (p *problem) Error() string {
	if p.Detail == "" {
		return p.Code + ": " + p.Title
	}
	return fmt.Sprintf("%s: %s: %s", p.Code, p.Title, p.Detail)
}

// GetStatus is the HTTP status.
func (p *problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457.
func (p *problem) ContentType(string) string { return "application/problem+json" }

func newProblem(status int, code, title, detail, next string) *problem {
	return &problem{client.Problem{
		Type: "urn:backstitch:" + code, Title: title, Status: status, Detail: detail, Code: code, Next: next,
	}}
}

func invalid(detail, next string) *problem {
	return newProblem(http.StatusUnprocessableEntity, client.CodeInvalid, "the request is not valid", detail, next)
}

func notFound(kind, id, next string) *problem {
	return newProblem(http.StatusNotFound, client.CodeNotFound, "no such "+kind, fmt.Sprintf("%s %q is not in the book", kind, id), next)
}

// refused turns a refusal of the book into a problem, nil for OK. object is what the command was about.
func refused(result fsm.Result, object string) error {
	because := object
	if result.Object != "" {
		because = object + ": " + result.Object
	}
	switch result.Code {
	case fsm.OK:
		return nil
	case fsm.UnknownJob:
		return notFound("job", object, "backstitch status")
	case fsm.UnknownSlice:
		return notFound("slice", object, "backstitch status "+object)
	case fsm.UnknownMember:
		return notFound("member", object, "backstitch cluster members")
	case fsm.UnknownProof:
		return notFound("proof", object, "backstitch report show "+object)
	case fsm.UnknownSchedule:
		return notFound("schedule", object, "backstitch scan schedules")
	case fsm.UnknownDataset:
		return notFound("dataset", object, "backstitch dataset list")
	case fsm.UnknownPlan:
		return notFound("plan", object, "backstitch dataset list")
	case fsm.UnknownAlias:
		return notFound("alias", object, "backstitch alias list")
	case fsm.UnknownFlow:
		return notFound("flow or step", object, "backstitch flow list")
	case fsm.UnknownToken:
		return notFound("token", object, "backstitch token list")
	case fsm.UnknownAccessPolicy:
		return notFound("policy", object, "backstitch policy list")
	case fsm.UnknownConsent:
		return notFound("request", object, "backstitch access requests")
	case fsm.NotAllowed:
		return newProblem(http.StatusForbidden, client.CodeForbidden, "not allowed", because, "backstitch access show")
	case fsm.StaleEpoch:
		return newProblem(http.StatusConflict, client.CodeWrongState, "the lease has moved on", because, "backstitch status")
	case fsm.WrongState, fsm.LaneBusy:
		return newProblem(http.StatusConflict, client.CodeWrongState, "not possible in this state", because, "backstitch status "+object)
	case fsm.TooManyAside:
		return newProblem(http.StatusConflict, client.CodeWrongState, "the job has set aside more than it allows", because, "backstitch quarantine list "+object)
	case fsm.Overlap:
		return newProblem(http.StatusConflict, client.CodeOverlap, "another job holds one of the ranges", because,
			"wait for it (backstitch wait JOB) or end it (backstitch cancel JOB), then make a new plan")
	case fsm.Exists:
		return newProblem(http.StatusConflict, client.CodeExists, "it exists with other content", because, "backstitch status "+object)
	case fsm.Incomplete:
		return newProblem(http.StatusConflict, client.CodeWrongState, "not complete yet", because, "repeat the same request")
	case fsm.NeedsVersion:
		return newProblem(http.StatusConflict, client.CodeNeedsVersion, "not every member can do this yet", because,
			"upgrade the remaining nodes: backstitch cluster members")
	case fsm.OtherInstance:
		return newProblem(http.StatusConflict, client.CodeExists, "another data directory uses this node id", because,
			"give the new node a data directory of its own")
	case fsm.Invalid:
		return invalid(because, "")
	}
	return newProblem(http.StatusInternalServerError, client.CodeInternal, fmt.Sprintf("unexpected refusal %d", result.Code), because, "")
}

func undecided(err error) error {
	return newProblem(http.StatusGatewayTimeout, client.CodeOutcomeUnknown, "proposed, and no answer yet", err.Error(),
		"repeat the request with the same Idempotency-Key")
}

// failed turns an error of the node into a problem.
func (s *Server) failed(err error) error {
	var (
		p     *problem
		fault *cluster.Error
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return p
	case errors.Is(err, cluster.ErrOutcomeUnknown): // before all others, which say that nothing happened
		return undecided(err)
	case errors.Is(err, cluster.ErrNoLeader):
		return newProblem(http.StatusServiceUnavailable, client.CodeNoLeader, "no leader", err.Error(),
			"backstitch cluster status   names the voters that are missing")
	case errors.Is(err, context.DeadlineExceeded):
		return undecided(err)
	case errors.Is(err, cluster.ErrNotReady), errors.Is(err, context.Canceled):
		return newProblem(http.StatusServiceUnavailable, client.CodeNotReady, "this node can not serve", err.Error(), "ask another node: --addr HOST:7420")
	case errors.Is(err, cluster.ErrUnknownNode):
		return newProblem(http.StatusNotFound, client.CodeNotFound, "no such node", err.Error(), "backstitch cluster members")
	case errors.Is(err, inject.ErrInvalid):
		return invalid(err.Error(), "the kinds and their bounds are at /v1/openapi.json")
	case errors.Is(err, inject.ErrTooMany):
		return newProblem(http.StatusTooManyRequests, client.CodeTooLarge, inject.ErrTooMany.Error(), "", "DELETE /v1/chaos/faults heals all of them")
	case errors.Is(err, cluster.ErrProtected) && errors.As(err, &fault):
		return newProblem(http.StatusForbidden, fault.Code, fault.Object+" "+fault.Kind.Error(), fault.Cause.Error(), fault.Hint)
	case errors.As(err, &fault) && fault.Code == cluster.CodeNoKey:
		return newProblem(http.StatusNotFound, fault.Code, "no such "+fault.Object, fault.Cause.Error(), fault.Hint)
	case errors.As(err, &fault) && fault.Code == cluster.CodeKeyring:
		return newProblem(http.StatusConflict, fault.Code, "the "+fault.Object+" were not changed", fault.Cause.Error(), fault.Hint)
	case errors.Is(err, cluster.ErrRefused) && !errors.As(err, &fault):
		return newProblem(http.StatusConflict, client.CodeWrongState, "not possible now", err.Error(), "backstitch cluster status")
	case errors.As(err, &fault):
		return newProblem(http.StatusConflict, fault.Code, fault.Kind.Error(), fault.Error(), fault.Hint)
	}
	return newProblem(http.StatusInternalServerError, client.CodeInternal, "the node could not answer", err.Error(), "")
}

// validation turns huma's own error model, written when a request does not fit its schema, into ours.
func validation(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := client.CodeInvalid
	switch m.Status {
	case http.StatusNotFound:
		code = client.CodeNotFound
	case http.StatusRequestEntityTooLarge:
		code = client.CodeTooLarge
	}
	out := newProblem(m.Status, code, m.Title, m.Detail, "the schema is at /v1/openapi.json")
	// What did not fit is not repeated. It may be a key or a login, or the whole of a body that has one somewhere, and whoever asked has it.
	for _, e := range m.Errors {
		out.Errors = append(out.Errors, client.ProblemField{Message: e.Message, Location: e.Location})
	}
	return out, nil
}
