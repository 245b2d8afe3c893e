package detect

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/source"
	"backstitch/replay/spec"
)

// try is one case.
type try struct {
	t       testing.TB
	rng     *rand.Rand
	brokers func(t testing.TB) *broker // a cluster
	real    bool
	vague   bool // the names of the archive may be read in two ways
	score   Score
	said    []string // what the seed decided, told when it fails
}

// tell notes a decision of the seed.
func (c *try) tell(format string, args ...any) { c.said = append(c.said, fmt.Sprintf(format, args...)) }

// chance is true once in n times.
func (c *try) chance(n int) bool { return c.rng.IntN(n) == 0 }

func env(string) (string, bool) { return "", false }

func (c *try) clients() *reach.Clients { return reach.New(open.Config{Cluster: "detect", Env: env}) }

func (c *try) options() recovery.Options {
	o := recovery.DefaultOptions()
	o.Now = func() time.Time { return time.UnixMilli(beginMs + 24*hourMs) }
	o.Scan.RunRecords = 1 + c.rng.Int64N(30) // which of them are runs must not matter
	o.Scan.Parallel = 1 + c.rng.IntN(3)
	return o
}

// parse reads a spec as a person writes it. more is indented below spec.
func (c *try) parse(source, target string, more ...string) *spec.Recovery {
	c.t.Helper()
	text := "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: detect}\nspec:\n  source: " + source + "\n  target: " + target + "\n"
	for _, line := range more {
		text += "  " + line + "\n"
	}
	r, err := spec.Parse("detect.yaml", []byte(text), spec.Options{})
	if err != nil {
		c.t.Fatalf("%v\n%s", err, text)
	}
	return r
}

func kafkaEnd(b *broker, topic string) string {
	return fmt.Sprintf("{kafka: {brokers: %q, topic: %q}}", b.address, b.prefix+topic)
}

// dirEnd is an archive of a topic in a directory. more says what a spec has to say of its layout.
func dirEnd(path, topic string, more ...string) string {
	return fmt.Sprintf("{dir: {path: %q, topic: %q, %s}}", path, topic, strings.Join(more, ", "))
}

