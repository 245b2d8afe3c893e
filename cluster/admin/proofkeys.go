package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

// document is the bytes of a file, sent as they are: they are hashed and signed.
type document struct {
	Index       uint64 `header:"X-Backstitch-Index"`
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// showReport answers with what this node makes of its own book. Nobody can hand in what is signed.
func (s *Server) showReport(_ context.Context, in *ProofPath) (*document, error) {
	view, err := s.node.View()
	if err != nil {
		return nil, s.failed(err)
	}
	defer view.Close()
	body, err := s.config.Report(view, fsm.ProofID(in.ID))
	switch {
	case errors.Is(err, ErrNoReport):
		return nil, notFound("proof", in.ID, "backstitch report show JOB")
	case err != nil:
		return nil, s.failed(err)
	}
	return &document{Index: view.Applied(), ContentType: "application/json", Body: body}, nil
}

func (s *Server) listProofKeys(context.Context, *struct{}) (*indexed[client.ProofKeys], error) {
	return reading(s, func(view *fsm.View) (client.ProofKeys, error) {
		out := client.ProofKeys{Keys: []client.ProofKey{}}
		keys, err := view.ProofKeys()
		for _, k := range keys {
			out.Keys = append(out.Keys, client.ProofKey{
				Key: hex.EncodeToString(k.Key[:]), Since: time.Unix(0, k.SinceUnixNanos).UTC(), SinceIndex: k.SinceIndex, By: k.By,
				Until: instant(k.UntilUnixNanos), UntilIndex: k.UntilIndex,
			})
		}
		return out, err
	})
}

// useProofKey lets another key speak for the cluster. Only its public half is sent; nodes that do not hold the private one sign no
// more, and say so.
func (s *Server) useProofKey(ctx context.Context, in *struct {
	Keyed
	Body client.UseProofKey
}) (*indexed[client.ProofKeys], error) {
	var cmd fsm.PutProofKey
	for _, k := range []struct {
		text string
		to   *[32]byte
	}{{in.Body.Key, &cmd.Key}, {in.Body.Replaces, &cmd.Replaces}} {
		b, err := hex.DecodeString(k.text)
		if err != nil || len(b) != len(k.to) && k.text != "" {
			return nil, invalid("a proof key has 64 hexadecimal digits", "backstitch cluster proof-key list")
		}
		copy(k.to[:], b)
	}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "proof-key", in.Body.Reason), cmd, in.Body.Key)
	if err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return s.listProofKeys(ctx, nil)
}

// allows refuses a command that came with a later cluster version than the present one: a member of an older program would stop at it.
func (s *Server) allows(cmd fsm.Command) error {
	view, err := s.node.View()
	if err != nil {
		return s.failed(err)
	}
	defer view.Close()
	version, err := view.Version()
	if err != nil {
		return s.failed(err)
	}
	if since, _ := fsm.Since(cmd.Op()); since > version {
		return refused(fsm.Result{Code: fsm.NeedsVersion}, fsm.OpName(cmd.Op()))
	}
	return nil
}
