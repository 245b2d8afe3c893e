package fsm

import (
	"fmt"
	"strings"
	"testing"
)

// What stories of plans have besides: the long way to a plan in one line, and a look at plans alone.

// shorts are lines that stand for several commands, of which only the last and those that are refused are printed. JOB and REST are what
// the line names and what else it says.
var shorts = map[string][]string{
	"scanned": {
		"submit-scan job=JOB pair=p about=orders", "grant-leases slice=JOB/0 owner=a", "finish-scan-slice slice=JOB/0 owner=a epoch=1 parts=0",
		"grant-leases slice=JOB/1 owner=a", "finish-scan-slice slice=JOB/1 owner=a epoch=1 part=0 body=1 compared=10 REST", "finish-scan job=JOB",
	},
	"looked": { // a scan that something else has begun
		"grant-leases slice=JOB/0 owner=a", "finish-scan-slice slice=JOB/0 owner=a epoch=1 parts=0",
		"grant-leases slice=JOB/1 owner=a", "finish-scan-slice slice=JOB/1 owner=a epoch=1 part=0 body=1 compared=10 REST", "finish-scan job=JOB",
	},
	"made": {"grant-leases slice=plan:default/orders:JOB/0 owner=a", "keep-plan slice=plan:default/orders:JOB/0 owner=a epoch=1 REST"},
	"proved": {
		"grant-leases slice=JOB/0 owner=a", "finish-slice slice=JOB/0 owner=a epoch=1 cursor=100", "begin-verify job=JOB",
		"grant-leases slice=JOB/1 owner=b", "finish-slice slice=JOB/1 owner=b epoch=1 compared=0:pass by=b",
		"record-proof proof=r-REST job=JOB compared=0:pass by=b", "finish-job job=JOB state=succeeded proof=r-REST",
	},
}

func (s *scenario) short(t *testing.T, line string, out *strings.Builder) bool {
	word, rest, _ := strings.Cut(line, " ")
	steps, ok := shorts[word]
	if !ok {
		return false
	}
	job, rest, _ := strings.Cut(rest, " ")
	for i, step := range steps {
		said := s.command(t, strings.NewReplacer("JOB", job, "REST", rest).Replace(step))
		if i == len(steps)-1 || !strings.Contains(said, " ok") {
			out.WriteString(said)
		}
	}
	return true
}

// showPlans prints policies, what is new of plans, jobs and notices since it was last asked, and what is remembered.
func (s *scenario) showPlans() string {
	var b strings.Builder
	s.view(func(v *View) {
		must := func(err error) {
			if err != nil {
				s.t.Fatal(err)
			}
		}
		sets, err := v.Datasets()
		must(err)
		for _, d := range sets {
			p, err := v.Policy(d.Name)
			must(err)
			fmt.Fprintf(&b, "%s: %s records %d bytes %d\n", d.Name, p.Act, p.MaxRecords, p.MaxBytes)
			plans, err := v.Plans(d.Name)
			must(err)
			fmt.Fprintf(&b, "  %d plans\n", len(plans))
			for _, p := range plans {
				if p.ModifyIndex <= s.shown {
					continue
				}
				text, err := v.PlanDocument(p.ID)
				must(err)
				fmt.Fprintf(&b, "  plan %s of %s %s", p.ID, p.Scan, p.State)
				if p.Job != "" {
					fmt.Fprintf(&b, " job %s hash %d writes %d document %d", p.Job, p.Hash[0], p.Records, len(text))
				}
				if p.By != "" {
					fmt.Fprintf(&b, " by %s", p.By)
				}
				if p.Why != "" {
					fmt.Fprintf(&b, ": %s", p.Why)
				}
				b.WriteByte('\n')
			}
			waiting, err := v.Notices(d.Name)
			must(err)
			for _, n := range waiting {
				if n.Index <= s.shown || n.Scan != nil && n.Kind == NoticeStarted {
					continue
				}
				fmt.Fprintf(&b, "  tells %s of %s %s: %s\n", n.Kind, n.Job, n.JobName, n.Why)
			}
		}
		for x, err := range each[tried](v, key(kindTried), nil) {
			must(err)
			last := x.Tries[len(x.Tries)-1]
			fmt.Fprintf(&b, "  tried %d times, last %v by %s%s\n", len(x.Tries), last.Ranges, last.Job, last.By)
		}
		for j, err := range v.Jobs() {
			must(err)
			_, scan, err := v.Scan(j.ID)
			must(err)
			if scan || j.ModifyIndex <= s.shown {
				continue
			}
			fmt.Fprintf(&b, "  job %s %s %s by %s why %q\n", j.ID, j.Name, j.State, j.CreatedBy, j.Why)
		}
		s.shown = s.m.Applied()
	})
	return b.String()
}

// withSeen puts the present index of the dataset that a line names in the place of seen=now.
func (s *scenario) withSeen(line string) string {
	if !strings.Contains(line, "seen=now") {
		return line
	}
	if _, name, ok := strings.Cut(line, "alias="); ok {
		return s.withSeenAlias(line, name)
	}
	_, name, _ := strings.Cut(line, "dataset=")
	name, _, _ = strings.Cut(name, " ")
	s.view(func(v *View) {
		d, _, err := v.Dataset(DatasetName(name))
		if err != nil {
			s.t.Fatal(err)
		}
		line = strings.Replace(line, "seen=now", fmt.Sprint("seen=", d.ModifyIndex), 1)
	})
	return line
}
