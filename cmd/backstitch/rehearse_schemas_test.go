package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"backstitch/cluster/client"
	"backstitch/replay/datum"
	"backstitch/replay/framed"
	"backstitch/replay/record"
	"backstitch/replay/schema/schematest"
	"backstitch/replay/synth"
)

const rehearsedV1 = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"amount","type":"string"},{"name":"note","type":["null","string"],"default":null},{"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","PAID"]}}]}`

const rehearsedV2 = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"amount","type":"double"},{"name":"note","type":["null","string"],"default":null},{"name":"state","type":"string"},{"name":"currency","type":"string","default":"EUR"}]}`

// avroProfile is a profile of a day of orders in Avro that name their schema so, as a file.
func avroProfile(t *testing.T, name record.SchemaName, header bool) string {
	t.Helper()
	s, err := datum.Form{}.Parse(framed.Text{Schema: rehearsedV1}, "")
	if err != nil {
		t.Fatal(err)
	}
	l := synth.NewLearner(synth.Options{})
	if err := l.Meet(name, synth.Schema{Kind: synth.KindAvro, Text: synth.Text{Schema: rehearsedV1}, Subject: "orders-value", Version: 1}); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for i := range 4000 {
		note := "null"
		if i%3 == 0 {
			note = `"Anna Rossi"`
		}
		payload, err := s.Payload(fmt.Appendf(nil, `{"id":%d,"amount":"%d.50","note":%s,"state":%q}`, 1_000_000+i, i%900, note, []string{"NEW", "PAID"}[i%2]))
		if err != nil {
			t.Fatal(err)
		}
		r := record.Record{TimestampMs: day.Add(time.Duration(i) * 20 * time.Second).UnixMilli(), Key: fmt.Appendf(nil, "customer-%d", i%90)}
		if r.Value = append(framed.AppendName(nil, name), payload...); header {
			r.Value, r.Headers = payload, []record.Header{{Key: record.ValueSchemaHeader, Value: framed.AppendName(nil, name)}}
		}
		l.Add(int32(i%4), &r)
	}
	return encodedProfile(t, l)
}

// encodedProfile is what l has learnt, as a file.
func encodedProfile(t *testing.T, l *synth.Learner) string {
	t.Helper()
	p, err := l.Profile()
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "Rossi") {
		t.Fatal("a real name is in the profile")
	}
	return textFile(t, "orders.profile.json", string(b))
}

// rehearseFile runs a rehearsal of one node in processes of its own. Nothing of the real places is connected to.
func rehearseFile(t *testing.T, text, profile string, more ...string) (rehearsal, string, error) {
	t.Helper()
	place, touched := listener(t)
	file := textFile(t, "orders.yaml", strings.ReplaceAll(text, "REAL", place))
	exe, err := exec.LookPath("backstitch") // this test binary, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, append([]string{"rehearse", "-f", file, "--like", profile, "--records", "2000", "--nodes", "1", "-o", "json", "-q"}, more...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it ends its children
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var out rehearsal
	if err = cmd.Run(); err == nil {
		err = json.Unmarshal([]byte(stdout.String()), &out)
	}
	if touched.Load() != 0 {
		t.Errorf("%d connections to where the spec reads and writes, want none", touched.Load())
	}
	return out, stdout.String() + stderr.String(), err
}

const recoveryOf = `apiVersion: backstitch.dev/v1
kind: Recovery
metadata: {name: orders}
spec:
`