// bucketAt makes a bucket of a directory.
func (c *try) bucketAt(path string) bucket.Bucket {
	c.t.Helper()
	b, err := connect.CreateBucket(c.t.Context(), path, connect.S3{}, env)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// compare scans, and returns who the findings call missing: what the reference holds at the positions that they name.
func (c *try) compare(r *spec.Recovery, clients recovery.Clients, held record.Fields) (*gap.Report, *ledger) {
	c.t.Helper()
	rep, err := recovery.Scan(c.t.Context(), r, clients, c.options())
	if err != nil {
		c.refused(err)
		return nil, nil
	}
	if whole := held == record.AllFields; whole != (len(rep.NotChecked) == 0) {
		c.t.Errorf("not compared: got %q; the pair holds all of a record: %t", rep.NotChecked, whole)
	}
	recipe, _, err := recovery.NewRecipe(r.WithDefaults())
	if err != nil {
		c.t.Fatal(err)
	}
	ref, err := clients.Reference(c.t.Context(), recipe.Source)
	if err != nil {
		c.t.Fatal(err)
	}
	defer ref.Close()
	extents, err := ref.Extents(c.t.Context(), nil, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	called := newLedger()
	for _, f := range c.absent(rep.Findings) {
		before := called.len()
		c.read(ref, extents[f.Partition].Objects, f.Partition, exactly(f), func(r *record.Record) { called.add(f.Partition, r, held) })
		if n := called.len() - before; n != f.Count {
			c.t.Errorf("finding %s counts %d records, and its ranges hold %d", f.ID, f.Count, n)
		}
	}
	if n, _ := rep.Lost(); n != called.len() {
		c.t.Errorf("the report counts %d lost records, and its findings name %d", n, called.len())
	}
	return rep, called
}

// refused fails, unless names of the archive may be read in two ways and the program says that it can not tell which.
func (c *try) refused(err error) {
	c.t.Helper()
	var e *recovery.Error
	if !c.vague || !errors.As(err, &e) || e.Code != recovery.CodeLayout {
		c.t.Fatal(err)
	}
	c.score.Cases++
	c.score.Refused++
}

// exactly are the ranges of a finding.
func exactly(f gap.Finding) partition.Ranges {
	if len(f.Ranges) > 0 {
		return f.Ranges
	}
	return partition.Ranges{f.Range}
}

func (c *try) read(src source.Source, objects []partition.Object, part int32, ranges partition.Ranges, each func(*record.Record)) {
	c.t.Helper()
	slice := partition.Slice{Kind: partition.SliceVerify, Partition: part, Objects: objects, Ranges: ranges}
	err := source.Each(context.Background(), src, slice, func(r *record.Record) (bool, error) {
		each(r)
		return true, nil
	})
	if err != nil {
		c.t.Fatalf("read the reference at %v: %v", ranges, err)
	}
}

// lose draws what is lost of a topic, and makes what a target then holds: survivors, some of them altered, some twice or in
// another order or in another partition.
func (c *try) lose(f form, ref map[int32][]record.Record) (kept, ghosts map[int32][]record.Record) {
	kept, ghosts = map[int32][]record.Record{}, map[int32][]record.Record{}
	quiet := c.chance(8)
	gone := int32(-1)
	if n := int32(len(ref)); n > 1 && !quiet && c.chance(6) {
		gone = 1 + c.rng.Int32N(n-1)
		c.tell("partition %d is lost", gone)
	}
	astray := map[int32][]record.Record{}
	for part := range int32(len(ref)) {
		rs := ref[part]
		lost := make([]bool, len(rs))
		if !quiet {
			// Something stays, or nobody could tell one topic from another.
			lost = taken(c.rng, len(rs), 0)
			if part == 0 {
				lost[c.rng.IntN(len(rs))] = false
			}
		}
		var survivors []record.Record
		n := 0
		for i, r := range rs {
			switch {
			case lost[i] || part == gone:
				ghosts[part] = append(ghosts[part], r)
				n++
			case !quiet && len(ref) > 1 && c.chance(150):
				astray[(part+1)%int32(len(ref))] = append(astray[(part+1)%int32(len(ref))], r)
			default:
				survivors = append(survivors, r)
			}
		}
		c.tell("partition %d: %d of %d lost", part, n, len(rs))
		if !quiet {
			survivors = altered(c.rng, f, survivors)
		}
		kept[part] = stirred(c.rng, survivors)
	}
	for part := range int32(len(ref)) {
		kept[part] = slices.Insert(kept[part], c.rng.IntN(len(kept[part])+1), astray[part]...)
	}
	return kept, ghosts
}

// fill writes what a target holds, and returns it as readers see it. Some records may be deleted again from its head.
func (c *try) fill(b *broker, topic string, kept, ghosts map[int32][]record.Record, headless bool) map[int32][]record.Record {
	c.t.Helper()
	out := map[int32][]record.Record{}
	transactions := c.chance(3)
	for part := range int32(len(kept)) {
		rs := b.write(topic, part, stretches(c.rng, kept[part], ghosts[part], transactions))
		if headless && len(rs) > 4 && c.chance(4) {
			n := 1 + c.rng.IntN(len(rs)/4)
			b.behead(topic, part, rs[n].Offset)
			c.tell("partition %d: retention took %d from the target", part, n)
			rs = rs[n:]
		}
		out[part] = rs
	}
	return out
}

// sum is the ledger of some records.
func sum(rs map[int32][]record.Record, held record.Fields, want func(part int32, r *record.Record) bool) *ledger {
	l := newLedger()
	for part, list := range rs {
		for i := range list {
			if want == nil || want(part, &list[i]) {
				l.add(part, &list[i], held)
			}
		}
	}
	return l
}
