package detect

import (
	"fmt"
	"time"

	"backstitch/replay/archive"
	"backstitch/replay/gap"
	"backstitch/replay/gap/group"
	"backstitch/replay/kgroup/kgrouptest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"

	"github.com/twmb/franz-go/pkg/kadm"
)

// A topic and a group that read it. The story is told by minute; the group reads what was written in the minute before, and its
// history has a commit of each. What it did not read is known from the story and not from the commits.

// tale is a group's life with one topic.
type tale struct {
	c       *try
	b       *broker
	scribe  *kgrouptest.Scribe
	records []record.Record // by offset; those that were rolled back are not among them
	upTo    map[int]int64   // by minute, where the log ended when it began
	read    int64           // where the group stands
	reset   group.Reset
	lost    map[int64]bool
	archive *group.Archive
}

// What the topic keeps. With a segment and the broker's check a record is gone for sure ten minutes later.
const (
	keepMs    = hourMs
	segmentMs = 5 * 60_000
)

func minute(m int) time.Time { return time.UnixMilli(beginMs).Add(time.Duration(m) * time.Minute) }

// groups compares what a group has committed with what its topic had.
func groups(c *try) {
	b := c.brokers(c.t)
	b.create("orders", 1)
	b.set("orders", "retention.ms", fmt.Sprint(keepMs))
	b.set("orders", "segment.ms", fmt.Sprint(segmentMs))
	s := &tale{c: c, b: b, scribe: kgrouptest.New(c.t, "billing", b.opts...), upTo: map[int]int64{}, lost: map[int64]bool{}}
	away := 10 + c.rng.IntN(20)
	s.write(0, away)
	s.scribe.Members(minute(0), 1)
	s.follow(1, away)
	s.scribe.Members(minute(away), 0)
	stories := []func(*tale, int) int{overtaken, thrownOut, setForward, backInTime, keptUp}
	end := stories[c.rng.IntN(len(stories))](s, away)
	s.judge(end)
}

// write writes a few records per minute, in the minutes [from, to), now and then some that are rolled back.
func (s *tale) write(from, to int) {
	for m := from; m < to; m++ {
		s.upTo[m] = s.end()
		var rs []record.Record
		for i := range 1 + s.c.rng.IntN(6) {
			rs = append(rs, record.Record{TimestampMs: minute(m).UnixMilli() + int64(i)*1000, Value: fmt.Appendf(nil, "%d/%d", m, i)})
		}
		list := []stretch{{records: rs}}
		if s.c.chance(10) {
			list = append(list, stretch{records: rs[:1], fate: aborted})
		}
		s.records = append(s.records, s.b.write("orders", 0, list)...)
	}
	s.upTo[to] = s.end()
}

// end is where the log ends.
func (s *tale) end() int64 {
	offs, err := s.b.adm.ListEndOffsets(s.c.t.Context(), "orders")
	if err != nil {
		s.c.t.Fatal(err)
	}
	o, _ := offs.Lookup("orders", 0)
	return o.Offset
}

// follow lets the group read what was written before each of the minutes [from, to).
func (s *tale) follow(from, to int) {
	for m := from; m < to; m++ {
		s.read = s.upTo[m]
		s.scribe.Commit(minute(m), "orders", 0, s.read)
	}
}

// stand commits where the group is.
func (s *tale) stand() {
	offs := kadm.Offsets{}
	offs.AddOffset("orders", 0, s.read, -1)
	if err := s.b.adm.CommitAllOffsets(s.c.t.Context(), "billing", offs); err != nil {
		s.c.t.Fatal(err)
	}
}

// lose notes that the group never reads [from, to).
func (s *tale) lose(from, to int64) {
	for o := from; o < to; o++ {
		s.lost[o] = true
	}
}

