package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/cluster/client"
	"backstitch/replay/regroup"
)

// Publication is one job under one name, looked at and not done yet.
type Publication struct {
	Job    string   `json:"job"`
	Alias  string   `json:"alias"`
	From   Place    `json:"from"` // where readers are until now
	To     Place    `json:"to"`
	Groups []string `json:"groups,omitempty"`
	Done   bool     `json:"done"`             // it is published already
	Staged bool     `json:"staged,omitempty"` // it was begun, and is gone on with

	given  bool // somebody said where readers are until now
	seen   uint64
	moves  []client.GroupMove
	reason string
}

// Order is what a person asks for.
type Order struct {
	Job    client.Job
	Alias  string
	Place  Place // that the job wrote
	From   Place // where readers are until now, of a new alias
	Groups []string
	Reason string
}

// Look finds out what publishing would do, and refuses what can be refused. Nothing is written.
func Look(ctx context.Context, book Book, groups Groups, o Order) (*Publication, error) {
	if err := proved(o.Job); err != nil {
		return nil, err
	}
	p := &Publication{Job: o.Job.ID, Alias: o.Alias, From: o.From, To: o.Place, Groups: o.Groups, reason: o.Reason, given: o.From != (Place{})}
	slices.Sort(p.Groups)
	p.Groups = slices.Compact(p.Groups)
	all, err := book.Aliases(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if a.Name != o.Alias {
			continue
		}
		p.seen = a.Index
		if done, err := p.amid(ctx, book, a, o); err != nil || done {
			return p, err
		}
	}
	if p.Staged {
		return p, p.movable(ctx, groups)
	}
	if len(p.Groups) == 0 {
		return p, nil
	}
	if p.From == (Place{}) || !strings.HasPrefix(p.From.Name, inKafka) || !strings.HasPrefix(p.To.Name, inKafka) {
		return nil, &Error{Code: CodeNowhere, Title: "groups move from a topic to a topic", Exit: client.ExitUsage,
			Why:  fmt.Sprintf("Readers of %s are at %q until now, and job %s wrote %s.", p.Alias, p.From.Name, p.Job, p.To.Name),
			Hint: "--from TOPIC says where they are, for a new alias; without --groups nothing moves"}
	}
	if p.moves, err = groups.Plan(ctx, p.Groups, p.From, p.To); err != nil {
		return nil, err
	}
	return p, p.movable(ctx, groups)
}

// proved refuses a job whose result nobody vouches for. The book refuses it as well; here it is known before anything else is looked at.
func proved(j client.Job) error {
	e := &Error{Code: CodeUnproved, Exit: client.ExitConflict, Hint: "backstitch report show " + j.ID}
	switch {
	case j.Void != nil:
		e.Title, e.Hint = fmt.Sprintf("job %s was rolled back", j.ID), "a new plan writes again: backstitch plan -f SPEC -o FILE.plan"
	case j.State != "succeeded":
		e.Title, e.Hint = fmt.Sprintf("job %s is %s: only what was proved is published", j.ID, j.State), "backstitch wait "+j.ID
	case j.Verdict != "pass":
		e.Title = fmt.Sprintf("the newest proof of job %s is %s: only what passes is published", j.ID, j.Verdict)
	default:
		return nil
	}
	return e
}

// amid looks at an alias that there is. done means that nothing is left to do.
func (p *Publication) amid(ctx context.Context, book Book, a client.Alias, o Order) (done bool, err error) {
	for _, v := range a.Versions {
		switch {
		case v.State == "staged" && v.Job == p.Job && v.Place == p.To.Name:
			if len(p.Groups) > 0 && !slices.Equal(p.Groups, v.Groups) {
				return false, unfinished(a.Name, v, "publication")
			}
			p.Staged, p.Groups = true, v.Groups
			p.moves, err = book.AliasMoves(ctx, a.Name, v.Version)
		case v.State == "staged":
			err = unfinished(a.Name, v, "publication")
		case v.State == "reverting":
			err = unfinished(a.Name, v, "rollback")
		case v.Version == a.Version && v.Job == p.Job && v.Place == p.To.Name:
			p.Done, p.Groups = true, v.Groups
			if before := a.Versions[slices.IndexFunc(a.Versions, func(x client.AliasVersion) bool { return x.Version == v.Version }):]; v.Before != 0 {
				for _, x := range before {
					if x.Version == v.Before {
						p.From = Place{x.Place, x.Topic}
					}
				}
			}
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	if o.From == (Place{}) {
		p.From = Place{a.Place, a.Topic}
	}
	return false, nil
}

func (p *Publication) movable(ctx context.Context, groups Groups) error {
	for _, m := range p.moves {
		err := groups.Movable(ctx, m.Plan)
		var coded interface{ ErrorCode() string }
		if p.Staged && errors.As(err, &coded) && coded.ErrorCode() == regroup.CodeMoved {
			return &Error{Code: CodeUnfinished, Title: fmt.Sprintf("the publication of job %s as %s can not go on as it was noted", p.Job, p.Alias), Exit: client.ExitConflict, Err: err,
				Why: err.Error(), Hint: fmt.Sprintf("backstitch rollback %s     takes it back, and then it is published anew", p.Job)}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Do publishes: groups are noted in the book, then they move, and then readers are sent after them.
func (p *Publication) Do(ctx context.Context, book Book, groups Groups) (client.Alias, error) {
	noted := p.Staged
	put := client.PutAlias{Job: p.Job, Place: p.To.Name, Topic: p.To.Topic, Seen: p.seen, Reason: p.reason}
	if p.given && !p.Staged {
		put.From, put.FromTopic = p.From.Name, p.From.Topic
	}
	if len(p.moves) > 0 && !p.Staged {
		stage := put
		stage.Stage, stage.Moves = true, p.moves
		a, err := book.PutAlias(ctx, p.Alias, stage)
		if err != nil {
			return a, err
		}
		v, ok := a.Of(p.Job)
		if !ok {
			return a, fmt.Errorf("alias %s has no version of job %s although it was staged", p.Alias, p.Job)
		}
		// Somebody else may have staged the same a moment before: what is in the book is what a rollback undoes, and so what is done.
		if p.moves, err = book.AliasMoves(ctx, p.Alias, v.Version); err != nil {
			return a, p.stopped(err)
		}
		p.seen, noted = a.Index, true
	}
	for _, m := range p.moves {
		if err := groups.Move(ctx, m.Plan); err != nil {
			return client.Alias{}, p.stopped(fmt.Errorf("group %s: %w", m.Group, err))
		}
	}
	if noted {
		put.From, put.FromTopic, put.Seen = "", "", p.seen
	}
	a, err := book.PutAlias(ctx, p.Alias, put)
	if err != nil && noted {
		return a, p.stopped(err)
	}
	return a, err
}

func (p *Publication) stopped(err error) error {
	return stopped(err, fmt.Sprintf("job %s is not published as %s yet, and groups are on their way: %s", p.Job, p.Alias, strings.Join(names(p.moves), ", ")),
		fmt.Sprintf("with the cause gone: backstitch publish %s --as %s     to take it back: backstitch rollback %s", p.Job, p.Alias, p.Job))
}
