package admin

import (
	"cmp"
	"context"
	"slices"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

func (s *Server) listProofs(_ context.Context, in *JobPath) (*indexed[client.Proofs], error) {
	return reading(s, func(view *fsm.View) (client.Proofs, error) {
		out := client.Proofs{Proofs: []client.Proof{}}
		job, err := findJob(view, in.ID)
		if err != nil {
			return out, err
		}
		proofs, err := view.Proofs(job.ID)
		if err != nil {
			return out, err
		}
		for _, proof := range proofs {
			out.Proofs = append(out.Proofs, client.NewProof(proof))
		}
		slices.SortFunc(out.Proofs, func(a, b client.Proof) int { return cmp.Compare(b.Index, a.Index) })
		return out, nil
	})
}

type ProofPath struct {
	ID string `path:"id" maxLength:"128"`
}

func (s *Server) showProof(_ context.Context, in *ProofPath) (*indexed[client.Proof], error) {
	return reading(s, func(view *fsm.View) (client.Proof, error) {
		proof, ok, err := view.Proof(fsm.ProofID(in.ID))
		if err != nil {
			return client.Proof{}, err
		}
		if !ok {
			return client.Proof{}, notFound("proof", in.ID, "backstitch report show JOB")
		}
		return client.NewProof(proof), nil
	})
}

// recordProof adds a proof that somebody made from outside. The book judges it again, and who recorded it is in the audit
// trail.
func (s *Server) recordProof(ctx context.Context, in *struct {
	JobPath
	Keyed
	Body client.Proof
}) (*indexed[client.Proof], error) {
	id, err := s.jobID(in.ID)
	if err != nil {
		return nil, err
	}
	fact, err := in.Body.Fact()
	if err != nil {
		return nil, invalid(err.Error(), "backstitch verify "+in.ID)
	}
	if fact.Job != id {
		return nil, invalid("the proof is about job "+string(fact.Job), "POST it to that job")
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "proof", ""), fsm.RecordProof{Proof: fact}, string(fact.ID))
	if err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return s.showProof(ctx, &ProofPath{ID: string(fact.ID)})
}
