package reach_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	s3bucket "backstitch/replay/bucket/s3"
	"backstitch/replay/buckettest"
	"backstitch/replay/connect"
	"backstitch/replay/engine"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/spec"
	"backstitch/replay/verify"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// shelved is a lab whose target is an object store.
func shelved(t *testing.T) (*lab, *s3.Client) {
	l := newLab(t)
	endpoint, cl := buckettest.S3(t, "fills", nil)
	secrets := func(string) (string, bool) { return "test", true }
	l.config = open.Config{Cluster: "test", Env: secrets, S3: func(name string) (connect.S3, bool) {
		return connect.S3{Endpoint: endpoint, AccessKey: "env:ID", SecretKey: "env:KEY"}, name == "store"
	}}
	l.clients = reach.New(l.config)
	return l, cl
}

func (l *lab) into(bucket, prefix, more string) *spec.Recovery {
	return l.intoAs(bucket, prefix, "", more)
}

// intoAs is into with more of the target.
func (l *lab) intoAs(bucket, prefix, files, more string) *spec.Recovery {
	l.t.Helper()
	text := "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {dir: {path: " + l.dir +
		"}}\n  target: {s3: {connection: store, bucket: " + bucket + ", prefix: " + prefix + ", topic: orders" + files + "}}\n" + more
	r, err := spec.Parse("lab.yaml", []byte(text), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// The whole way into an object store: a part first, then what is still missing, each with its proof; then there is nothing to do.
func TestRefillIntoAnObjectStore(t *testing.T) {
	l, _ := shelved(t)
	v := verify.New(verify.DefaultConfig())
	for _, step := range []struct {
		more string
		want int64
	}{
		{"  range: {offsets: {from: 0, to: 200}}\n", 3 * 200},
		{"", 3 * 100},
		{"", 0},
	} {
		r := l.into("fills", "refill", step.more)
		p, err := recovery.Build(t.Context(), r, l.clients, l.options())
		if err != nil {
			t.Fatal(err)
		}
		if p.Totals.Records != step.want {
			t.Fatalf("got %d records to write, want %d", p.Totals.Records, step.want)
		}
		if err := recovery.CheckFresh(t.Context(), p, l.clients); err != nil {
			t.Errorf("right after planning: got %v, want a fresh plan", err)
		}
		sub, err := p.Submission()
		if err != nil {
			t.Fatal(err)
		}
		cs, err := v.Job(t.Context(), sub.Slices, nil, l.run(sub), 2)
		if err != nil {
			t.Fatal(err)
		}
		if verdict, evidence := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass || evidence != fsm.E3 {
			t.Errorf("got %s at %s, want a pass at E3: %+v", verdict, evidence, cs)
		}
	}
}

// In every format it is the same way, with the same proof.
func TestRefillInEveryFormat(t *testing.T) {
	for _, f := range []struct {
		format, codec, ending string
		version               int
	}{
		{"ndjson", "none", ".ndjson", recovery.RecipeVersion}, {"ndjson", "zstd", ".ndjson.zst", recovery.ColumnsVersion}, {"csv", "none", ".csv", recovery.ColumnsVersion},
		{"array", "gzip", ".json.gz", recovery.ColumnsVersion}, {"avro", "snappy", ".avro", recovery.FormatVersion}, {"parquet", "snappy", ".parquet", recovery.FormatVersion},
	} {
		t.Run(f.format+" "+f.codec, func(t *testing.T) {
			l, cl := shelved(t)
			r := l.intoAs("fills", "refill", ", format: "+f.format+", codec: "+f.codec, "")
			p, err := recovery.Build(t.Context(), r, l.clients, l.options())
			if err != nil {
				t.Fatal(err)
			}
			if p.Recipe.Version != f.version {
				t.Errorf("got a recipe of version %d, want %d: a program that knows no formats would write lines", p.Recipe.Version, f.version)
			}
			sub, err := p.Submission()
			if err != nil {
				t.Fatal(err)
			}
			cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 2)
			if err != nil {
				t.Fatal(err)
			}
			if verdict, evidence := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass || evidence != fsm.E3 {
				t.Errorf("got %s at %s, want a pass at E3: %+v", verdict, evidence, cs)
			}
			files := 0
			for in, err := range s3bucket.New(cl, "fills", "refill").List(t.Context(), "orders/00000/") {
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(in.Key, f.ending) {
					files++
				}
			}
			if files == 0 {
				t.Errorf("got no files of %s", f.ending)
			}
			if again, err := recovery.Build(t.Context(), r, l.clients, l.options()); err != nil || !again.Empty() {
				t.Errorf("after the refill: got %v, want nothing to write", err)
			}
		})
	}
}

// Scenario S28: what a plan says about files is what is there afterwards.
func TestS28AsManyFilesAsThePlanSays(t *testing.T) {
	for more, most := range map[string]int{"  write: {commitRecords: 20}\n": 3 * 15, "": 3} {
		l, cl := shelved(t)
		p, err := recovery.Build(t.Context(), l.into("fills", "refill", more), l.clients, l.options())
		if err != nil {
			t.Fatal(err)
		}
		sub, err := p.Submission()
		if err != nil {
			t.Fatal(err)
		}
		ends, err := open.New(l.config).Open(t.Context(), sub.ID, sub.Recipe)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sub.Slices {
			if s.Kind == partition.SliceFill {
				l.copy(ends, s)
			}
		}
		if err := ends.Close(); err != nil {
			t.Fatal(err)
		}
		files := 0
		for in, err := range s3bucket.New(cl, "fills", "refill").List(t.Context(), "orders/") {
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(in.Key, ".ndjson") {
				files++
			}
		}
		said := fmt.Sprintf("about %d files ", files)
		if !slices.ContainsFunc(p.Checks, func(c recovery.Check) bool { return strings.HasPrefix(c.Text, said) }) || files != most {
			t.Errorf("got %d files, want %d, and that the plan says so: %+v", files, most, p.Checks)
		}
	}
}

// copy runs a slice the way a worker does.
func (l *lab) copy(ends *open.Ends, s partition.Slice) {
	l.t.Helper()
	e, err := engine.New(engine.Task{Slice: s, Epoch: 1}, engine.Ends{Source: ends.Source, Sink: ends.Sink, Topic: "orders", Now: time.Now}, ends.Engine(engine.DefaultConfig()))
	if err != nil {
		l.t.Fatal(err)
	}
	if err := e.Run(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

// A record that was there and is gone is found: nothing is believed of a commit but what its object holds.
func TestAStoreThatLostAPartitionIsNotComplete(t *testing.T) {
	l, cl := shelved(t)
	p, err := recovery.Build(t.Context(), l.into("fills", "refill", ""), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	ends := l.run(sub)
	bucket := "fills"
	for in, err := range s3bucket.New(cl, bucket, "refill").List(t.Context(), "orders/00001/") {
		if err != nil {
			t.Fatal(err)
		}
		key := "refill/" + in.Key
		if _, err := cl.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 2)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Fail {
		t.Errorf("got %s, want fail", verdict)
	}
	again, err := recovery.Build(t.Context(), l.into("fills", "refill", ""), l.clients, l.options())
	if err != nil || again.Totals.Records != 300 {
		t.Errorf("got %d records to write, %v, want the 300 of partition 1", again.Totals.Records, err)
	}
}

// One object that is gone is no loss that could be filled: what the store holds is not known any more, and it says which.
func TestAStoreThatLostAnObjectIsNamed(t *testing.T) {
	l, cl := shelved(t)
	p, err := recovery.Build(t.Context(), l.into("fills", "refill", ""), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	l.run(sub)
	bucket := "fills"
	var keys []string
	for in, err := range s3bucket.New(cl, bucket, "refill").List(t.Context(), "orders/00001/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, in.Key)
	}
	for _, key := range keys { // data first, then its commit
		full := "refill/" + key
		if _, err := cl.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &full}); err != nil {
			t.Fatal(err)
		}
		_, err := recovery.Scan(t.Context(), l.into("fills", "refill", ""), l.clients, l.options())
		var refused *recovery.Error
		if left := len(keys) - slices.Index(keys, key) - 1; left > 0 && (!errors.As(err, &refused) || refused.Code != recovery.CodeSpoiled) {
			t.Errorf("without %s: got %v, want %s", key, err, recovery.CodeSpoiled)
		}
	}
}

func TestAStoreThatCanNotBeATarget(t *testing.T) {
	l, cl := shelved(t)
	segments := s3bucket.New(cl, "fills", "archive")
	if _, err := segments.PutNew(t.Context(), "orders/00000/00000000000000000000-00000000000000000009-10-00000000000000000000000000000000.bsa", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		r    *spec.Recovery
		code string
	}{
		"an archive": {l.into("fills", "archive", ""), recovery.CodeSwapped},
		"not there":  {l.into("nothing", "refill", ""), connect.CodeStoreMissing},
		"not known": {func() *spec.Recovery {
			r := l.into("fills", "refill", "")
			r.Spec.Target.S3.Connection = "other"
			return r
		}(), connect.CodeConfig},
	} {
		_, err := recovery.Scan(t.Context(), c.r, l.clients, l.options())
		var refused *recovery.Error
		var store *connect.Error
		if !(errors.As(err, &refused) && refused.Code == c.code) && !(errors.As(err, &store) && store.Code == c.code) {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
}
