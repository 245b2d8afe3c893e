package reach_test

import (
	"context"
	"crypto/md5"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"backstitch/replay/bucket/dir"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/spec"

	"github.com/google/go-cmp/cmp"
)

// inventoried adds an inventory to whatever archive is asked for. A spec takes one for S3 only.
type inventoried struct {
	*reach.Clients
	at string
}

func (c inventoried) Reference(ctx context.Context, s recovery.Source) (recovery.Reference, error) {
	if s.Layout != "kafka" {
		s.Inventory = c.at
	}
	return c.Clients.Reference(ctx, s)
}

// inventory writes one of date that names the objects of the lab's archive which knows wants.
func (l *lab) inventory(date string, knows func(key string) bool) inventoried {
	l.t.Helper()
	b, err := dir.Open(l.dir)
	if err != nil {
		l.t.Fatal(err)
	}
	defer b.Close()
	var rows strings.Builder
	for in, err := range b.List(l.t.Context(), "") {
		if err != nil {
			l.t.Fatal(err)
		}
		if knows(in.Key) {
			fmt.Fprintf(&rows, "\"lake\",%q,%d,%q\n", url.QueryEscape(in.Key), in.Size, in.ETag)
		}
	}
	data := foreigntest.Compress(".gz", []byte(rows.String()))
	manifest := fmt.Appendf(nil, `{"sourceBucket":"lake","fileFormat":"CSV","fileSchema":"Bucket, Key, Size, ETag","files":[{"key":"i/data/x.csv.gz","MD5checksum":"%x"}]}`, md5.Sum(data))
	at := l.t.TempDir()
	foreigntest.Files(l.t, at, map[string][]byte{
		"data/x.csv.gz": data, date + "/manifest.json": manifest, date + "/manifest.checksum": fmt.Appendf(nil, "%x", md5.Sum(manifest)),
	})
	return inventoried{l.clients.(*reach.Clients), at}
}

// Listed by an inventory of yesterday: what it lacks is looked for before a record is called extra or missing, and the plan is
// checked against what is there now.
func TestByAnInventory(t *testing.T) {
	lost := func(o int64) bool { return o == 7 || o == 55 || o == 95 }
	l := trap(t, 100, lost, foreigntest.Confluent(".json")(0, foreigntest.Numbered(0, 100), 10))
	clients := l.inventory("2026-11-20T01-00Z", func(key string) bool {
		return !strings.Contains(key, "+0000000050.") && !strings.Contains(key, "+0000000090.")
	})
	p, rep, err := recovery.BuildWithScan(t.Context(), l.specOf("layout: auto"), clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(rep.Result(0).Missing); got != "[[7,8) [55,56) [95,96)]" || rep.Result(0).Extra != 0 || !strings.Contains(fmt.Sprint(rep.Facts.Notes), "inventory of 2026-11-20T01-00Z") {
		t.Errorf("got %s, %d extra, notes %q: want the three that were lost", got, rep.Result(0).Extra, rep.Facts.Notes)
	}
	if err := recovery.CheckFresh(t.Context(), p, clients); err != nil {
		t.Errorf("got %v, want nothing that moved", err)
	}
}

// lossOf loses two records of each partition.
func lossOf(_ int32, o int64) bool { return o == 30 || o == 31 }

// A whole directory that the inventory lacks is found beside those that it knows, and listed: what was in it is compared, from here and by
// a cluster.
func TestAnInventoryLacksAPartition(t *testing.T) {
	l := archived(t, "confluent", replaytest.Seed(t), lossOf)
	l.clients = l.inventory("2026-11-21T00-00Z", func(key string) bool { return !strings.Contains(key, "partition=1/") })
	rep := l.scan("layout: auto")
	for p := range int32(replaytest.Partitions) {
		if r := rep.Result(p); !r.Comparable || r.MissingRecords != 2 || r.Extra != 0 {
			t.Errorf("partition %d: comparable %t, %d missing, %d extra, want the two that were lost", p, r.Comparable, r.MissingRecords, r.Extra)
		}
	}
	if notes := strings.Join(rep.Facts.Notes, "\n"); !strings.Contains(notes, "that the inventory lacks were listed instead: 1, the first is topics/orders/partition=1/") || strings.Contains(notes, "younger") {
		t.Errorf("got notes\n%s\nwant the directory that it lacks, and nothing of records after it", notes)
	}
	l.same(l.specOf("layout: auto"))
}

// Where directories are of times, one that the inventory knows hides the partition that it does not name: nothing is said of that one,
// neither that it is complete nor that anything is missing, and the others are compared.
func TestAnInventoryNamesNothingOfAPartition(t *testing.T) {
	l := archived(t, "confluent-hourly", replaytest.Seed(t), lossOf)
	l.clients = l.inventory("2026-11-20T00-00Z", func(key string) bool { return !strings.Contains(key, "+1+") })
	one := l.specWith("layout: auto", "  select: {partitions: \"1\"}\n")
	for name, r := range map[string]*spec.Recovery{"all": l.specOf("layout: auto"), "that one": one} {
		rep, err := recovery.Scan(t.Context(), r, l.clients, l.options())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range rep.Results {
			switch {
			case r.Partition != 1 && (!r.Comparable || r.MissingRecords != 2 || r.Extra != 0):
				t.Errorf("%s: partition %d: comparable %t, %d missing, %d extra, want the two that were lost", name, r.Partition, r.Comparable, r.MissingRecords, r.Extra)
			case r.Partition == 1 && (r.Comparable || r.MissingRecords != 0):
				t.Errorf("%s: partition 1: comparable %t, %d missing, want that nothing is said", name, r.Comparable, r.MissingRecords)
			}
		}
		if rep.Unknown() != 1 || rep.Result(1) == nil {
			t.Errorf("%s: got %s, want partition 1 as the one that is not comparable", name, kinds(rep))
		}
		for _, f := range rep.Findings {
			if f.Partition == 1 && (f.Kind != gap.NotComparable || !strings.Contains(f.Reason, "the inventory of 2026-11-20T00:00:00Z names no object of this partition")) {
				t.Errorf("%s: got %s: %s", name, f.Kind, f.Reason)
			}
		}
		if notes := strings.Join(rep.Facts.Notes, "\n"); !strings.Contains(notes, "records that are younger than the inventory, which is of 2026-11-20T00:00:00Z") {
			t.Errorf("%s: got notes\n%s\nwant that the topic has younger records", name, notes)
		}
		l.same(r)
	}
	p, err := recovery.Build(t.Context(), l.specOf("layout: auto"), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	actions := map[int32]string{}
	for _, part := range p.Parts {
		actions[part.Partition] = part.Action
	}
	if diff := cmp.Diff(actions, map[int32]string{0: "fill", 1: "cannot", 2: "fill"}); diff != "" {
		t.Errorf("plan (-got +want):\n%s", diff)
	}
	sink, err := recovery.ScanSink(t.Context(), l.specOf("layout: auto"), time.Minute, l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if sink.Missing() != 0 || sink.Unknown() != 1 || sink.Partitions[1].Records != 0 {
		t.Errorf("as a sink: %d records missing from the archive, %d findings not comparable, %d records of partition 1 compared; want none, that one, none",
			sink.Missing(), sink.Unknown(), sink.Partitions[1].Records)
	}
}
