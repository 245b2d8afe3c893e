package detect

import (
	"context"
	"crypto/md5"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"backstitch/replay/archive"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
)

// An archive and the topic that lost records. The archive is whole.

// archived compares an archive that a writer of foreigntest made with a topic.
func archived(writer string, inventory bool) func(*try) {
	return func(c *try) {
		f := formOf(writer)
		parts := 1 + c.rng.Int32N(3)
		if whole(writer) {
			parts = 1
		}
		ref := map[int32][]record.Record{}
		holes := c.chance(3)
		for part := range parts {
			ref[part] = f.draw(c.rng, part, 20+c.rng.IntN(100), holes)
		}
		c.vague = writer == "lenses" && holes
		root, perObject := c.t.TempDir(), 3+c.rng.IntN(30)
		files := map[string][]byte{}
		for part := range parts {
			maps.Copy(files, foreigntest.Writers[writer](part, ref[part], perObject))
			if !holes || f.held == record.AllFields || writer == "hdfs" { // a copy is known by offsets, if they leave no room for it
				c.again(writer, part, ref[part], files)
			}
		}
		c.misfile(writer, files)
		foreigntest.Files(c.t, root, files)
		c.tell("%d files of %d records each", len(files), perObject)
		source := dirEnd(root, foreigntest.Topic, layoutOf(writer)...)
		var clients recovery.Clients = c.clients()
		if inventory {
			clients = inventoried{c.clients(), c.inventory(root)}
		}
		b := c.brokers(c.t)
		b.create("target", parts)
		c.against(f, ref, b, clients, source)
	}
}

// layoutOf is what a spec has to say of a layout: nothing, or what no reader could know.
func layoutOf(writer string) []string {
	if writer == "aiven-csv-offset" {
		return []string{"layout: aiven", "fields: [key, value, timestamp, offset, headers]"}
	}
	return []string{"layout: auto"}
}

// own compares our own archive with a topic: the one that it was made of and that was made anew, or another.
func own(c *try) {
	f := formOf("")
	parts := 1 + c.rng.Int32N(3)
	b := c.brokers(c.t)
	b.create("orders", parts)
	ref := map[int32][]record.Record{}
	for part := range parts {
		rs := f.draw(c.rng, part, 20+c.rng.IntN(100), false)
		// What was rolled back is in no archive, and nobody may miss it.
		ghosts := f.draw(c.rng, part, 10, false)
		ref[part] = b.write("orders", part, stretches(c.rng, rs, ghosts, c.chance(2)))
	}
	root := c.t.TempDir()
	if _, err := archive.Copy(c.t.Context(), b.writer, c.bucketAt(root), archive.Options{Topic: b.prefix + "orders"}); err != nil {
		c.t.Fatal(err)
	}
	target := "target"
	if c.chance(2) {
		c.tell("the topic was recreated")
		b.drop("orders")
		target = "orders"
	}
	b.create(target, parts)
	c.againstTopic(f, ref, b, c.clients(), dirEnd(root, b.prefix+"orders", "layout: archive"), target)
}

func (c *try) against(f form, ref map[int32][]record.Record, b *broker, clients recovery.Clients, source string) {
	c.t.Helper()
	c.againstTopic(f, ref, b, clients, source, "target")
}

// againstTopic loses records of ref, fills the topic with the rest, and judges what the scan says.
func (c *try) againstTopic(f form, ref map[int32][]record.Record, b *broker, clients recovery.Clients, source, topic string) {
	c.t.Helper()
	kept, ghosts := c.lose(f, ref)
	if c.chance(3) { // what came after the archive was made is nobody's loss
		for part := range int32(len(kept)) {
			for i := range 1 + c.rng.IntN(5) {
				r := record.Record{TimestampMs: beginMs + 12*hourMs + int64(i), Key: []byte("k"), Value: fmt.Appendf(nil, `{"later":"%d/%d"}`, part, i)}
				kept[part] = append(kept[part], r)
			}
		}
	}
	seen := c.fill(b, topic, kept, ghosts, true)
	compacted := !f.bytes && !f.nulls && !c.real && c.chance(8)
	if compacted {
		b.set(topic, "cleanup.policy", "compact")
	}
	scope, lines := c.scope(f, ref)
	rep, called := c.compare(c.parse(source, kafkaEnd(b, topic), lines...), clients, f.held)
	if rep == nil {
		return
	}
	expected := sum(ref, f.held, scope.reference)
	lost := expected.less(sum(seen, f.held, scope.target), f.once)
	if compacted && lost.len() > 0 {
		c.tell("the target is compacted")
		c.score.Unknown += lost.len()
		if rep.Unknown() == 0 {
			c.t.Errorf("a compacted target lacks %d records, and nothing is said: %+v", lost.len(), rep.Findings)
		}
		lost = newLedger()
	}
	c.judge(expected.len(), lost, called)
}

// scope is what of both sides is compared.
type scope struct {
	reference, target func(part int32, r *record.Record) bool
}

