package admin

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"backstitch/fsm"
)

// maxWait bounds a blocking read, so that a client that went away costs little.
const maxWait = 5 * time.Minute

// Blocking are the parameters of a read that can wait for something newer.
type Blocking struct {
	Index uint64 `query:"index" doc:"answer only when something newer than this index is applied"`
	Wait  string `query:"wait" doc:"how long to wait at most, e.g. 30s; at most 5m" example:"30s"`
}

// await waits as b asks. A wait that ends without news is an answer, not an error.
func (s *Server) await(ctx context.Context, b Blocking) error {
	if b.Index == 0 {
		return nil
	}
	wait := maxWait
	if b.Wait != "" {
		asked, err := time.ParseDuration(b.Wait)
		if err != nil || asked < 0 {
			return invalid(fmt.Sprintf("wait %q is not a duration", b.Wait), "e.g. ?wait=30s")
		}
		wait = min(asked, maxWait)
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if _, err := s.node.Wait(waiting, b.Index); err != nil && waiting.Err() == nil {
		return err
	}
	return ctx.Err()
}

// Keyed are the headers of a request that changes something. It is exported, like the others that are embedded, because huma
// looks only at exported fields.
type Keyed struct {
	Key string `header:"Idempotency-Key" maxLength:"128" doc:"the same for every repetition of one request"`
}

// envelope makes the envelope of one command of a request. Each command of a request has a step of its own, so that a
// repeated request meets every one of its earlier commands.
func (s *Server) envelope(ctx context.Context, k Keyed, step, reason string) fsm.Envelope {
	env := fsm.Envelope{Actor: actorOf(ctx), Reason: reason, UnixNanos: s.clock().UnixNano()}
	if k.Key != "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s/%s", len(k.Key), k.Key, step))
		env.RequestID = [16]byte(sum[:16])
	}
	return env
}

// propose proposes one command and turns a refusal into a problem.
func (s *Server) propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command, object string) (fsm.Result, error) {
	result, err := s.node.Propose(ctx, env, cmd)
	if err != nil {
		return result, s.failed(err)
	}
	return result, refused(result, object)
}

type actorKey struct{}

// withActor notes who calls: the name in the client certificate where there is one, otherwise what the client says of
// itself. The latter is a note for the audit trail and gives no rights. Once access is controlled, the gate puts the subject in its place that it has
// recognised.
func withActor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor := "http:" + r.RemoteAddr
		if said, ok := strings.CutPrefix(r.UserAgent(), "backstitch-cli ("); ok {
			actor = "cli:" + strings.TrimSuffix(said, ")")
		}
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			actor = "cert:" + r.TLS.PeerCertificates[0].Subject.CommonName
		}
		if inside(r.Context()) {
			actor = actorOf(r.Context())
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), actorKey{}, printable(actor, 256))))
	})
}

type insideKey struct{}

// As makes requests of ctx those of an actor. It is for callers within the process, who need no token: what comes over the network has a context
// without one. What a flow does by itself was said yes to when the flow was handed in.
func As(ctx context.Context, actor string) context.Context {
	return context.WithValue(context.WithValue(ctx, actorKey{}, printable(actor, 256)), insideKey{}, true)
}

// inside reports whether a request is made by this process itself.
func inside(ctx context.Context) bool { return ctx.Value(insideKey{}) != nil }

func actorOf(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}

// printable bounds what a stranger may write into the audit trail.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), limit)]
}

// indexed is an answer that reflects the book as of Index.
type indexed[T any] struct {
	Index  uint64 `header:"X-Backstitch-Index"`
	Leader string `header:"X-Backstitch-Leader"`
	Body   T
}

// deny is used where a path names something that the API does not have.
func deny(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = writeJSON(w, p.Problem)
}
