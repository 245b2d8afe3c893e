package bubble

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/due"
	"backstitch/replay/scan"
	"backstitch/replay/spec"
)

// A dataset from its document to what its endpoints hear: real nodes, real workers, virtual time.

const scheduleStep = time.Minute

// apply puts the lab's dataset with a schedule, as `backstitch dataset apply` and the API do; schedule is "" for none.
func (l *scanLab) apply(schedule string) {
	l.t.Helper()
	d, err := spec.ParseDataset("lab.yaml", fmt.Appendf(nil, `apiVersion: backstitch.dev/v1
kind: Dataset
metadata: {name: orders}
spec:
  reference: {dir: {path: %q}}
  targets: [{kafka: {brokers: %q, topic: orders}}]
  notify: [{name: bus, format: cloudevents, url: "https://bus", on: [started, found, cancelled, failed, succeeded]}]
%s`, l.dir, strings.Join(l.kafka.Addrs(), ","), schedule), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	d = d.WithDefaults()
	text, err := json.Marshal(d)
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := fsm.PutDataset{
		Name: fsm.DatasetName(d.Metadata.Namespace + "/" + d.Metadata.Name), Document: text, Reference: fsm.Place(d.Spec.Reference.Lineage()),
		Targets: []fsm.Place{fsm.Place(d.Spec.Targets[0].Lineage())}, Seen: l.dataset().ModifyIndex,
	}
	e := fsm.Endpoint{Name: d.Spec.Notify[0].Name, URL: d.Spec.Notify[0].URL}
	var known bool
	if e.Format, known = fsm.ParseEndpointFormat(d.Spec.Notify[0].Format); !known {
		l.t.Fatalf("format %s", d.Spec.Notify[0].Format)
	}
	for _, word := range d.Spec.Notify[0].On {
		kind, known := fsm.ParseNoticeKind(word)
		if !known {
			l.t.Fatalf("kind %s", word)
		}
		e.On |= 1 << kind
	}
	cmd.Endpoints = []fsm.Endpoint{e}
	o, err := scan.Order(d.Recoveries()[0])
	if err != nil {
		l.t.Fatal(err)
	}
	o.Dataset = d.Metadata.Name
	cmd.Orders = []fsm.ScanOrder{o}
	if s := d.Spec.Schedule; s != nil {
		every, err := s.Every.Parse()
		if err != nil {
			l.t.Fatal(err)
		}
		next, err := due.Rule{Every: every, Cron: s.Cron}.Next(time.Now(), time.Now())
		if err != nil {
			l.t.Fatal(err)
		}
		cmd.EveryNanos, cmd.Cron, cmd.NextUnixNanos = int64(every), s.Cron, next.UnixNano()
	}
	l.propose(cmd)
}

func (l *scanLab) dataset() (d fsm.Dataset) {
	l.view(func(v *fsm.View) { d, _, _ = v.Dataset("default/orders") })
	return d
}

// scans are those that there are, the oldest first.
func (l *scanLab) scans() (ids []partition.JobID) {
	l.t.Helper()
	var all []fsm.Job
	l.view(func(v *fsm.View) {
		for s, err := range v.Scans() {
			if err != nil {
				l.t.Fatal(err)
			}
			j, _, err := v.Job(s.Job)
			if err != nil {
				l.t.Fatal(err)
			}
			all = append(all, j)
		}
	})
	slices.SortFunc(all, func(a, b fsm.Job) int { return int(a.CreateIndex) - int(b.CreateIndex) })
	for _, j := range all {
		ids = append(ids, j.ID)
	}
	return ids
}

// count says how many scans there have to be by now.
func (l *scanLab) count(want int, when string) {
	l.t.Helper()
	if got := l.scans(); len(got) != want {
		l.t.Fatalf("%s: got %d scans, %v, want %d", when, len(got), got, want)
	}
}

// A dataset's scans start when they are due, one at a time; of those that were missed meanwhile one is made up for; its endpoint hears of
// each, and of findings. Another version without a schedule ends it, and so does deleting the dataset.
func TestADatasetsSchedule(t *testing.T) {
	for name, schedule := range map[string]string{"every": "  schedule: {every: 1m}\n", "cron": "  schedule: {cron: \"* * * * *\"}\n"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newScanLab(t)
				defer l.close()
				time.Sleep(time.Until(time.Now().Truncate(scheduleStep).Add(scheduleStep))) // virtual; both rules have the same due times then
				began := time.Now()
				until := func(steps int, after time.Duration) {
					time.Sleep(time.Until(began.Add(time.Duration(steps)*scheduleStep + after)))
				} // virtual

				l.apply(schedule)
				until(1, -time.Second)
				l.count(0, "a second before it is due")
				until(1, scheduleStep/2)
				l.count(1, "after it was due")
				l.wait(l.scans()[0])

				l.mu.Lock()
				l.hold = func(_ string, part int32) bool { return part == 3 } // the second does not end by itself
				l.mu.Unlock()
				until(5, scheduleStep/2)
				l.count(2, "while the second goes on for four due times")
				l.mu.Lock()
				l.hold = nil
				l.mu.Unlock()
				l.propose(fsm.CancelJob{ID: l.scans()[1]})
				l.c.Eventually("one for all that was missed", func() bool { return len(l.scans()) == 3 })
				l.wait(l.scans()[2])
				until(6, -time.Second)
				l.count(3, "before the next one is due")

				l.apply("")
				until(8, 0)
				l.count(3, "two due times after its schedule was taken away")
				l.apply(schedule)
				until(9, scheduleStep/2)
				l.count(4, "after it was due again")
				l.wait(l.scans()[3])
				scans := l.scans()
				l.c.Eventually("the endpoint has heard of all", func() bool { return len(l.inbox.messages()) == 2*len(scans) })
				var heard []string
				for _, m := range l.inbox.messages() {
					heard = append(heard, fmt.Sprint(slices.Index(scans, partition.JobID(m.Notice.Job)), " ", strings.TrimSuffix(strings.TrimPrefix(m.Notice.Kind, "dev.backstitch."), ".v1")))
				}
				want := "0 scan.started, 0 gap.detected, 1 scan.started, 1 scan.cancelled, 2 scan.started, 2 gap.detected, 3 scan.started, 3 gap.detected"
				if got := strings.Join(heard, ", "); got != want {
					t.Errorf("the endpoint heard\n%s\nwant\n%s", got, want)
				}

				l.propose(fsm.DeleteDataset{Name: "default/orders", Seen: l.dataset().ModifyIndex})
				until(11, scheduleStep/2)
				l.count(4, "two due times after the dataset was deleted")
				if n := len(l.inbox.messages()); n != 2*len(scans) {
					t.Errorf("got %d messages after the dataset was deleted, want no more than %d", n, 2*len(scans))
				}
			})
		})
	}
}