// TestARehearsalDoesTheSteps: values of a replica are read and changed under schemas that the sandbox's registries have, come out with the target's
// name, and a reader finds them so. What can go wrong is done wrong on purpose elsewhere (chaos/mutant).
func TestARehearsalDoesTheSteps(t *testing.T) {
	number := record.SchemaName{ID: 7}
	guid := record.SchemaName{ByGUID: true, GUID: [16]byte{1, 2, 3, 15: 4}}
	uuid := record.GlueVersion([16]byte{4, 3, 2, 15: 1})
	steps := `
    steps:
      - cast: {field: amount, to: number}
      - cast: {field: state, to: string}
      - default: {field: currency, value: EUR}
    examples:
      - schema: {inline: ` + rehearsedV1 + `}
        in: {id: 1, amount: "12.50", note: null, state: NEW}
        out: {id: 1, amount: 12.5, note: null, state: NEW, currency: EUR}
`
	sides := func(source, target string) string {
		return fmt.Sprintf("  source: {s3: {bucket: acme-archive, prefix: x, endpoint: \"http://REAL\"%s}}\n  target: {kafka: {brokers: \"REAL\", topic: orders-v2%s}}\n", source, target)
	}
	const west, east = `, registry: "http://REAL/west"`, `, registry: "http://REAL/east"`
	t.Run("steps, JSON", func(t *testing.T) {
		t.Parallel()
		l := synth.NewLearner(synth.Options{KeepShape: true})
		for i := range 4000 {
			l.Add(int32(i%4), &record.Record{TimestampMs: 1_795_132_800_000 + int64(i)*20_000, Value: fmt.Appendf(nil, `{"amount":%d.5,"state":"NEW"}`, i)})
		}
		out, said, err := rehearseFile(t, recoveryOf+sides("", "")+"  transform: {version: v2, steps: [{rename: {field: amount, to: price}}, {set: {field: cents, expr: 'value.price * 100.0'}}]}\n",
			encodedProfile(t, l), "--lose", "p01:02:00-05:00")
		if err != nil || !out.Passed || out.Lost < 30 || out.Written != out.Lost {
			t.Fatalf("%v: %+v\n%s", err, out, said)
		}
	})
	for what, row := range map[string]struct {
		name   record.SchemaName
		header bool
		spec   string
	}{
		"steps, two registries":         {number, false, sides(west, east) + "  transform:\n    version: v2\n    values: {as: avro, schema: {inline: " + rehearsedV2 + "}}" + steps},
		"steps, one registry, a header": {guid, true, sides(west, "") + "  transform:\n    version: v2\n    values: {as: avro, schema: {inline: " + rehearsedV2 + "}}" + steps},
		"steps, Glue": {uuid, false, sides("", "") + "  transform:\n    version: v2\n    values: {as: avro, schema: {inline: " + rehearsedV2 +
			"}, glue: {output: b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63, versions: [{uuid: " + uuid.Text() + ", inline: " + rehearsedV1 + "}]}}" + steps},
		"remapped":           {number, false, sides(west, east+", schemas: remap")},
		"remapped, a header": {guid, true, sides(west, east+", schemas: remap")},
		"kept":               {number, false, sides(west, east)},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			out, said, err := rehearseFile(t, recoveryOf+row.spec, avroProfile(t, row.name, row.header), "--lose", "p01:02:00-05:00", "--dup", "1%")
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if !out.Passed || out.Lost < 30 || out.Found != out.Lost || out.Written != out.Lost || out.Proof != "pass" || out.Judged.Missing != 0 || out.Judged.Extra != 0 {
				t.Errorf("got %+v", out)
			}
		})
	}
}

// TestARehearsalNeedsWhatTheSpecNames: a spec that names what the profile does not have is refused before anything starts.
func TestARehearsalNeedsWhatTheSpecNames(t *testing.T) {
	framed, plain := avroProfile(t, record.SchemaName{ID: 7}, false), profileFile(t)
	sides := `  source: {s3: {bucket: acme-archive, prefix: x, registry: "http://127.0.0.1:1"}}
  target: {kafka: {brokers: "127.0.0.1:1", topic: orders-v2}}
  transform: {version: v2, `
	for _, row := range []struct{ spec, profile, code, says string }{
		{sides + "values: {as: avro, schema: {subject: orders-v3-value, version: 3}}}", framed, "BST-E4116", "--subject orders-v3-value"},
		{sides + "values: {as: avro, schema: {subject: orders-value, version: 2}}}", framed, "BST-E4116", "version 2 of subject orders-value"},
		{sides + "values: {as: avro, schema: {subject: orders-value}}}", plain, "BST-E4116", "--registry"},
		{sides + "values: {as: protobuf, schema: {subject: orders-value}}}", framed, "BST-E4116", "of kind protobuf"},
		{strings.Replace(sides, `, registry: "http://127.0.0.1:1"`, "", 1) + "steps: [{drop: {field: a}}]}", plain, "BST-E4113", "--keep-shape"},
	} {
		_, stderr, got := invoke(t, nil, "rehearse", "-f", textFile(t, "orders.yaml", recoveryOf+row.spec+"\n"), "--like", row.profile)
		if got != client.ExitUsage || !strings.Contains(stderr, row.code) || !strings.Contains(stderr, row.says) {
			t.Errorf("%s: got %d, want %s and %q:\n%s", row.spec, got, row.code, row.says, stderr)
		}
	}
}

func TestARegistryIsForATopicToLearnFrom(t *testing.T) {
	_, stderr, got := invoke(t, nil, "synth", "generate", "x", "--like", profileFile(t), "--like-registry", "http://127.0.0.1:1", "--kafka", "127.0.0.1:1", "--out", "x")
	if got != client.ExitUsage || !strings.Contains(stderr, "--like-kafka is not given") {
		t.Errorf("got %d, want a flag that would do nothing to be refused:\n%s", got, stderr)
	}
}

