package reach_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
	"backstitch/replay/spec"

	"github.com/twmb/franz-go/pkg/kadm"
)

// From where what is missing can be filled, and until when: a topic says so by its settings, and only where age alone decides; of an
// archive nobody knows. A plan is the same whatever the reference keeps.
func TestUntilWhenTheReferenceHasWhatIsMissing(t *testing.T) {
	l := newLab(t)
	l.recreate(func(_ int32, o int64) bool { return o < 200 })
	adm := kadm.NewClient(l.kafka.Client())
	if _, err := adm.CreateTopics(t.Context(), replaytest.Partitions, 1, nil, "whole"); err != nil {
		t.Fatal(err)
	}
	const years = 365 * 24 * time.Hour // the broker has a clock, and takes what is too old
	for p, rs := range l.all {
		l.kafka.Produce("whole", p, rs...)
	}
	topic := func() *spec.Recovery {
		r := l.spec("")
		r.Spec.Source = spec.Source{Kafka: &spec.KafkaSource{Brokers: r.Spec.Target.Kafka.Brokers, Topic: "whole"}}
		return r
	}
	millis := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	set := func(values ...string) {
		t.Helper()
		var alter []kadm.AlterConfig
		for i := 0; i < len(values); i += 2 {
			alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: values[i], Value: &values[i+1]})
		}
		if _, err := adm.AlterTopicConfigs(t.Context(), alter, "whole"); err != nil {
			t.Fatal(err)
		}
	}
	brokers := strings.Join(l.kafka.ListenAddrs(), ",")
	from := l.all[0][200].TimestampMs
	rows := []struct {
		name   string
		values []string
		spec   func() *spec.Recovery
		by     string
		until  int64
	}{
		{"by age", []string{"retention.ms", millis(30 * years), "retention.bytes", "-1", "cleanup.policy", "delete"}, topic, "topic whole at " + brokers, from + (30 * years).Milliseconds()},
		{"by size, too", []string{"retention.bytes", "1000000000"}, topic, "topic whole at " + brokers, 0},
		{"compacted, too", []string{"retention.bytes", "-1", "cleanup.policy", "compact,delete"}, topic, "topic whole at " + brokers, 0},
		{"for ever", []string{"retention.ms", "-1", "cleanup.policy", "delete"}, topic, "topic whole at " + brokers, 0},
		{"archive", nil, func() *spec.Recovery { return l.spec("") }, "archive of orders in " + l.dir, 0},
	}
	plans := map[[32]byte]bool{}
	for _, row := range rows {
		if len(row.values) > 0 {
			set(row.values...)
		}
		p, rep, err := recovery.BuildWithScan(t.Context(), row.spec(), l.clients, l.options())
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		if len(rep.Findings) != len(l.all) {
			t.Errorf("%s: got %d findings, want one per partition", row.name, len(rep.Findings))
		}
		for _, f := range rep.Findings {
			if f.Kind != gap.Missing || f.HeldBy != row.by || f.UntilMs != row.until {
				t.Errorf("%s: got %s, held by %q until %d, want missing, %q, %d", row.name, f.Kind, f.HeldBy, f.UntilMs, row.by, row.until)
			}
		}
		if row.until == 0 {
			continue
		}
		hash, err := p.Hash()
		if err != nil {
			t.Fatal(err)
		}
		plans[hash] = true
		set("retention.ms", millis(40*years))
		if p, err = recovery.Build(t.Context(), row.spec(), l.clients, l.options()); err == nil {
			hash, err = p.Hash()
		}
		if plans[hash] = true; err != nil || len(plans) != 1 {
			t.Errorf("%s: got %d plans and %v once the reference keeps records for another time, want the same plan", row.name, len(plans), err)
		}
	}
}
