package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/chaos/traffic"
)

func event(p int32, n int64) traffic.Event {
	return traffic.Event{Partition: p, TimestampMs: 1000 + n, Key: []byte("k"), Value: fmt.Append(nil, "v", n), Headers: []traffic.Header{{Key: "h", Value: []byte{}}}}
}

// restored is the truth of two partitions of ten records, and a topic in which the refill put back 3 to 6 of each: the survivors
// first, then the refilled ones under one producer.
func restored() (Made, Log) {
	made := Made{Truth: traffic.Truth{}, Reference: map[Place]traffic.Event{}}
	log := Log{}
	for p := range int32(2) {
		part := &Part{}
		var refilled []Record
		for n := range int64(10) {
			e := event(p, n)
			made.Truth[e.ID()]++
			made.Reference[Place{p, n}] = e
			if n >= 3 && n <= 6 {
				refilled = append(refilled, Record{Event: e, Refilled: true, Origin: n, Job: "bs-1", ProducerID: 7, ProducerEpoch: int16(n / 5)})
			} else {
				part.Records = append(part.Records, Record{Event: e, ProducerID: -1})
			}
		}
		part.Records = append(part.Records, refilled...)
		log[p] = numbered(part)
	}
	return made, log
}

// numbered gives the records of a partition their offsets.
func numbered(p *Part) *Part {
	for i := range p.Records {
		p.Records[i].Offset = int64(i)
	}
	p.Start, p.Reached, p.Stable, p.End = 0, int64(len(p.Records)), int64(len(p.Records)), int64(len(p.Records))
	return p
}

func TestTopicFindsWhatIsBroken(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(p *Part)
		want   map[Promise]int
	}{
		{"nothing", func(*Part) {}, nil},
		{"a survivor is lost", func(p *Part) { p.Records = p.Records[1:] }, map[Promise]int{Complete: 1}},
		{"a refilled one is lost", func(p *Part) { p.Records = p.Records[:9] }, map[Promise]int{Complete: 1}},
		{"one is there twice", func(p *Part) { p.Records = append(p.Records, p.Records[9]) }, map[Promise]int{Once: 2}},
		{"a survivor is there twice", func(p *Part) { p.Records = append(p.Records, p.Records[0]) }, map[Promise]int{Once: 1}},
		{"two change places", func(p *Part) { p.Records[7], p.Records[8] = p.Records[8], p.Records[7] }, map[Promise]int{Ordered: 1}},
		{"a value has another byte", func(p *Part) { p.Records[8].Value = []byte("x") }, map[Promise]int{Complete: 1, Once: 1, Faithful: 1}},
		{"an empty header is null", func(p *Part) { p.Records[8].Headers = []traffic.Header{{Key: "h"}} }, map[Promise]int{Complete: 1, Once: 1, Faithful: 1}},
		{"a header is gone", func(p *Part) { p.Records[8].Headers = nil }, map[Promise]int{Complete: 1, Once: 1, Faithful: 1}},
		{"a key is null", func(p *Part) { p.Records[8].Key = nil }, map[Promise]int{Complete: 1, Once: 1, Faithful: 1}},
		{"a timestamp is later", func(p *Part) { p.Records[8].TimestampMs++ }, map[Promise]int{Complete: 1, Once: 1, Faithful: 1}},
		{"an origin that never was", func(p *Part) { p.Records[9].Origin = 99 }, map[Promise]int{Faithful: 1}},
		{"the wrong original", func(p *Part) { p.Records[8].Origin, p.Records[9].Origin = 6, 5 }, map[Promise]int{Ordered: 1, Faithful: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			made, log := restored()
			c.breaks(log[1])
			numbered(log[1])
			found, err := Topic(made, log)
			if err != nil {
				t.Fatal(err)
			}
			total := 0
			for p, n := range c.want {
				total += n
				if found.Count(p) != n {
					t.Errorf("%s: got %d findings, want %d", p, found.Count(p), n)
				}
			}
			if len(found) != total {
				t.Errorf("got %d findings, want %d:\n%s", len(found), total, found)
			}
		})
	}
}

func TestALogThatCanNotBeJudgedIsRefused(t *testing.T) {
	for name, breaks := range map[string]func(made *Made, l Log){
		"an empty truth":             func(m *Made, _ Log) { m.Truth = nil },
		"no partitions":              func(_ *Made, l Log) { clear(l) },
		"a partition was not read":   func(_ *Made, l Log) { l[1] = nil },
		"the reader stopped early":   func(_ *Made, l Log) { l[1].Stable++; l[1].End++ },
		"a transaction is open":      func(_ *Made, l Log) { l[1].Stable-- },
		"offsets that fall":          func(_ *Made, l Log) { l[1].Records[3].Offset = 1 },
		"a record of another":        func(_ *Made, l Log) { l[1].Records[3].Partition = 0 },
		"an offset before the start": func(_ *Made, l Log) { l[1].Start = 1 },
	} {
		made, log := restored()
		breaks(&made, log)
		if found, err := Topic(made, log); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: got %v, %v, want ErrEvidence", name, found, err)
		}
	}
}

