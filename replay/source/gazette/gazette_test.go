package gazette_test

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/source"
	"backstitch/replay/source/gazette"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(dir string, begin int, body []byte, ext string) string {
	return fmt.Sprintf("%s/%016x-%016x-%x%s", dir, begin, begin+len(body), sha1.Sum(body), ext)
}

func TestNames(t *testing.T) {
	a, err := gazette.New(nil, gazette.DefaultConfig("orders"))
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Repeat("0a", 20)
	span := "0000000000000010-00000000000000ff-"
	for name, want := range map[string]string{
		"orders/part-003/" + span + hash + ".gz":                    "3 16 254 .gz",
		"orders/eu/part-012/utc_date=2026/" + span + hash + ".sz":   "12 16 254 .snappy",
		"orders/part-003/" + span + hash:                            "3 16 254 ",
		"orders/part-003/" + span + hash + ".raw":                   "3 16 254 ",
		"orders/part-003/" + span + hash[1:] + ".gz":                "",
		"orders/part-003/" + span + hash + ".tar":                   "",
		"orders/" + span + hash + ".gz":                             "",
		"other/part-003/" + span + hash + ".gz":                     "",
		"orders/part-003/00000000000000ff-0000000000000010-" + hash: "",
		"orders/part-003/ffffffffffffffff-0000000000000010-" + hash: "",
	} {
		got := ""
		if n, ok := a.Layout().Parse(name); ok {
			got = fmt.Sprintf("%d %d %d %s", n.Partition, n.First, n.Last, n.Codec)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// A fragment that is not what its hash says is not believed at all, and its bytes are named.
func TestFragmentsThatDoNotFit(t *testing.T) {
	one, two, three := []byte("1\n2\n3\n"), []byte("4\n5\n6\n"), []byte("7\n8\n9\n")
	files := func(stored []byte) map[string][]byte {
		return map[string][]byte{key("orders/part-000", 0, one, ""): one, key("orders/part-000", 6, two, ""): stored, key("orders/part-000", 12, three, ""): three}
	}
	for name, stored := range map[string][]byte{
		"another byte": bytes.Replace(two, []byte("5"), []byte("x"), 1), "cut": two[:3], "longer": append(bytes.Clone(two), "x\n"...), "nothing": {},
	} {
		a, err := gazette.New(foreigntest.Open(t, files(stored)), gazette.DefaultConfig("orders"))
		l := foreigntest.Catalog(t, a, err)
		if len(l.Damaged) != 1 || l.Damaged[0].Code != source.CodeCorrupt {
			t.Errorf("%s: got %v, want %s", name, l.Damaged, source.CodeCorrupt)
		}
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		if got := foreigntest.Offsets(rs); got != "[[0,1) [2,3) [4,5) [12,13) [14,15) [16,17)]" || fmt.Sprint(damaged) != "[BST-Q102[6,12)]" {
			t.Errorf("%s: got %s, %v", name, got, damaged)
		}
	}
	a, err := gazette.New(foreigntest.Open(t, files(two)), gazette.DefaultConfig("orders"))
	l := foreigntest.Catalog(t, a, err)
	if rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0]); len(rs) != 9 || damaged != nil || string(rs[3].Value) != "4" || rs[3].Offset != 6 {
		t.Errorf("got %v, %v, want nine", rs, damaged)
	}
}

func FuzzKey(f *testing.F) {
	f.Add(key("orders/part-000", 5, []byte("x"), ".gz"))
	a, err := gazette.New(nil, gazette.DefaultConfig("orders"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		n, ok := a.Layout().Parse(key)
		if ok && (n.Partition < 0 || n.First < 0 || n.Last < n.First || n.Stem+n.Ext != key) {
			t.Errorf("%q: got %+v", key, n)
		}
	})
}

// FuzzFragment: content with a hash that fits may hold anything, and its lines make it up again.
func FuzzFragment(f *testing.F) {
	f.Add([]byte("{}\n\n1"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) == 0 {
			return
		}
		a, err := gazette.New(foreigntest.Open(t, map[string][]byte{key("orders/part-000", 7, body, ""): body}), gazette.DefaultConfig("orders"))
		l := foreigntest.Catalog(t, a, err)
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		if len(l.Damaged)+len(damaged) > 0 {
			t.Fatalf("got %v, %v", l.Damaged, damaged)
		}
		for _, r := range rs {
			if at := r.Offset - 7; !bytes.HasPrefix(body[at:], r.Value) {
				t.Fatalf("got %q at %d of %q", r.Value, at, body)
			}
		}
	})
}
