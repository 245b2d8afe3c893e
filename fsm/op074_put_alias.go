package fsm

import (
	"fmt"
	"strings"

	"backstitch/partition"
)

// PutAlias sends the readers of an alias to where a job has written, and makes the alias if there is none. With Stage it only notes how consumer
// groups are about to move there; once they have, the same command without Stage and Moves publishes what was staged.
//
// Since: 5. Proposed by: the API. Refused: UnknownJob, WrongState (the job has not succeeded or was rolled back; Seen is not the present version;
// another publication or rollback of the alias is not finished), Incomplete (the newest proof of the job does not pass), Exists (From is
// not where the alias is), Invalid (among others: the job wrote elsewhere). Publishing again what is current is OK, and so is staging
// again what is staged: what was noted first stays.
type PutAlias struct {
	Name  string
	Place string
	Topic string
	Job   partition.JobID
	// From and FromTopic are where readers are until now. They become the first version of a new alias; both "" when there were none.
	From      string
	FromTopic string
	Moves     []GroupMove // by group; with Stage alone
	Seen      uint64      // ModifyIndex of the alias, 0 for a new one
	Stage     bool
}

// Op returns 74.
func (PutAlias) Op() uint16 { return 74 }

func (c PutAlias) subject() string { return "alias " + c.Name }

func (c PutAlias) apply(t *tx) Result {
	if why := c.invalid(); why != "" {
		return t.refuse(Invalid, why)
	}
	if r := c.allowed(t); r.Code != OK {
		return r
	}
	a, known := t.alias(c.Name)
	if v, ok := a.Of(c.Job); ok && v.Place == c.Place && v.Topic == c.Topic && (v.State == AliasPublished && v.Number == a.Current || c.Stage && v.State == AliasStaged) {
		return t.ok()
	}
	switch open, ok := a.Open(); {
	case a.ModifyIndex != c.Seen:
		return t.refuse(WrongState, fmt.Sprintf("%s is at index %d", c.subject(), a.ModifyIndex))
	case ok && open.State == AliasReverting:
		return t.refuse(WrongState, fmt.Sprintf("the rollback of job %s is not finished", open.Job))
	case ok && (open.Job != c.Job || open.Place != c.Place || open.Topic != c.Topic):
		return t.refuse(WrongState, fmt.Sprintf("the publication of job %s is not finished", open.Job))
	case ok:
		return c.publish(t, a, open.Number)
	case known && c.From != "":
		if v, _ := a.Version(a.Current); v.Place != c.From || v.Topic != c.FromTopic {
			return t.refuse(Exists, fmt.Sprintf("%s is at %s", c.subject(), orNowhere(v.Place)))
		}
	case !known && len(t.keys(key(kindAlias))) >= MaxAliases:
		return t.refuse(Invalid, fmt.Sprintf("there are %d aliases already", MaxAliases))
	}
	if !known {
		a = Alias{Name: c.Name, CreateIndex: t.index}
		if c.From != "" {
			a.Current, a.Last = 1, 1
			a.Versions = []AliasVersion{{Number: 1, State: AliasPublished, Place: c.From, Topic: c.FromTopic, By: t.env.Actor, UnixNanos: t.env.UnixNanos}}
		}
	}
	a.Last++
	v := AliasVersion{Number: a.Last, State: AliasStaged, Before: a.Current, Place: c.Place, Topic: c.Topic, Job: c.Job,
		By: t.env.Actor, Why: t.env.Reason, UnixNanos: t.env.UnixNanos}
	for _, m := range c.Moves {
		v.Groups = append(v.Groups, m.Group)
	}
	a.Versions = append(a.Versions, v)
	if !c.Stage {
		return c.publish(t, a, a.Last)
	}
	t.write(aliasMovesKey(c.Name, a.Last), &aliasMoves{Moves: c.Moves})
	t.matchAliasOf(a, c.Job)
	t.putAlias(a)
	return t.ok()
}