func TestSameAs(t *testing.T) {
	_, calm := restored()
	_, hurt := restored()
	slices.Reverse(hurt[0].Records[:6]) // survivors may stand anywhere: they were there before
	numbered(hurt[0])
	if found, err := SameAs(calm, hurt); err != nil || len(found) != 0 {
		t.Errorf("got %v, %v, want the same", found, err)
	}
	for name, breaks := range map[string]func(l Log){
		"another record":      func(l Log) { l[1].Records[8].Value = []byte("x") },
		"one is missing":      func(l Log) { l[1].Records = l[1].Records[:9]; numbered(l[1]) },
		"another order":       func(l Log) { r := l[1].Records; r[7], r[8] = r[8], r[7]; numbered(l[1]) },
		"a partition is gone": func(l Log) { delete(l, 1) },
		"another partition":   func(l Log) { l[2] = numbered(&Part{}) },
	} {
		_, hurt := restored()
		breaks(hurt)
		if found, err := SameAs(calm, hurt); err != nil || found.Count(Undisturbed) != 1 {
			t.Errorf("%s: got %v, %v, want one finding", name, found, err)
		}
	}
	if _, err := SameAs(Log{0: numbered(&Part{})}, hurt); !errors.Is(err, ErrEvidence) {
		t.Errorf("an empty undisturbed run: got %v, want ErrEvidence", err)
	}
}

func TestFencing(t *testing.T) {
	_, log := restored()
	if found, takeovers, err := Fencing(log); err != nil || len(found) != 0 || takeovers != 2 {
		t.Fatalf("got %v, %d takeovers, %v, want none, 2", found, takeovers, err)
	}
	for name, breaks := range map[string]func(r []Record){
		"a zombie writes last": func(r []Record) { r[9].ProducerEpoch = 0 },
		"a zombie writes between": func(r []Record) {
			r[6].ProducerEpoch, r[7].ProducerEpoch, r[8].ProducerEpoch, r[9].ProducerEpoch = 0, 1, 0, 1
		},
		"an older epoch":           func(r []Record) { r[6].ProducerEpoch, r[7].ProducerEpoch, r[8].ProducerEpoch = 4, 4, 4 },
		"the producer before that": func(r []Record) { r[7].ProducerID, r[8].ProducerID, r[8].ProducerEpoch = 8, 7, 0 },
	} {
		_, log := restored()
		breaks(log[1].Records)
		if found, _, err := Fencing(log); err != nil || found.Count(Fenced) == 0 {
			t.Errorf("%s: got %v, %v, want a finding", name, found, err)
		}
	}
	log[1].Records[8].ProducerID = -1
	if _, _, err := Fencing(log); !errors.Is(err, ErrEvidence) {
		t.Errorf("without a producer id: got %v, want ErrEvidence", err)
	}
}

func TestCheckpoints(t *testing.T) {
	claim := func(cursor, elsewhere int64) []Claim {
		return []Claim{{Slice: "bs-1/0", Job: "bs-1", Partition: 1, Wanted: []int64{3, 4, 5, 6}, Cursor: cursor, Elsewhere: elsewhere}}
	}
	_, log := restored()
	log[1].Records = log[1].Records[:9] // without 6
	numbered(log[1])
	for _, c := range []struct {
		claims []Claim
		want   int
	}{{claim(6, 0), 0}, {claim(7, 0), 1}, {claim(7, 1), 0}, {[]Claim{{Slice: "x", Job: "bs-2", Partition: 1, Wanted: []int64{3}, Cursor: 4}}, 1}} {
		if found, err := Checkpoints(c.claims, log); err != nil || found.Count(Behind) != c.want {
			t.Errorf("%+v: got %v, %v, want %d findings", c.claims, found, err, c.want)
		}
	}
	if _, err := Checkpoints(nil, log); !errors.Is(err, ErrEvidence) {
		t.Errorf("no claims: got %v, want ErrEvidence", err)
	}
	for _, c := range []struct {
		name  string
		steps []Step
		want  int
	}{
		{"data first", []Step{{"a", false, 5}, {"a", true, 5}, {"b", false, 1}, {"a", false, 9}, {"a", true, 7}}, 0},
		{"checkpoint first", []Step{{"a", true, 5}, {"a", false, 5}}, 1},
		{"another slice's data", []Step{{"b", false, 5}, {"a", true, 5}}, 1},
		{"a checkpoint falls", []Step{{"a", false, 5}, {"a", true, 5}, {"a", true, 4}}, 1},
		{"a commit falls", []Step{{"a", false, 5}, {"a", false, 4}}, 1},
	} {
		if found, err := Progress(c.steps); err != nil || found.Count(Behind) != c.want {
			t.Errorf("%s: got %v, %v, want %d", c.name, found, err, c.want)
		}
	}
}

func TestFindingsShowTheFirst(t *testing.T) {
	var f Findings
	for i := range 30 {
		f.add(Once, "somewhere", "%d", i)
	}
	if text := f.String(); strings.Count(text, "\n") != maxShown+1 || !strings.HasSuffix(text, "and 10 more\n") {
		t.Errorf("got %s", text)
	}
}
