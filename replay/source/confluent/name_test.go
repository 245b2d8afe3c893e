package confluent

import (
	"fmt"
	"testing"

	"backstitch/replay/foreign"
)

func TestNames(t *testing.T) {
	plain, none, odd, hdfs := DefaultConfig("orders"), DefaultConfig("orders"), DefaultConfig("orders"), DefaultConfig("orders")
	none.TopicsDir = ""
	odd.TopicsDir, odd.DirDelim, odd.FileDelim = "raw", "_", "-"
	hdfs.Ends = true
	for _, c := range []struct {
		cfg       Config
		key, want string
	}{
		{plain, "topics/orders/partition=3/orders+3+0000000099.json", "3 99 -1 json"},
		{plain, "topics/orders/partition=3/orders+3+10000000000.json.gz", "3 10000000000 -1 json .gz"},
		{plain, "topics/orders/year=2026/month=11/day=20/hour=05/orders+3+0000000099.json", "3 99 -1 json filed 2026-11-20T05"},
		{plain, "topics/orders/region=eu/desk=a/orders+3+5.json.zst", "3 5 -1 json .zst"},
		{plain, "topics/orders/tombstone/orders+3+0000000099.json", "3 99 -1 json tombstone"},
		{plain, "topics/orders/partition=3/orders+3+0000000099.keys.avro", "3 99 -1 avro keys"},
		{plain, "topics/orders/partition=3/orders+3+0000000099.avro", "3 99 -1 avro"},
		{plain, "topics/orders/partition=3/orders+3+0000000099.snappy.parquet", "3 99 -1 parquet"},
		{plain, "topics/orders/partition=3/orders+3+0000000099.bin", ""}, // another format than the one that was asked for
		{plain, "topics/orders/partition=3/orders+3+0000000000+0000000099.json", ""},
		{plain, "topics/orders/partition=3/orders+3+x.json", ""},
		{plain, "topics/orders/partition=3/orders+-1+5.json", ""},
		{plain, "topics/orders/partition=3/orders+3+99999999999999999999.json", ""},
		{plain, "topics/orders/_SUCCESS", ""},
		{plain, "topics/other/partition=3/other+3+0000000099.json", ""},
		{none, "orders/partition=3/orders+3+0000000099.json", "3 99 -1 json"},
		{none, "topics/orders/partition=3/orders+3+0000000099.json", ""},
		{odd, "raw_orders_partition=3_orders-3-0000000099.json", "3 99 -1 json"},
		{hdfs, "topics/orders/partition=3/orders+3+0000000000+0000000099.json", "3 0 99 json"},
		{hdfs, "topics/orders/partition=3/orders+3+0000000099.json", ""},
		{hdfs, "topics/orders/partition=3/orders+3+0000000099+0000000000.json", ""},
	} {
		got := ""
		if n, ok := c.cfg.parse(c.key); ok {
			got = fmt.Sprintf("%d %d %d %s", n.Partition, n.First, n.Last, n.Format)
			for _, more := range []struct {
				on   bool
				text string
			}{{n.Codec != "", n.Codec}, {n.Companion != "", n.Companion}, {n.Tombstone, "tombstone"}, {!n.Filed.IsZero(), "filed " + n.Filed.Format("2006-01-02T15")}} {
				if more.on {
					got += " " + more.text
				}
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.key, got, c.want)
		}
	}
}

// The HDFS sink names both ends. An object with more records than that is not what its name says; one with fewer may be of a
// compacted topic.
func TestBothEndsInTheName(t *testing.T) {
	b := archive(t, map[string]string{
		"topics/t/partition=0/t+0+0000000000+0000000009.json": linesOf(0, 10),
		"topics/t/partition=0/t+0+0000000010+0000000019.json": linesOf(10, 4),
		"topics/t/partition=0/t+0+0000000020+0000000029.json": linesOf(20, 11),
		"topics/t/partition=0/t+0+0000000030+0000000039.json": linesOf(30, 10),
	})
	cfg := DefaultConfig("t")
	cfg.Ends = true
	l := catalog(t, b, cfg)
	if len(l.Damaged) != 1 || l.Damaged[0].Offset != 20 || l.Damaged[0].Next != 30 {
		t.Fatalf("got %v, want [20,30) not believed", l.Damaged)
	}
	if o := l.Objects[0]; len(o) < 3 || o[1].Base != 10 || o[1].Count != 4 || o[len(o)-1].Base != 30 {
		t.Errorf("got %v", o)
	}
}

func FuzzKey(f *testing.F) {
	f.Add("topics/orders/partition=3/orders+3+0000000099.keys.json.gz", false)
	f.Add("topics/orders/year=2026/month=11/day=20/orders+3+0+9.json", true)
	f.Fuzz(func(t *testing.T, key string, ends bool) {
		cfg := DefaultConfig("orders")
		cfg.Ends = ends
		n, ok := cfg.parse(key)
		if ok && (n.Partition < 0 || n.First < 0 || n.Stem+n.Ext != key || ends != (n.Last >= n.First) || n.Format == foreign.CSV) {
			t.Errorf("%q: got %+v", key, n)
		}
	})
}