// publish makes a version the current one.
func (c PutAlias) publish(t *tx, a Alias, number uint32) Result {
	j, _ := t.job(c.Job)
	v := a.version(number)
	v.State, v.Before, v.Proof, v.By, v.UnixNanos = AliasPublished, a.Current, j.Proof, t.env.Actor, t.env.UnixNanos
	if t.env.Reason != "" {
		v.Why = t.env.Reason
	}
	a.Current = number
	t.matchAliasOf(a, c.Job)
	t.putAlias(a)
	return t.ok()
}

// allowed refuses a job that has proved nothing of the place.
func (c PutAlias) allowed(t *tx) Result {
	j, ok := t.job(c.Job)
	switch reads := t.reads(c.Job); {
	case !ok:
		return t.refuse(UnknownJob, string(c.Job))
	case reads != "":
		return t.refuse(Invalid, reads+": it writes nothing that could be published")
	case j.State != JobSucceeded:
		return t.wrongState(j)
	}
	if _, voided := t.void(c.Job); voided {
		return t.refuse(WrongState, fmt.Sprintf("job %s was rolled back", c.Job))
	}
	var p Proof
	if !t.read(key(kindProof, []byte(j.Proof)), &p) || p.Verdict != Pass {
		return t.refuse(Incomplete, fmt.Sprintf("the newest proof of job %s is %q: %s", c.Job, j.Proof, p.Verdict))
	}
	var f jobFrozen
	t.read(jobKey(kindJobFrozen, c.Job), &f)
	if place, ok := PlaceOfLocks(f.Locks); !ok || place != c.Place {
		return t.refuse(Invalid, fmt.Sprintf("job %s wrote %s and not %s", c.Job, orNowhere(place), c.Place))
	}
	return t.ok()
}

func (c PutAlias) invalid() string {
	if why := InvalidAliasName(c.Name); why != "" {
		return why
	}
	switch {
	case !c.Stage && len(c.Moves) > 0, c.Stage && len(c.Moves) == 0:
		return "groups move in a publication that is staged, and in no other"
	case c.From == c.Place && c.FromTopic == c.Topic:
		return fmt.Sprintf("readers can not be sent from %s to itself", c.Place)
	case len(c.Moves) > MaxAliasGroups:
		return fmt.Sprintf("%d groups, at most %d move at once", len(c.Moves), MaxAliasGroups)
	}
	for _, place := range [][2]string{{c.Place, c.Topic}, {c.From, c.FromTopic}} {
		if place == [2]string{} && c.From == "" {
			continue
		}
		if why := invalidPlace(place[0], place[1]); why != "" {
			return why
		}
	}
	size := 0
	for i, m := range c.Moves {
		if size += len(m.Plan); m.Group == "" || len(m.Group) > maxNameBytes || len(m.Plan) == 0 || size > MaxAliasMoves {
			return fmt.Sprintf("group %q has no name or plan, or the plans of all have more than %d bytes", m.Group, MaxAliasMoves)
		}
		if i > 0 && c.Moves[i-1].Group >= m.Group {
			return fmt.Sprintf("group %q is not in order", m.Group)
		}
	}
	return ""
}

func invalidPlace(place, topic string) string {
	switch {
	case place == "" || len(place) > maxLockBytes || strings.ContainsRune(place, 0):
		return fmt.Sprintf("a place of %d bytes, want 1 to %d", len(place), maxLockBytes)
	case topic == "" || len(topic) > maxNameBytes || strings.ContainsAny(topic, "/\x00"):
		return fmt.Sprintf("topic %q can not be one", topic)
	case !strings.HasPrefix(place, "dir:") && !strings.HasSuffix(place, "/"+topic):
		return fmt.Sprintf("%s is not the place of topic %s", place, topic)
	}
	return ""
}

func orNowhere(place string) string {
	if place == "" {
		return "nothing, or in several places,"
	}
	return place
}
