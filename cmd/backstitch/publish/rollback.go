package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"backstitch/cluster/client"
	"backstitch/partition"
	"backstitch/replay/sink"
)

// Rollback is taking back what a job has done, looked at and not done yet.
type Rollback struct {
	Job     string   `json:"job"`
	Aliases []Return `json:"aliases"`
	// Records are what readers of files do not see any more; Void says that it was so before.
	Records int64 `json:"records"`
	Void    bool  `json:"void,omitempty"`
	// Kept is a topic that stays as it is, "" for files.
	Kept string `json:"kept,omitempty"`
	// Notes say what was left as it is, and why.
	Notes []string `json:"notes,omitempty"`

	files  *Files
	reason string
}

// Return is one alias that goes back to the version before.
type Return struct {
	Alias  string   `json:"alias"`
	Now    Place    `json:"now"`
	Before Place    `json:"before"` // nowhere where there was none
	Groups []string `json:"groups,omitempty"`
	Done   bool     `json:"done"` // it went back already

	state string
	seen  uint64
	moves []client.GroupMove
}

// Subject is the job that is to be taken back.
type Subject struct {
	Job     client.Job
	Place   Place
	Files   *Files // nil for a job that wrote into Kafka
	InPlace bool   // it wrote into a topic that had records already
	Reason  string
}

// LookBack finds out what rolling a job back would do, and refuses what can not be. Nothing is written.
func LookBack(ctx context.Context, book Book, groups Groups, s Subject) (*Rollback, error) {
	id := s.Job.ID
	if !s.Job.Terminal() {
		return nil, &Error{Code: CodeRunning, Title: fmt.Sprintf("job %s is %s", id, s.Job.State), Exit: client.ExitConflict,
			Why: "What still runs would write behind the rollback.", Hint: "backstitch cancel " + id + "     then the same command again"}
	}
	r := &Rollback{Job: id, Aliases: []Return{}, files: s.Files, reason: s.Reason}
	all, err := book.Aliases(ctx)
	if err != nil {
		return nil, err
	}
	moved := false
	for _, a := range all {
		v, ok := a.Of(id)
		if !ok {
			continue
		}
		x, err := lookBack(ctx, book, groups, a, v)
		if err != nil {
			return nil, err
		}
		r.Aliases = append(r.Aliases, x)
		moved = moved || x.Now.Name != x.Before.Name
	}
	if s.Files == nil {
		r.Kept = s.Place.Topic
		if s.InPlace && !moved {
			return nil, inPlace(s)
		}
		return r, nil
	}
	r.Void = s.Job.Void != nil && s.Job.Void.Done
	r.Records, err = s.Files.plan(ctx, partition.JobID(id))
	return r, err
}

func lookBack(ctx context.Context, book Book, groups Groups, a client.Alias, v client.AliasVersion) (Return, error) {
	out := Return{Alias: a.Name, Now: Place{v.Place, v.Topic}, Groups: v.Groups, state: v.State, seen: a.Index, Done: v.State == "reverted"}
	for _, x := range a.Versions {
		if x.Version == v.Before {
			out.Before = Place{x.Place, x.Topic}
		}
	}
	if v.State == "published" && v.Version != a.Version {
		now := a.Versions[slices.IndexFunc(a.Versions, func(x client.AliasVersion) bool { return x.Version == a.Version })]
		return out, &Error{Code: CodeSuperseded, Title: fmt.Sprintf("%s is at version %d of job %s by now", a.Name, now.Version, now.Job), Exit: client.ExitConflict,
			Why: fmt.Sprintf("Job %s is version %d, and what came after it would be left without it.", v.Job, v.Version), Hint: "backstitch rollback " + now.Job + "     first"}
	}
	if out.Done || len(v.Groups) == 0 {
		return out, nil
	}
	var err error
	if out.moves, err = book.AliasMoves(ctx, a.Name, v.Version); err != nil {
		return out, err
	}
	for _, m := range out.moves {
		if err := groups.Returnable(ctx, m.Plan); err != nil {
			return out, err
		}
	}
	return out, nil
}

func inPlace(s Subject) error {
	topic := s.Place.Topic
	return &Error{Code: CodeInPlace, Title: fmt.Sprintf("job %s has appended to %s, which had records already: that can not be taken back", s.Job.ID, topic), Exit: client.ExitConflict,
		Why: "A log is not mended in its middle, and readers have seen the records. They are those with the header backstitch.job = " + s.Job.ID + ".",
		Hint: "let readers leave those records out by that header; or write the right records into a new topic, and publish that: " +
			"backstitch plan -f SPEC -o FILE.plan, backstitch run FILE.plan, backstitch publish JOB --as " + topic + " --from " + topic}
}

// Nothing reports whether nothing is left to take back.
func (r *Rollback) Nothing() bool {
	return !slices.ContainsFunc(r.Aliases, func(x Return) bool { return !x.Done }) && (r.files == nil || r.Void)
}

// Do takes it back: readers are sent to where they were, then groups are put back, then files are made void.
func (r *Rollback) Do(ctx context.Context, book Book, groups Groups) error {
	begun := false
	for i := range r.Aliases {
		if err := r.back(ctx, book, groups, &r.Aliases[i]); err != nil {
			if begun || r.Aliases[i].state == "reverting" {
				err = r.stopped(err)
			}
			return err
		}
		begun = begun || !r.Aliases[i].Done
		r.Aliases[i].Done = true
	}
	if r.files == nil || r.Void {
		return nil
	}
	// Somebody may have thought for long before he said yes.
	if _, err := r.files.plan(ctx, partition.JobID(r.Job)); err != nil {
		return err
	}
	if _, err := book.VoidJob(ctx, r.Job, client.VoidJob{Reason: r.reason}); err != nil {
		return err
	}
	var records int64
	for _, part := range r.files.Partitions {
		v, err := r.files.Sink.Revert(ctx, part, partition.JobID(r.Job))
		if err != nil {
			return r.stopped(err)
		}
		records += v.Records
	}
	if _, err := book.VoidJob(ctx, r.Job, client.VoidJob{Done: true, Records: records, Reason: r.reason}); err != nil {
		return r.stopped(err)
	}
	r.Records = records
	return nil
}

func (r *Rollback) back(ctx context.Context, book Book, groups Groups, x *Return) error {
	if x.Done {
		return nil
	}
	cmd := client.RevertAlias{Job: r.Job, Seen: x.seen, Reason: r.reason}
	if x.state != "reverting" {
		a, err := book.RevertAlias(ctx, x.Alias, cmd)
		if err != nil {
			return err
		}
		if v, _ := a.Of(r.Job); v.State == "reverted" {
			return nil
		}
		x.state, cmd.Seen = "reverting", a.Index
	}
	for _, m := range x.moves {
		notes, err := groups.Return(ctx, m.Plan)
		if err != nil {
			return fmt.Errorf("group %s: %w", m.Group, err)
		}
		r.Notes = append(r.Notes, notes...)
	}
	cmd.Done = true
	_, err := book.RevertAlias(ctx, x.Alias, cmd)
	return err
}

func (r *Rollback) stopped(err error) error {
	if errors.Is(err, sink.ErrBuiltUpon) {
		return &Error{Code: CodeSuperseded, Title: "a later job has written meanwhile", Why: err.Error(), Exit: client.ExitConflict, Err: err,
			Hint: "roll that one back first, then again: backstitch rollback " + r.Job}
	}
	return stopped(err, "the rollback of job "+r.Job+" is not finished", "with the cause gone: backstitch rollback "+r.Job)
}
