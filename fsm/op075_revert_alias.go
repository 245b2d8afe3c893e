package fsm

import (
	"fmt"

	"backstitch/partition"
)

// RevertAlias sends the readers of an alias back to the version before the one that a job allowed. If groups moved with that version, they are to be
// put back now, and the same command with Done says that they were. A publication that was staged and did not get further is taken back in the
// same way; readers never were there.
//
// Since: 5. Proposed by: the API. Refused: UnknownAlias, WrongState (Seen is not the present version; the job is not published under that name, or
// a later version was; the version before is not kept any more; Done of what was not begun). Reverting again is OK.
type RevertAlias struct {
	Name string
	Job  partition.JobID
	Seen uint64 // ModifyIndex of the alias
	Done bool
}

// Op returns 75.
func (RevertAlias) Op() uint16 { return 75 }

func (c RevertAlias) subject() string { return "alias " + c.Name }

func (c RevertAlias) apply(t *tx) Result {
	a, ok := t.alias(c.Name)
	if !ok {
		return t.refuse(UnknownAlias, c.Name)
	}
	of, ok := a.Of(c.Job)
	switch {
	case !ok:
		return t.refuse(WrongState, fmt.Sprintf("job %s was not published as %s", c.Job, c.Name))
	case of.State == AliasReverted, of.State == AliasReverting && !c.Done:
		return t.ok()
	case a.ModifyIndex != c.Seen:
		return t.refuse(WrongState, fmt.Sprintf("%s is at index %d", c.subject(), a.ModifyIndex))
	case c.Done && of.State != AliasReverting:
		return t.refuse(WrongState, fmt.Sprintf("version %d of %s is %s", of.Number, c.subject(), of.State))
	}
	v := a.version(of.Number)
	switch of.State {
	case AliasReverting:
		t.dropMoves(a.Name, of)
		v.State = AliasReverted
	case AliasStaged:
		v.State = AliasReverting
		v.RevertedBy, v.RevertedWhy, v.RevertedUnixNanos = t.env.Actor, t.env.Reason, t.env.UnixNanos
	default:
		if why := a.standsOn(of); why != "" {
			return t.refuse(WrongState, why)
		}
		v.State, a.Current = AliasReverted, of.Before
		v.RevertedBy, v.RevertedWhy, v.RevertedUnixNanos = t.env.Actor, t.env.Reason, t.env.UnixNanos
		if len(of.Groups) > 0 {
			v.State = AliasReverting
		}
	}
	t.matchAliasOf(a, c.Job)
	t.putAlias(a)
	return t.ok()
}

// standsOn says why a published version can not be left for the one before it.
func (a Alias) standsOn(v AliasVersion) string {
	if open, ok := a.Open(); ok {
		return fmt.Sprintf("the publication or rollback of job %s is not finished", open.Job)
	}
	if v.Number != a.Current {
		now, _ := a.Version(a.Current)
		return fmt.Sprintf("alias %s is at version %d of job %s now", a.Name, now.Number, now.Job)
	}
	if _, kept := a.Version(v.Before); v.Before != 0 && !kept {
		return fmt.Sprintf("version %d of alias %s is not kept any more", v.Before, a.Name)
	}
	return ""
}
