package fsm

import (
	"fmt"
	"strconv"
	"strings"

	"backstitch/partition"
)

// What stories of hours that are counted have besides: the commands in words, and a look at what is counted.

// watched reads topics=0,1 and max= (of the state) beside what a dataset has; scan=yes wants scans.
func (a args) watched() PutDatasetWithWatch {
	a.t.Helper()
	c := PutDatasetWithWatch{Scan: a.str("scan") != ""}
	most := a.num("max")
	if most == 0 {
		most = MinStateBytes
	}
	for text := range strings.SplitSeq(a.str("topics"), ",") {
		if n, err := strconv.Atoi(text); err == nil {
			c.Topics = append(c.Topics, WatchedTopic{Target: uint32(n), Topic: fmt.Sprint("t", n), Recipe: []byte("{}"), MaxBytes: uint32(most)})
		}
	}
	if a.m["policy"] != "" {
		c.Dataset, _ = a.command("put-dataset-with-policy").(PutDatasetWithPolicy)
	} else {
		c.Dataset.Dataset = a.putDataset()
	}
	return c
}

// saveBaseline reads hours=FROM-TO, what was learned as state= (a number stands for as many bytes), and
// unusual=ABOUT:SINCE,MORE-ABOUT:SINCE; because= is a failure.
func (a args) saveBaseline() SaveBaseline {
	a.t.Helper()
	c := SaveBaseline{Dataset: DatasetName(a.str("dataset")), Target: uint32(a.num("target")), Node: partition.NodeID(a.str("node")), Base: a.num("base"), Failure: a.str("because")}
	from, to, ok := strings.Cut(a.str("hours"), "-")
	if !ok {
		return c
	}
	l := &Look{TopicID: "id", Places: 4, Judged: uint32(a.num("judged")), State: []byte(a.str("state")), Anew: a.str("anew") != ""}
	if n, err := strconv.Atoi(string(l.State)); err == nil {
		l.State = make([]byte, n)
	}
	l.FirstHour, _ = strconv.ParseInt(from, 10, 64)
	l.LastHour, _ = strconv.ParseInt(to, 10, 64)
	l.Hours = l.LastHour - l.FirstHour + 1
	l.Records = 10 * l.Hours
	for text := range strings.SplitSeq(a.str("unusual"), ",") {
		about, since, ok := strings.Cut(text, ":")
		if !ok {
			continue
		}
		u := Unusual{About: about, Partition: partition.NoPartition, UntilHour: l.LastHour + 1, Off: 7, New: 5, Hour: l.LastHour, From: 90, To: 110, Seen: 3,
			Season: "Fridays", Reason: "fewer"}
		u.About, u.More = strings.CutPrefix(about, "more-")
		u.SinceHour, _ = strconv.ParseInt(since, 10, 64)
		l.Unusual = append(l.Unusual, u)
	}
	c.Look = l
	return c
}

func (a args) claim() ClaimBaseline {
	return ClaimBaseline{Dataset: DatasetName(a.str("dataset")), Target: uint32(a.num("target")), Node: partition.NodeID(a.str("node")), ForNanos: a.num("for")}
}

// showHours prints what is counted and what is unusual.
func (s *scenario) showHours() string {
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
			w, ok, err := v.Watch(d.Name)
			must(err)
			fmt.Fprintf(&b, "%s: counted %t, %d topics, scan %t\n", d.Name, ok, len(w.Topics), w.Scan)
			all, err := v.Baselines(d.Name)
			must(err)
			for _, x := range all {
				state, err := v.Learned(d.Name, x.Target)
				must(err)
				fmt.Fprintf(&b, "  %s hours %d to %d, %d of them with %d records, state %d bytes %.8q, claimed by %q until %d, failed %d %s until %d\n", x.Topic, x.FirstHour, x.LastHour, x.Hours,
					x.Records, len(state), state, x.Claimant, x.ClaimedUnixNanos, x.Failures, x.Failure, x.NotBeforeUnixNanos)
				for _, u := range x.Anomalies {
					fmt.Fprintf(&b, "    %s %s more %t since %d until %d off %d told at %d over %t scan %s\n", u.ID, u.Unusual.About, u.Unusual.More, u.Unusual.SinceHour, u.Unusual.UntilHour,
						u.Unusual.Off, u.ToldIndex, u.Over, u.Scan)
				}
			}
			waiting, err := v.Notices(d.Name)
			must(err)
			for _, n := range waiting {
				fmt.Fprintf(&b, "  tells at %d %s: %s\n", n.Index, n.Kind, n.Why)
			}
		}
	})
	return b.String()
}