// TestSynthLearnsBySchemas: a topic's values are learnt from by a registry's schemas, a replica of them is written that names the same ones, and
// what can not be had is refused by name with what to do.
func TestSynthLearnsBySchemas(t *testing.T) {
	p := newPlace(t)
	fake := schematest.New(t)
	fake.Put(7, sr.Schema{Schema: rehearsedV1})
	cl, err := kgo.NewClient(kgo.SeedBrokers(p.brokers()...), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopics(p.ctx, 1, 1, nil, "framed", "glued", "strange"); err != nil {
		t.Fatal(err)
	}
	form, err := datum.Form{}.Parse(framed.Text{Schema: rehearsedV1}, "")
	if err != nil {
		t.Fatal(err)
	}
	payload, err := form.Payload([]byte(`{"id":5000000123,"amount":"12.50","note":"Anna Rossi","state":"PAID"}`))
	if err != nil {
		t.Fatal(err)
	}
	version := record.GlueVersion([16]byte{1, 15: 2})
	var all []*kgo.Record
	for range 20 {
		all = append(all, &kgo.Record{Topic: "framed", Value: append(framed.AppendName(nil, record.SchemaName{ID: 7}), payload...)},
			&kgo.Record{Topic: "glued", Value: append(framed.AppendName(nil, version), payload...)}, &kgo.Record{Topic: "strange", Value: []byte{0, 0, 0, 0, 8, 1}})
	}
	if err := cl.ProduceSync(p.ctx, all...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	profile := filepath.Join(dir, "framed.profile.json")
	stdout, _ := p.invoke(0, "synth", "learn", "framed", "--kafka", "kafka", "--registry", fake.URL, "--out", profile)
	if !strings.Contains(stdout, "Schema      7, avro: 20 front") {
		t.Errorf("learn says:\n%s", stdout)
	}
	if b, err := os.ReadFile(profile); err != nil || bytes.Contains(b, []byte("Rossi")) || bytes.Contains(b, []byte("5000000123")) {
		t.Errorf("a real value is in the profile: %v", err)
	}
	p.invoke(0, "synth", "generate", "framed-like", "--like", "framed", "--like-kafka", "kafka", "--like-registry", fake.URL, "--kafka", "kafka", "--records", "30", "--out", filepath.Join(dir, "planted.json"), "-q")
	reader, err := kgo.NewClient(kgo.SeedBrokers(p.brokers()...), kgo.ConsumeTopics("framed-like"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for n := 0; n < 30; {
		fetches := reader.PollFetches(p.ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			id, ok := record.FrameID(r.Value)
			if text, err := form.JSON(r.Value[record.FrameLen:]); !ok || id != 7 || err != nil || bytes.Contains(text, []byte("Rossi")) || !bytes.Contains(text, []byte(`"PAID"`)) {
				t.Errorf("replica: %x is %s, %v", r.Value, text, err)
			}
		})
	}
	avsc := textFile(t, "order.avsc", rehearsedV1)
	for _, row := range []struct {
		args []string
		want int
		says []string
	}{
		{[]string{"strange", "--registry", fake.URL}, client.ExitFailed, []string{"BST-E4116", "schema 8", "p00 offset 0"}},
		{[]string{"glued", "--registry", fake.URL}, client.ExitFailed, []string{"BST-E4116", "--glue " + version.Text() + "=FILE"}},
		{[]string{"glued", "--glue", version.Text() + "=" + avsc}, 0, nil},
		{[]string{"framed", "--glue", version.Text() + "=" + avsc}, client.ExitFailed, []string{"BST-E4116", "--registry"}},
		{[]string{"glued", "--glue", version.Text() + "=" + textFile(t, "order.proto", rehearsedV1)}, client.ExitFailed, []string{"BST-E4117"}},
		{[]string{"framed", "--registry", fake.URL, "--subject", "none"}, client.ExitFailed, []string{"BST-E4116", "subject none"}},
		{[]string{"framed", "--subject", "none"}, client.ExitUsage, []string{"--registry"}},
		{[]string{"glued", "--glue", "7=" + avsc}, client.ExitUsage, []string{"UUID=FILE"}},
		{[]string{"glued", "--glue", version.Text() + "=order.xml"}, client.ExitUsage, []string{".avsc, .proto or .json"}},
		{[]string{"glued", "--glue", version.Text() + "=" + filepath.Join(dir, "none.avsc")}, client.ExitUsage, []string{"none.avsc"}},
	} {
		_, stderr := p.invoke(row.want, append([]string{"synth", "learn", "--kafka", "kafka", "-q"}, row.args...)...)
		for _, says := range row.says {
			if !strings.Contains(stderr, says) {
				t.Errorf("%v: got %s, want it to say %q", row.args, stderr, says)
			}
		}
	}
}