// scope narrows every fourth case: what is not asked for is not lost.
func (c *try) scope(f form, ref map[int32][]record.Record) (scope, []string) {
	all := func(int32, *record.Record) bool { return true }
	switch c.rng.IntN(8) {
	case 0:
		if f.held&record.FieldTimestamp == 0 {
			break
		}
		from := beginMs + c.rng.Int64N(40_000)
		to := from + 1 + c.rng.Int64N(60_000)
		in := func(_ int32, r *record.Record) bool { return r.TimestampMs >= from && r.TimestampMs < to }
		for part, rs := range ref {
			for i := range rs {
				if in(part, &rs[i]) { // something must be in range
					c.tell("from %d to %d", from, to)
					return scope{in, in}, []string{fmt.Sprintf("range: {from: %q, to: %q}", instant(from), instant(to))}
				}
			}
		}
	case 1:
		if len(ref) > 1 {
			last := c.rng.Int32N(int32(len(ref)))
			in := func(part int32, _ *record.Record) bool { return part <= last }
			c.tell("partitions up to %d", last)
			return scope{in, in}, []string{fmt.Sprintf("select: {partitions: \"0-%d\"}", last)}
		}
	}
	return scope{all, all}, nil
}

// again writes some records a second time, in an object of another name, as a sink does that was interrupted. It returns them.
func (c *try) again(writer string, part int32, rs []record.Record, files map[string][]byte) []record.Record {
	if !slices.Contains([]string{"confluent", "hdfs", "aiven-envelope", "lenses-envelope", "firehose"}, writer) || !c.chance(3) || len(rs) < 12 {
		return nil
	}
	from := 1 + c.rng.IntN(len(rs)-8)
	n := 2 + c.rng.IntN(6)
	var twice []record.Record
	for key, body := range foreigntest.Writers[writer](part, rs[from:from+n], n) {
		if writer == "firehose" {
			key = strings.Replace(key, "-00000000-", "-00000099-", 1)
		}
		if _, taken := files[key]; !taken {
			c.tell("written twice: %d records from position %d of partition %d on, in %s", n, rs[from].Offset, part, key)
			files[key], twice = body, rs[from:from+n]
		}
	}
	return twice
}

// misfile puts some objects into the directory of another year: misplaced is not lost.
func (c *try) misfile(writer string, files map[string][]byte) {
	if writer != "confluent-hourly" || !c.chance(2) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(files)) {
		if to := strings.Replace(key, "year=2026", "year=2027", 1); to != key && c.chance(4) {
			c.tell("misfiled: %s", to)
			files[to] = files[key]
			delete(files, key)
		}
	}
}

// inventory writes an S3 Inventory of a directory that is a day old: it lacks some objects, and whole directories beside those that it knows.
func (c *try) inventory(root string) string {
	c.t.Helper()
	b, err := dir.Open(root)
	if err != nil {
		c.t.Fatal(err)
	}
	defer b.Close()
	var rows strings.Builder
	left, n, some := 0, 0, false
	known, lacking := map[string]bool{}, map[string]bool{}
	for in, err := range b.List(c.t.Context(), "") {
		if err != nil {
			c.t.Fatal(err)
		}
		within := path.Dir(in.Key)
		hidden := strings.HasPrefix(in.Key, ".") // of the writer itself: nobody tells a layout by those
		if some && !known[within] && c.chance(3) {
			lacking[within] = true
		}
		if n++; lacking[within] || known[within] && c.chance(5) {
			left++
			continue
		}
		known[within], some = true, some || !hidden
		fmt.Fprintf(&rows, "\"lake\",%q,%d,%q\n", url.QueryEscape(in.Key), in.Size, in.ETag)
	}
	c.tell("the inventory lacks %d of %d objects, and %d directories", left, n, len(lacking))
	data := foreigntest.Compress(".gz", []byte(rows.String()))
	manifest := fmt.Appendf(nil, `{"sourceBucket":"lake","fileFormat":"CSV","fileSchema":"Bucket, Key, Size, ETag","files":[{"key":"i/data/x.csv.gz","MD5checksum":"%x"}]}`, md5.Sum(data))
	at := c.t.TempDir()
	foreigntest.Files(c.t, at, map[string][]byte{
		"data/x.csv.gz": data, "2026-11-20T01-00Z/manifest.json": manifest, "2026-11-20T01-00Z/manifest.checksum": fmt.Appendf(nil, "%x", md5.Sum(manifest)),
	})
	return at
}

// inventoried adds an inventory to whatever archive is asked for. A spec takes one for S3 only.
type inventoried struct {
	*reach.Clients
	at string
}

func (c inventoried) Reference(ctx context.Context, s recovery.Source) (recovery.Reference, error) {
	s.Inventory = c.at
	return c.Clients.Reference(ctx, s)
}

// instant is a time as a spec has it.
func instant(ms int64) string { return gap.Moment(ms) }
