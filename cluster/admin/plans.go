package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// Plans that the cluster made by itself: to be read, and to be said yes or no to.

type PlanPath struct {
	DatasetPath
	ID string `path:"id" maxLength:"128" doc:"id of a plan"`
}

// find returns a plan of the dataset that the path names.
func (p PlanPath) find(view *fsm.View) (fsm.Plan, error) {
	plan, ok, err := view.Plan(partition.JobID(p.ID))
	if err == nil && (!ok || plan.Dataset != p.name()) {
		err = notFound("plan", p.ID, "backstitch dataset plans "+string(p.name()))
	}
	return plan, err
}

func (s *Server) showPlan(_ context.Context, in *PlanPath) (*indexed[client.PlanDocument], error) {
	return reading(s, func(view *fsm.View) (client.PlanDocument, error) {
		p, err := in.find(view)
		if err != nil {
			return client.PlanDocument{}, err
		}
		out := client.PlanDocument{}
		if out.Plan, err = describePlan(view, p); err != nil {
			return out, err
		}
		out.Document, err = view.PlanDocument(p.ID)
		return out, err
	})
}

// decision is a person's yes or no.
type decision struct {
	PlanPath
	Keyed
	Body client.Decision
}

// decide makes the handler of one of the two.
func (s *Server) decide(verb string, command func(id partition.JobID, hash [32]byte) fsm.Command) func(context.Context, *decision) (*indexed[client.DatasetPlan], error) {
	return func(ctx context.Context, in *decision) (*indexed[client.DatasetPlan], error) {
		hash, err := hex.DecodeString(in.Body.SHA256)
		if err != nil || len(hash) != 32 {
			return nil, invalid(fmt.Sprintf("sha256 %q is not 64 hex digits", in.Body.SHA256), "backstitch dataset plans "+string(in.name()))
		}
		view, err := s.node.View()
		if err != nil {
			return nil, s.failed(err)
		}
		_, err = in.find(view) // of another dataset is decided there
		view.Close()
		if err != nil {
			return nil, s.failed(err)
		}
		cmd := command(partition.JobID(in.ID), [32]byte(hash))
		if err := s.allows(cmd); err != nil {
			return nil, err
		}
		result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, verb, in.Body.Reason), cmd, in.ID)
		if err != nil {
			return nil, planRefused(in.PlanPath, result, err)
		}
		if err := s.applied(ctx, result.Index); err != nil {
			return nil, s.failed(err)
		}
		return reading(s, func(view *fsm.View) (client.DatasetPlan, error) {
			p, err := in.find(view)
			if err != nil {
				return client.DatasetPlan{}, err
			}
			return describePlan(view, p)
		})
	}
}

// planRefused says what to type when a plan can not be decided about.
func planRefused(at PlanPath, result fsm.Result, err error) error {
	var p *problem
	if !errors.As(err, &p) {
		return err
	}
	switch result.Code {
	case fsm.WrongState, fsm.Exists:
		p.Next = "backstitch dataset plans " + string(at.name())
	case fsm.Overlap:
		p.Next = "wait for that job (backstitch wait JOB), then the same command again"
	}
	return p
}

func describePlan(view *fsm.View, p fsm.Plan) (client.DatasetPlan, error) {
	out := client.DatasetPlan{
		ID: string(p.ID), Scan: string(p.Scan), Pair: p.Pair, State: p.State.String(), Why: p.Why, By: p.By, Job: string(p.Job),
		Records: p.Records, Bytes: p.Bytes, CreatedAt: time.Unix(0, p.CreatedUnixNanos).UTC(), ChangedAt: time.Unix(0, p.ChangedUnixNanos).UTC(),
	}
	if p.Job != "" {
		out.SHA256 = hex.EncodeToString(p.Hash[:])
	}
	if p.State == fsm.PlanMaking {
		j, _, err := view.Job(p.ID)
		if err != nil {
			return out, err
		}
		switch j.State {
		case fsm.JobFailed, fsm.JobCancelled:
			out.State = j.State.String()
		case fsm.JobPaused:
			out.Why = "it is paused: backstitch resume " + out.ID
		}
	}
	return out, nil
}

func describePolicy(p fsm.Policy) client.DatasetPolicy {
	return client.DatasetPolicy{Act: p.Act.String(), MaxRecords: p.MaxRecords, MaxBytes: p.MaxBytes}
}