// keep archives what the topic has.
func (s *tale) keep() {
	root := s.c.t.TempDir()
	copied, err := archive.Copy(s.c.t.Context(), s.b.writer, s.c.bucketAt(root), archive.Options{Topic: "orders"})
	if err != nil {
		s.c.t.Fatal(err)
	}
	ref, err := s.c.clients().Reference(s.c.t.Context(), recovery.Source{Layout: "archive", URL: root, Topic: "orders"})
	if err != nil {
		s.c.t.Fatal(err)
	}
	s.c.t.Cleanup(func() { _ = ref.Close() })
	extents, err := ref.Extents(s.c.t.Context(), nil, 0)
	if err != nil {
		s.c.t.Fatal(err)
	}
	s.archive = &group.Archive{Name: "archive", Source: ref, Extents: extents, TopicID: copied.TopicID.String()}
}

// overtaken: the group is down, and retention has passed where it stood.
func overtaken(s *tale, away int) int {
	end := away + 100 + s.c.rng.IntN(50)
	s.write(away, end)
	if s.c.chance(2) {
		s.keep()
	}
	start := s.upTo[away+5+s.c.rng.IntN(40)]
	s.stand()
	s.b.behead("orders", 0, start)
	s.lose(s.read, start)
	s.c.tell("overtaken: stands at %d, the log begins at %d", s.read, start)
	return end
}

// thrownOut: it came back after retention had passed, and began at the end. Its lag is 0.
func thrownOut(s *tale, away int) int {
	back := away + 90 + s.c.rng.IntN(60)
	s.write(away, back)
	s.keep()
	s.scribe.Members(minute(back), 1)
	s.lose(s.read, s.upTo[back])
	s.c.tell("thrown out: read up to %d, and then from %d on", s.read, s.upTo[back])
	s.write(back, back+10)
	s.follow(back+1, back+10)
	s.stand()
	s.b.behead("orders", 0, s.upTo[away+10])
	s.reset = group.ResetLatest
	return back + 10
}

// setForward: somebody set its position while nobody was there.
func setForward(s *tale, away int) int {
	end := away + 40
	s.write(away, end)
	to := s.upTo[away+1+s.c.rng.IntN(20)]
	s.lose(s.read, to)
	s.c.tell("set forward from %d to %d", s.read, to)
	s.read = to
	s.scribe.Commit(minute(away+22), "orders", 0, to)
	s.scribe.Members(minute(away+23), 1)
	s.follow(away+24, end)
	s.stand()
	return end
}

// backInTime: it was away for less than retention, and found everything where it had left off.
func backInTime(s *tale, away int) int {
	back := away + 1 + s.c.rng.IntN(40)
	s.write(away, back+60)
	s.scribe.Members(minute(back), 1)
	s.follow(back+1, back+60)
	s.stand()
	s.keep()
	s.b.behead("orders", 0, s.upTo[back+30])
	s.c.tell("away from minute %d to %d", away, back)
	return back + 60
}

// keptUp: it went on, and long afterwards its records expired.
func keptUp(s *tale, away int) int {
	s.scribe.Members(minute(away), 1)
	s.write(away, away+60)
	s.follow(away+1, away+60)
	s.stand()
	s.b.behead("orders", 0, s.read)
	s.c.tell("kept up")
	return away + 60
}

func (s *tale) judge(end int) {
	c := s.c
	rep, err := group.Look(c.t.Context(), group.Input{
		Client: s.b.writer, Group: "billing", Topic: "orders", Reset: s.reset, NowMs: minute(end).UnixMilli(), Archive: s.archive,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range rep.Findings {
		c.tell("finding %+v", f)
	}
	called, lost, all := newLedger(), newLedger(), newLedger()
	for _, f := range rep.Findings {
		if f.Kind == gap.NotComparable {
			c.t.Errorf("not decided, and the story decides it: %+v", f)
		}
		for i, r := range s.records {
			if f.Kind == gap.Missing && f.Range.Contains(r.Offset) {
				called.add(0, &s.records[i], record.AllFields)
			}
		}
	}
	for i, r := range s.records {
		all.add(0, &s.records[i], record.AllFields)
		if s.lost[r.Offset] {
			lost.add(0, &s.records[i], record.AllFields)
		}
	}
	c.judge(all.len(), lost, called)
}
