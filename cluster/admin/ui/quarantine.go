package ui

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"backstitch/cluster/client"
)

// What jobs have set aside. The book has where a record stands, a code and a sentence, and never a key, a value or a header of it; so pages have
// none either, and nobody has to be asked to look away. Whoever may read the reference reads the record there, with a command.

// Apart is what a plan has left out, as its recipe says.
type Apart struct {
	Records []client.Poison
	More    int64    // how many are counted beyond those
	Places  []string // of the reference, that hold no single record
}

// aside is one record that a job does not write.
type aside struct {
	client.Poison
	Spot    string // as commands take it
	Planned bool   // the plan left it out
	Given   *client.Discarded
}

// asideGroup is all records of one code and one sentence.
type asideGroup struct {
	Code, Reason string
	All, Open    int
	Partitions   []int32
	Sample       aside // the first that is open, or the first
}

// quarantine is what one job has set aside, by partition and offset.
type quarantine struct {
	Job     client.Job
	Records []aside
	Open    int
	More    int64
	Places  []string
}

// quarantineOf asks for it.
func (v *visit) quarantineOf(id string) (quarantine, error) {
	ctx := v.r.Context()
	j, _, err := v.c.Job(ctx, id, client.Blocking{})
	if err != nil {
		return quarantine{}, err
	}
	q := quarantine{Job: j}
	work, err := v.c.Work(ctx, j.ID)
	if err != nil {
		return q, err
	}
	planned, err := v.Insight.Apart(work.Recipe)
	if err != nil {
		return q, err
	}
	q.More, q.Places = planned.More, planned.Places
	states, _, err := v.c.Slices(ctx, j.ID, client.Blocking{})
	if err != nil {
		return q, err
	}
	add := func(p client.Poison, planned bool) {
		q.Records = append(q.Records, aside{Poison: p, Spot: fmt.Sprintf("p%02d@%d", p.Partition, p.Offset), Planned: planned})
	}
	for _, s := range states {
		for _, p := range s.Quarantine {
			add(p, false)
		}
		q.More += max(s.Progress.Quarantined-int64(len(s.Quarantine)), 0)
	}
	for _, p := range planned.Records {
		add(p, true)
	}
	slices.SortStableFunc(q.Records, func(a, b aside) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	given, err := v.c.Discarded(ctx, j.ID)
	if err != nil {
		return q, err
	}
	type place struct {
		partition int32
		offset    int64
	}
	at := map[place]*client.Discarded{}
	for i, d := range given {
		at[place{d.Partition, d.Offset}] = &given[i]
	}
	for i := range q.Records {
		r := &q.Records[i]
		if r.Given = at[place{r.Partition, r.Offset}]; r.Given == nil {
			q.Open++
		}
	}
	return q, nil
}

// groups are the records by what is wrong with them, the largest group first.
func (q quarantine) groups() []asideGroup {
	var out []asideGroup
	at := map[[2]string]int{}
	for _, r := range q.Records {
		key := [2]string{r.Code, r.Reason}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, asideGroup{Code: r.Code, Reason: r.Reason, Sample: r})
		}
		g := &out[i]
		g.All++
		if r.Given == nil {
			if g.Open++; g.Sample.Given != nil {
				g.Sample = r
			}
		}
		if !slices.Contains(g.Partitions, r.Partition) {
			g.Partitions = append(g.Partitions, r.Partition)
		}
	}
	slices.SortStableFunc(out, func(a, b asideGroup) int { return cmp.Compare(b.All, a.All) })
	return out
}

// chosen are the records of a code, all for "".
func (q quarantine) chosen(code string) []aside {
	if code == "" {
		return q.Records
	}
	var out []aside
	for _, r := range q.Records {
		if r.Code == code {
			out = append(out, r)
		}
	}
	return out
}

