package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

// Aliases: where readers are to go, and the way there and back. Groups are moved by who asks; here is only what the book has to know of it.

type AliasPath struct {
	Name string `path:"name" maxLength:"128" doc:"of an alias"`
}

func (p AliasPath) find(view *fsm.View) (fsm.Alias, error) {
	a, ok, err := view.Alias(p.Name)
	if err == nil && !ok {
		err = notFound("alias", p.Name, "backstitch alias list")
	}
	return a, err
}

func (s *Server) listAliases(ctx context.Context, _ *struct{}) (*indexed[client.Aliases], error) {
	return reading(s, func(view *fsm.View) (client.Aliases, error) {
		out := client.Aliases{Aliases: []client.Alias{}}
		all, err := view.Aliases()
		for _, a := range all {
			where, err := aliasSpace(view, a)
			if err != nil {
				return out, err
			}
			if !sees(ctx, where[0]) {
				continue
			}
			out.Aliases = append(out.Aliases, describeAlias(a))
		}
		return out, err
	})
}

func (s *Server) showAlias(ctx context.Context, in *struct {
	AliasPath
	Blocking
}) (*indexed[client.Alias], error) {
	if err := s.await(ctx, in.Blocking); err != nil {
		return nil, s.failed(err)
	}
	return s.aliasNow(in.AliasPath)
}

func (s *Server) aliasNow(at AliasPath) (*indexed[client.Alias], error) {
	return reading(s, func(view *fsm.View) (client.Alias, error) {
		a, err := at.find(view)
		return describeAlias(a), err
	})
}

func (s *Server) aliasMoves(_ context.Context, in *struct {
	AliasPath
	Version uint32 `path:"version"`
}) (*indexed[client.GroupMoves], error) {
	return reading(s, func(view *fsm.View) (client.GroupMoves, error) {
		out := client.GroupMoves{Moves: []client.GroupMove{}}
		a, err := in.find(view)
		if err != nil {
			return out, err
		}
		if _, ok := a.Version(in.Version); !ok {
			return out, notFound("version of alias "+in.Name, fmt.Sprint(in.Version), "backstitch alias show "+in.Name)
		}
		moves, err := view.AliasMoves(in.Name, in.Version)
		for _, m := range moves {
			out.Moves = append(out.Moves, client.GroupMove{Group: m.Group, Plan: json.RawMessage(m.Plan)})
		}
		return out, err
	})
}

type putAliasInput struct {
	AliasPath
	Keyed
	Body client.PutAlias
}

func (s *Server) putAlias(ctx context.Context, in *putAliasInput) (*indexed[client.Alias], error) {
	b := in.Body
	id, err := s.jobID(b.Job)
	if err != nil {
		return nil, err
	}
	cmd := fsm.PutAlias{Name: in.Name, Place: b.Place, Topic: b.Topic, Job: id, From: b.From, FromTopic: b.FromTopic, Seen: b.Seen, Stage: b.Stage}
	for _, m := range b.Moves {
		cmd.Moves = append(cmd.Moves, fsm.GroupMove{Group: m.Group, Plan: m.Plan})
	}
	return s.changeAlias(ctx, in.AliasPath, in.Keyed, "publish", b.Reason, cmd)
}

type revertAliasInput struct {
	AliasPath
	Keyed
	Body client.RevertAlias
}

func (s *Server) revertAlias(ctx context.Context, in *revertAliasInput) (*indexed[client.Alias], error) {
	id, err := s.jobID(in.Body.Job)
	if err != nil {
		return nil, err
	}
	cmd := fsm.RevertAlias{Name: in.Name, Job: id, Seen: in.Body.Seen, Done: in.Body.Done}
	return s.changeAlias(ctx, in.AliasPath, in.Keyed, "revert", in.Body.Reason, cmd)
}

func (s *Server) changeAlias(ctx context.Context, at AliasPath, k Keyed, step, reason string, cmd fsm.Command) (*indexed[client.Alias], error) {
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, k, step, reason), cmd, at.Name)
	if err != nil {
		var p *problem
		if errors.As(err, &p) {
			switch result.Code {
			case fsm.WrongState, fsm.Exists:
				p.Next = "backstitch alias show " + at.Name
			case fsm.UnknownJob:
				p.Detail = fmt.Sprintf("job %q is not in the book", result.Object)
			case fsm.Incomplete:
				p.Title, p.Next = "what the job wrote is not proved", "backstitch report show JOB     what differs: only what passes is published"
			}
		}
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return s.aliasNow(at)
}

type voidJobInput struct {
	JobPath
	Keyed
	Body client.VoidJob
}

func (s *Server) voidJob(ctx context.Context, in *voidJobInput) (*indexed[client.Job], error) {
	id, err := s.jobID(in.ID)
	if err != nil {
		return nil, err
	}
	cmd := fsm.VoidJob{Job: id, Done: in.Body.Done, Records: in.Body.Records}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "void", in.Body.Reason), cmd, string(id))
	if err != nil {
		return nil, err
	}
	return s.jobAfter(ctx, id, result.Index)
}

func describeAlias(a fsm.Alias) client.Alias {
	out := client.Alias{Name: a.Name, Version: a.Current, Index: a.ModifyIndex, Versions: []client.AliasVersion{}}
	if now, ok := a.Version(a.Current); ok {
		out.Place, out.Topic = now.Place, now.Topic
	}
	for _, v := range slices.Backward(a.Versions) {
		out.Versions = append(out.Versions, client.AliasVersion{
			Version: v.Number, State: v.State.String(), Before: v.Before, Place: v.Place, Topic: v.Topic, Job: string(v.Job), Proof: string(v.Proof),
			Groups: v.Groups, By: v.By, Why: v.Why, At: time.Unix(0, v.UnixNanos).UTC(),
			RevertedBy: v.RevertedBy, RevertWhy: v.RevertedWhy, RevertedAt: instant(v.RevertedUnixNanos),
		})
	}
	return out
}

// describeAfterlife says what became of what a job wrote.
func describeAfterlife(view *fsm.View, out *client.Job, job fsm.Job) error {
	void, ok, err := view.JobVoid(job.ID)
	if err != nil {
		return err
	}
	if ok {
		out.Void = &client.JobVoid{Done: void.Done, Records: void.Records, By: void.By, Why: void.Why, At: time.Unix(0, void.UnixNanos).UTC()}
	}
	out.Aliases, err = view.AliasesOf(job.ID)
	return err
}
