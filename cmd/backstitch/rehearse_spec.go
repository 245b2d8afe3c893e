package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"backstitch/cluster/client"
	"backstitch/replay/spec"
	"backstitch/replay/synth"
)

// What of a spec is rehearsed. The trap: a field that is carried over and means something else in the sandbox, or one that is left
// out in silence, makes a rehearsal of another job. So the spec is made anew from what is known to be the same, and the rest is refused.

// rehearsed is a spec for the sandbox, whose connections are the site's. Nothing of where the original reads and writes is in it; registries
// are for registriesOf to name.
func rehearsed(r *spec.Recovery) (*spec.Recovery, error) {
	s := &r.Spec
	var not []string
	refuse := func(is bool, field string) {
		if is {
			not = append(not, field)
		}
	}
	refuse(s.Target.Kafka == nil, "a target that is not kafka")
	refuse(s.Validate != nil, "validate")
	if k := s.Target.Kafka; k != nil {
		refuse(k.Partitioner != "" && k.Partitioner != "keep", "target.kafka.partitioner: "+k.Partitioner)
	}
	if w := s.Write; w != nil {
		refuse(w.Dedupe != nil, "write.dedupe")
		refuse(w.Superseded != "" && w.Superseded != "keep", "write.superseded")
		refuse(w.Late != nil, "write.late")
	}
	if h := s.Schedule; h != nil { // a rehearsal is now, and not when the job will be
		refuse(len(h.PeakHours) > 0, "schedule.peakHours")
		refuse(len(h.Blackout) > 0, "schedule.blackout")
	}
	refuse(s.Throttle != nil && s.Throttle.Spare != nil, "throttle.spare") // nobody is there to be spared
	refuse(s.Range != nil && s.Range.Offsets != nil, "range.offsets")
	if len(not) > 0 {
		return nil, &failure{
			Code: codeNoRehearsal, Title: "the spec can not be rehearsed", Exit: client.ExitUsage,
			Detail: "A replica has no values to judge by, and its positions are its own. Not rehearsed: " + strings.Join(not, ", ") + ".",
			Next:   "rehearse a copy of the spec without it",
		}
	}
	out := &spec.Recovery{APIVersion: r.APIVersion, Kind: r.Kind, Metadata: spec.Metadata{Name: r.Metadata.Name, Namespace: r.Metadata.Namespace}}
	out.Spec = spec.Spec{
		Source:    spec.Source{S3: &spec.S3Source{Connection: "s3", Bucket: siteBucket, Prefix: rehearsalPrefix}},
		Target:    spec.Target{Kafka: &spec.KafkaTarget{Connection: "kafka", Topic: s.Target.Kafka.Topic, Schemas: s.Target.Kafka.Schemas}},
		Transform: s.Transform, Select: s.Select, Write: s.Write, Slices: s.Slices, Schedule: s.Schedule, Throttle: s.Throttle,
	}
	return out, nil
}

func registryOf(s *spec.Source) string {
	switch {
	case s.S3 != nil:
		return s.S3.Registry
	case s.Dir != nil:
		return s.Dir.Registry
	case s.Kafka != nil:
		return s.Kafka.Registry
	}
	return ""
}

// inPieces cuts a job small enough for a story of kills: with slices as large as what is lost nobody sees a middle to hit.
func inPieces(r *spec.Recovery, lost int64) {
	const pieces = 60
	records := max(10, lost/pieces)
	slices, write := spec.Slices{}, spec.Write{}
	if r.Spec.Slices != nil {
		slices = *r.Spec.Slices
	}
	if r.Spec.Write != nil {
		write = *r.Spec.Write
	}
	if slices.Records == 0 || slices.Records > records {
		slices.Records = records
	}
	if write.CommitRecords == 0 || int64(write.CommitRecords) > records {
		write.CommitRecords = int(records)
	}
	r.Spec.Slices, r.Spec.Write = &slices, &write
}

// rehearsalPrefix is where the replica is archived.
const rehearsalPrefix = "rehearsal"

// specText is a spec as a file: JSON, which is YAML.
func specText(r *spec.Recovery) ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	if _, err := spec.Parse("the rehearsal's spec", b, spec.Options{Connections: map[string]string{"kafka": "kafka", "s3": "s3", sourceRegistry: "registry", targetRegistry: "registry"}}); err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// lossOf is what a rehearsal loses when nothing is said: the spec's range, where it is a stretch within one day, or else the six
// busiest hours in a row of every second partition that the spec selects.
func lossOf(r *spec.Recovery, p *synth.Profile) ([]synth.Window, error) {
	var chosen []int32
	if r.Spec.Select != nil && r.Spec.Select.Partitions != "" {
		var err error
		if chosen, err = r.Spec.Select.Partitions.Parse(); err != nil {
			return nil, err
		}
	}
	from, to, ok, err := dayRange(r.Spec.Range)
	if err != nil {
		return nil, err
	}
	var out []synth.Window
	n := 0
	for i := range p.Partitions {
		part := &p.Partitions[i]
		if part.Records == 0 || chosen != nil && !slices.Contains(chosen, part.Partition) {
			continue
		}
		w := synth.Window{Partition: part.Partition, From: from, To: to}
		if !ok {
			w = busiest(part)
		}
		if n++; ok || n%2 == 1 {
			out = append(out, w)
		}
	}
	return out, nil
}

// dayRange is a spec's range as times of a day, UTC, if it lies within one.
func dayRange(r *spec.Range) (from, to time.Duration, ok bool, err error) {
	if r == nil || r.From == "" || r.To == "" {
		return 0, 0, false, nil
	}
	first, err := r.From.Parse()
	if err != nil {
		return 0, 0, false, err
	}
	end, err := r.To.Parse()
	if err != nil {
		return 0, 0, false, err
	}
	midnight := first.UTC().Truncate(24 * time.Hour)
	from, to = first.Sub(midnight), end.Sub(midnight)
	return from, to, to > from && to <= 24*time.Hour, nil
}

const busyHours = 6

func busiest(p *synth.Partition) synth.Window {
	most, at := int64(-1), 0
	for h := 0; h+busyHours <= 24; h++ {
		var n int64
		for _, records := range p.Hours[h : h+busyHours] {
			n += records
		}
		if n > most {
			most, at = n, h
		}
	}
	return synth.Window{Partition: p.Partition, From: time.Duration(at) * time.Hour, To: time.Duration(at+busyHours) * time.Hour}
}

// checkNodes bounds --nodes, and what a story of kills needs.
func checkNodes(nodes int, chaos string) error {
	if !slices.Contains([]int{1, 3, 5}, nodes) {
		return fmt.Errorf("--nodes %d: want 1, 3 or 5", nodes)
	}
	if chaos == "" {
		return nil
	}
	if !slices.Contains(rehearsalChaos, chaos) {
		return fmt.Errorf("--chaos %q: want one of %s", chaos, strings.Join(rehearsalChaos, ", "))
	}
	if nodes < 3 {
		return fmt.Errorf("--chaos with --nodes %d: a cluster of fewer than 3 does not survive a loss", nodes)
	}
	return nil
}