// quarantines lists the jobs that have set something aside.
func (v *visit) quarantines() error {
	all, _, err := v.c.Jobs(v.r.Context(), client.Blocking{})
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(j client.Job) bool { return j.Progress.Quarantined == 0 })
	list, paging := cut(v, all)
	return v.show("quarantine.html", "Quarantine", "quarantine", true, struct {
		Rows   []client.Job
		Paging Paging
	}{list, paging})
}

// asidePage is what one job has set aside, one group of it or all.
type asidePage struct {
	quarantine
	Groups  []asideGroup
	Code    string // of the group that is looked at, "" for all
	Rows    []aside
	Paging  Paging
	OpenNow int // of the group
	Replay  string
}

func (v *visit) quarantine() error {
	q, err := v.quarantineOf(v.r.PathValue("job"))
	if err != nil {
		return err
	}
	body := asidePage{quarantine: q, Groups: q.groups(), Code: v.r.URL.Query().Get("code")}
	of := q.chosen(body.Code)
	body.OpenNow = len(named(of, true, nil))
	body.Replay = replayCommand(q, body.Code, of)
	body.Rows, body.Paging = cut(v, of)
	return v.show("aside.html", "Quarantine of "+q.Job.ID, "quarantine", !q.Job.Terminal(), body)
}

// named are the records that are open, or that are not, each once; only those that are ticked, where some are.
func named(of []aside, open bool, ticked []string) []client.SetAside {
	var out []client.SetAside
	for _, r := range of {
		if (r.Given == nil) != open || len(ticked) > 0 && !slices.Contains(ticked, r.Spot) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Partition == r.Partition && out[n-1].Offset == r.Offset {
			continue // set aside by plan and job
		}
		out = append(out, client.SetAside{Partition: r.Partition, Offset: r.Offset, Planned: r.Planned})
	}
	return out
}

// replayPositions is how many records a command on a page names one by one.
const replayPositions = 20

// replayCommand plans what is open anew; "" where that can not be said in one command.
func replayCommand(q quarantine, code string, of []aside) string {
	command := "backstitch quarantine replay " + q.Job.ID + " -f SPEC -o again.plan"
	if code == "" {
		return command
	}
	n := 0
	for _, r := range of {
		if r.Given == nil {
			command += " --position " + r.Spot
			n++
		}
	}
	if n == 0 || n > replayPositions {
		return ""
	}
	return command
}

// markAside gives records up, or takes that back: those that are ticked, or all of a group. All are as many as the page has shown and not one more.
func (v *visit) markAside() (string, error) {
	verb, code := v.r.PathValue("verb"), v.r.PostFormValue("code")
	if verb != "discard" && verb != "restore" {
		return "", errNoPage
	}
	if verb == "discard" && strings.TrimSpace(v.reason()) == "" {
		return "", badForm(fmt.Errorf("records are not given up without a reason: whoever reads the list has to know why"))
	}
	q, err := v.quarantineOf(v.r.PathValue("job"))
	if err != nil {
		return "", err
	}
	ticked, all := v.r.PostForm["at"], v.r.PostFormValue("all") != ""
	if all == (len(ticked) > 0) {
		return "", badForm(fmt.Errorf("tick records, or choose all of them"))
	}
	tell := named(q.chosen(code), verb == "discard", ticked)
	if want := v.r.PostFormValue("seen"); all && want != strconv.Itoa(len(tell)) || len(tell) == 0 {
		return "", &client.Error{Problem: client.Problem{
			Title: "the list has changed since the page was made", Status: http.StatusConflict, Code: client.CodeWrongState,
			Detail: fmt.Sprintf("It showed %s, and there are %d now.", cmp.Or(want, "other ones"), len(tell)), Next: "look at it again, and decide then",
		}}
	}
	d := client.Discard{Records: tell, Reason: v.reason()}
	if verb == "discard" {
		err = v.c.Discard(v.r.Context(), q.Job.ID, d)
	} else {
		err = v.c.RestoreDiscarded(v.r.Context(), q.Job.ID, d)
	}
	return "/ui/jobs/" + q.Job.ID + "/quarantine", err
}
