package regroup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"backstitch/replay/gap"
)

// Moving a group as a part of something larger that keeps the plan itself, and with it the way back: no receipt is needed.

// Encode returns p as it is kept elsewhere than in a file of its own. One plan has one text.
func (p *Plan) Encode() ([]byte, error) { return json.Marshal(p) }

// DecodePlan reads what Encode returned.
func DecodePlan(text []byte) (*Plan, error) {
	p := &Plan{}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("plan for a consumer group: %w", err)
	}
	if p.Version < 1 || p.Version > PlanVersion {
		return nil, fmt.Errorf("plan for group %s has version %d, this program knows %d: use the program that wrote it", p.Group, p.Version, PlanVersion)
	}
	return p, nil
}

// Move makes the moves of p, as Apply does, and keeps nothing. It refuses before it writes, and goes on where it stopped.
func (p *Plan) Move(ctx context.Context, a Access) ([]Result, error) {
	todo, done, err := p.refuse(ctx, a)
	if err != nil || len(todo) == 0 {
		return merge(done), err
	}
	made, err := p.journey(a.To).travel(ctx, todo)
	if err != nil {
		return nil, err
	}
	out := merge(done, made)
	return out, left(out, p.Group, "the same command")
}

// Returned is what taking a move back has done.
type Returned struct {
	Results []Result `json:"results"` // in To, by partition
	// Restored are positions in From that the cluster has forgotten meanwhile and that were put there again.
	Restored []Result `json:"restored,omitempty"`
	// Left are partitions of To in which the group has gone on since: its position there stays, and who reads From does not see it.
	Left []int32 `json:"left,omitempty"`
}

// Inactive refuses a group that has members at either end.
func (p *Plan) Inactive(ctx context.Context, a Access) error {
	if err := inactive(ctx, a.From, p.Group, p.From); err != nil {
		return err
	}
	return inactive(ctx, a.To, p.Group, p.To)
}

// Back takes the moves of p back for a group that reads From again. First it sees to it that the group has a position there: where Kafka has forgotten
// the one that the plan saw, it is committed again; one that is another by now is the group's own and stays. Then the positions in To become what
// they were before. It refuses members, another cluster and topics that were made anew, and can be run again.
func (p *Plan) Back(ctx context.Context, a Access) (*Returned, error) {
	out := &Returned{}
	home := &journey{cl: a.From, group: p.Group, to: p.From, verb: "undo"}
	away := p.journey(a.To)
	for _, s := range p.origin() {
		if s.Stands != nil {
			home.moves = append(home.moves, Move{Partition: s.Partition, After: s.Stands})
		}
	}
	for i, m := range away.moves {
		away.moves[i] = Move{Partition: m.Partition, Before: m.After, After: m.Before}
	}
	away.verb = "undo"
	for _, j := range []*journey{home, away} {
		if err := j.ready(ctx); err != nil {
			return nil, err
		}
	}
	var err error
	if out.Restored, _, err = home.where(ctx); err != nil {
		return nil, err
	}
	if out.Results, out.Left, err = away.where(ctx); err != nil {
		return out, err
	}
	return out, nil
}

// ready refuses what no move may meet.
func (j *journey) ready(ctx context.Context) error {
	if err := sameTopic(ctx, j.cl, j.to, j.verb); err != nil {
		return err
	}
	return inactive(ctx, j.cl, j.group, j.to)
}

// where makes those moves whose position is what was there before, and returns them with the partitions whose position is another one.
func (j *journey) where(ctx context.Context) (made []Result, other []int32, err error) {
	now, err := commits(ctx, j.cl, j.group, j.to.Topic)
	if err != nil {
		return nil, nil, err
	}
	var todo []Move
	for _, m := range j.moves {
		switch has := commit(now, m.Partition); {
		case equal(has, m.After):
		case equal(has, m.Before):
			todo = append(todo, m)
		default:
			other = append(other, m.Partition)
		}
	}
	if len(todo) == 0 {
		return nil, other, nil
	}
	if made, err = j.travel(ctx, todo); err != nil {
		return nil, other, err
	}
	return made, other, left(made, j.group, "the same command")
}

// Whole refuses a plan that does not move all that the group has: readers that are sent to To would begin somewhere by chance in the rest.
func (p *Plan) Whole() error {
	if err := p.Check(); err != nil {
		return err
	}
	var e *Error
	if err := p.Partly(); errors.As(err, &e) {
		e.Title = fmt.Sprintf("group %s can not go from %s to %s whole", p.Group, p.From.Topic, p.To.Topic)
		for i := range p.Parts {
			if part := &p.Parts[i]; part.Cannot {
				e.Why += fmt.Sprintf("\n%s: %s", gap.Name(p.From.Topic, part.Partition), part.Why)
			}
		}
		return e
	}
	return nil
}
