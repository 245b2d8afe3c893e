package detect

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"strings"
	"time"

	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
)

// A topic and the archive that a sink made of it. The topic is whole, and what the sink left out is missing.

// longGrace makes only what lies before the archive's last record of a partition due.
const longGrace = 1000 * time.Hour

// sinkOf compares a topic with an archive that a writer of foreigntest made of it.
func sinkOf(writer string) func(*try) {
	return func(c *try) {
		f := formOf(writer)
		f.unique = f.unique || writer == "confluent-hourly" // what lies behind the last of its files is not due, and equal to nothing before
		c.vague = writer == "lenses"
		parts := 1 + c.rng.Int32N(3)
		b := c.brokers(c.t)
		b.create("orders", parts)
		perObject := 3 + c.rng.IntN(15)
		root, files := c.t.TempDir(), map[string][]byte{}
		topic, kept, due := map[int32][]record.Record{}, map[int32][]record.Record{}, map[int32]int64{}
		quiet := c.chance(8)
		for part := range parts {
			rs := f.draw(c.rng, part, 4*perObject+20+c.rng.IntN(60), false)
			all := b.write("orders", part, stretches(c.rng, rs, f.draw(c.rng, part, 10, false), c.chance(3)))
			topic[part] = all
			lost := make([]bool, len(all))
			tail := c.rng.IntN(4) * c.rng.IntN(8) // not archived yet
			written := all[:len(all)-tail]
			if !quiet { // the last objects are whole: what lies behind them is not due
				lost = taken(c.rng, len(written), 3*perObject)
			}
			for i, r := range written {
				if !lost[i] {
					kept[part] = append(kept[part], r)
				}
			}
			if !quiet {
				n := len(kept[part]) - 3*perObject
				kept[part] = append(altered(c.rng, f, kept[part][:n]), kept[part][n:]...)
			}
			made := foreigntest.Writers[writer](part, kept[part], perObject)
			maps.Copy(files, made)
			due[part] = c.due(writer, kept[part], made)
			// What is there twice is there: of two equal records one may stand for the other.
			kept[part] = append(kept[part], c.again(writer, part, kept[part], files)...)
			c.tell("partition %d: %d of %d in the archive, %d not yet", part, len(kept[part]), len(all), tail)
		}
		c.misfile(writer, files)
		foreigntest.Files(c.t, root, files)
		c.judgeSink(c.clients(), dirEnd(root, foreigntest.Topic, layoutOf(writer)...), b, f, topic, kept, due)
	}
}

// due is the offset before which everything must be in the archive: the end of what was written, as names and counts tell it.
func (c *try) due(writer string, kept []record.Record, files map[string][]byte) int64 {
	if writer == "confluent-hourly" { // each hour has a file open; a name has the first offset, and lines are counted
		var end int64
		for key, body := range files {
			name := strings.TrimSuffix(path.Base(key), ".json")
			var first int64
			if _, err := fmt.Sscanf(name[strings.LastIndexByte(name, '+')+1:], "%d", &first); err != nil {
				c.t.Fatal(key, err)
			}
			end = max(end, first+int64(bytes.Count(body, []byte("\n"))))
		}
		return end
	}
	return kept[len(kept)-1].Offset + 1
}

// ownSink compares a topic with our own archive of it, which lacks some objects.
func ownSink(c *try) {
	f := formOf("")
	parts := 1 + c.rng.Int32N(3)
	b := c.brokers(c.t)
	b.create("orders", parts)
	root := c.t.TempDir()
	into := c.bucketAt(root)
	topic, kept, due := map[int32][]record.Record{}, map[int32][]record.Record{}, map[int32]int64{}
	quiet := c.chance(8)
	for part := range parts {
		rs := f.draw(c.rng, part, 40+c.rng.IntN(100), false)
		list := stretches(c.rng, rs, f.draw(c.rng, part, 10, false), c.chance(2))
		last := len(list) - 1 - c.rng.IntN(2)*c.rng.IntN(min(3, len(list))) // what comes after it is not archived yet
		for i, s := range list {
			written := b.write("orders", part, []stretch{s})
			topic[part] = append(topic[part], written...)
			if len(written) == 0 || i > last || (i < last && !quiet && c.chance(4)) {
				continue
			}
			// A sink that copies this stretch and nothing else. Its ends are those of batches.
			span := partition.Range{From: written[0].Offset, To: written[len(written)-1].Offset + 1}
			_, err := archive.Copy(c.t.Context(), b.writer, into, archive.Options{Topic: b.prefix + "orders", Partitions: []int32{part}, Ranges: map[int32]partition.Range{part: span}})
			if err != nil {
				c.t.Fatal(err)
			}
			kept[part], due[part] = append(kept[part], written...), span.To
		}
		c.tell("partition %d: %d of %d in the archive", part, len(kept[part]), len(topic[part]))
	}
	if len(kept) == 0 {
		c.t.Fatal("vacuous: nothing was archived")
	}
	c.judgeSink(c.clients(), dirEnd(root, b.prefix+"orders", "layout: archive"), b, f, topic, kept, due)
}

// judgeSink scans, and judges what is called missing, by its offsets in the topic.
func (c *try) judgeSink(clients recovery.Clients, archive string, b *broker, f form, topic, kept map[int32][]record.Record, due map[int32]int64) {
	c.t.Helper()
	// An archive of orders may be compared with a topic of another name.
	rep, err := recovery.ScanSink(c.t.Context(), c.parse(archive, kafkaEnd(b, "orders")), longGrace, clients, c.options())
	if err != nil {
		c.refused(err)
		return
	}
	called := newLedger()
	for _, finding := range c.absent(rep.Findings) {
		var n int64
		for i, r := range topic[finding.Partition] {
			for _, span := range exactly(finding) {
				if span.Contains(r.Offset) {
					called.add(finding.Partition, &topic[finding.Partition][i], f.held)
					n++
				}
			}
		}
		if n != finding.Count {
			c.t.Errorf("finding %s counts %d records, and the topic has %d there", finding.ID, finding.Count, n)
		}
		if finding.HeldBy == "" {
			c.t.Errorf("finding %s does not say where the records are still to be had", finding.ID)
		}
	}
	owed := func(part int32, r *record.Record) bool { return r.Offset < due[part] }
	expected := sum(topic, f.held, owed)
	c.judge(expected.len(), expected.less(sum(kept, f.held, nil), false), called)
}
