package objects_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/bucket"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/gap"
	"backstitch/replay/gap/objects"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var seeds = flag.Int("objects.seeds", 15, "how many seeds TestEveryDifferenceIsFound runs")

// truth is what must be said of one key in each way of comparing; "" is no difference.
type truth struct {
	plain, deep, versions gap.Kind
	survives              bool // with versions: the target still has the content
}

// story makes one key on both sides.
type story struct {
	name string
	make func(key, body string, ref, tgt *memory)
	want truth
}

func sum(algorithm, value string) []bucket.Checksum {
	return []bucket.Checksum{{Algorithm: algorithm, Value: value}}
}

func parts(value string) []bucket.Checksum {
	return []bucket.Checksum{{Algorithm: "crc32c", Composite: true, Value: value}}
}

func same(k gap.Kind) truth { return truth{plain: k, deep: k, versions: k} }

// other has the length of body and another content.
func other(body string) string { return strings.Map(func(r rune) rune { return r ^ 1 }, body) }

var stories = []story{
	{"equal by checksum", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, checksums: sum("sha256", b)})
		t.put(k, version{body: b, checksums: sum("sha256", b)})
	}, same("")},
	{"equal by md5", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, md5: true, checksums: sum("crc32", b)})
		t.put(k, version{body: b, md5: true})
	}, same("")},
	{"equal parts", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, checksums: parts("x-3")})
		t.put(k, version{body: b, checksums: parts("x-3")})
	}, same("")},
	{"other parts, same content", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, checksums: parts("x-3")})
		t.put(k, version{body: b, checksums: parts("y-2")})
	}, truth{plain: gap.NotComparable, versions: gap.NotComparable}},
	{"another kind of checksum", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, checksums: parts("x-3")})
		t.put(k, version{body: b, checksums: sum("crc32c", "x")})
	}, truth{plain: gap.NotComparable, versions: gap.NotComparable}},
	{"no checksum, other content", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, md5: true})
		t.put(k, version{body: other(b)})
	}, truth{plain: gap.NotComparable, deep: gap.Corrupt, versions: gap.NotComparable}},
	{"other content", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, checksums: sum("crc64nvme", b)})
		t.put(k, version{body: other(b), checksums: sum("crc64nvme", other(b))})
	}, same(gap.Corrupt)},
	{"cut short", func(k, b string, r, t *memory) {
		r.put(k, version{body: b})
		t.put(k, version{body: b[1:]})
	}, same(gap.Corrupt)},
	{"overwritten, the older version is good", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, md5: true})
		t.put(k, version{body: b, md5: true})
		t.put(k, version{body: b + "more", md5: true})
	}, truth{plain: gap.Corrupt, deep: gap.Corrupt, versions: gap.Corrupt, survives: true}},
	{"empty", func(k, _ string, r, t *memory) {
		r.put(k, version{})
		t.put(k, version{})
	}, same("")},
	{"missing", func(k, b string, r, _ *memory) { r.put(k, version{body: b}) }, same(gap.Missing)},
	{"extra", func(k, b string, _, t *memory) { t.put(k, version{body: b}) }, same(gap.Extra)},
	{"deleted in the target", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, checksums: sum("sha1", b)})
		t.put(k, version{body: b, checksums: sum("sha1", b)})
		t.put(k, version{deleted: true})
	}, truth{plain: gap.Missing, deep: gap.Missing, versions: gap.Missing, survives: true}},
	{"deleted in the target, and it was another content", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, checksums: sum("sha1", b)})
		t.put(k, version{body: other(b), checksums: sum("sha1", other(b))})
		t.put(k, version{deleted: true})
	}, same(gap.Missing)},
	{"deleted in both", func(k, b string, r, t *memory) {
		for _, m := range []*memory{r, t} {
			m.put(k, version{body: b})
			m.put(k, version{deleted: true})
		}
	}, same("")},
	{"deleted in the reference alone", func(k, b string, r, t *memory) {
		r.put(k, version{deleted: true})
		t.put(k, version{body: b})
	}, same(gap.Extra)},
	{"deleted where it never was in the other", func(k, _ string, _, t *memory) { t.put(k, version{deleted: true}) }, same("")},
	{"gone after it was listed", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, md5: true})
		t.put(k, version{body: b, md5: true, broken: bucket.ErrNotFound})
	}, same(gap.NotComparable)},
	{"denied", func(k, b string, r, t *memory) {
		r.put(k, version{body: b, md5: true, broken: bucket.ErrDenied})
		t.put(k, version{body: b, md5: true})
	}, same(gap.NotComparable)},
}

// keys have what programs put into them: spaces, quotes, control characters, slashes in odd places, characters of any length.
func someKey(rng *rand.Rand) string {
	alphabet := []string{"a", "b", "/", "//", " ", "+", "%2F", "é", "日", "𝄞", "\n", "\x01", "\"", "\\", ".", "~"}
	var b strings.Builder
	for range 1 + rng.IntN(9) {
		b.WriteString(alphabet[rng.IntN(len(alphabet))])
	}
	return b.String()
}

// TestEveryDifferenceIsFound makes buckets of known differences: all of them are named, and nothing else.
func TestEveryDifferenceIsFound(t *testing.T) {
	const objectsEach = 250
	var lost, reported int
	for seed := range uint64(*seeds) {
		rng := rand.New(rand.NewPCG(seed, 0x0b1ec75))
		ref, tgt := newMemory("s3://reference"), newMemory("s3://target")
		told := map[string]story{}
		for range objectsEach {
			key := someKey(rng)
			if _, taken := told[key]; taken {
				continue
			}
			s := stories[rng.IntN(len(stories))]
			s.make(key, fmt.Sprintf("content %d of %q", rng.Uint64(), key), ref, tgt)
			told[key] = s
		}
		for mode, cfg := range map[string]func(*objects.Config){
			"plain":    func(*objects.Config) {},
			"deep":     func(c *objects.Config) { c.Deep = true },
			"versions": func(c *objects.Config) { c.Versions = true },
		} {
			want, got := map[string]gap.Kind{}, map[string]gap.Kind{}
			for key, s := range told {
				k := map[string]gap.Kind{"plain": s.want.plain, "deep": s.want.deep, "versions": s.want.versions}[mode]
				if k != "" {
					want[key] = k
				}
			}
			c := objects.DefaultConfig()
			c.Parallel, c.MaxFailures = 4, 1000
			cfg(&c)
			last := ""
			c.Each = func(d objects.Difference) error {
				if len(got) > 0 && d.Key <= last {
					t.Errorf("seed %d: %q comes after %q", seed, d.Key, last)
				}
				last = d.Key
				got[d.Key] = d.Kind
				if survives := mode == "versions" && told[d.Key].want.survives; survives != (d.Version != "") {
					t.Errorf("seed %d, %s, %s: got version %q, want one: %t", seed, mode, told[d.Key].name, d.Version, survives)
				}
				return nil
			}
			rep, err := objects.Compare(t.Context(), ref, tgt, c)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("seed %d, %s: - is wanted, + is said:\n%s", seed, mode, diff)
			}
			checkRuns(t, rep, got)
			lost += len(want)
			reported += len(got)
			c.Each = nil
			again, err := objects.Compare(t.Context(), ref, tgt, c)
			if err != nil || again.Set != rep.Set {
				t.Errorf("seed %d, %s: a second comparison gives %s, %v, want %s", seed, mode, again.Set, err, rep.Set)
			}
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("seeds 0 to %d: %d differences were made, %d reported", *seeds-1, lost, reported)
}

// checkRuns makes sure that findings take in exactly the objects that have a difference.
func checkRuns(t *testing.T, rep *objects.Report, got map[string]gap.Kind) {
	t.Helper()
	var count int64
	for _, f := range rep.Findings {
		count += f.Count
		n := int64(0)
		for key, kind := range got {
			if key >= f.First && key <= f.Last {
				n++
				if kind != f.Kind {
					t.Errorf("finding %s of kind %s takes in %q, which is %s", f.ID, f.Kind, key, kind)
				}
			}
		}
		if n != f.Count {
			t.Errorf("finding %s: got %d objects, want %d", f.ID, f.Count, n)
		}
	}
	if count != int64(len(got)) {
		t.Errorf("findings have %d objects, want %d", count, len(got))
	}
}

func fill(n int) (ref, tgt *memory) {
	ref, tgt = newMemory("s3://reference"), newMemory("s3://target")
	for i := range n {
		v := version{body: fmt.Sprint(i), md5: true}
		ref.put(fmt.Sprintf("k%06d", i), v)
		tgt.put(fmt.Sprintf("k%06d", i), v)
	}
	return ref, tgt
}

// What lies behind the point at which a listing breaks off is not missing: nobody knows.
func TestACutListingLosesNothing(t *testing.T) {
	for side := range 2 {
		ref, tgt := fill(100)
		delete(tgt.keys, "k000010")
		[]*memory{ref, tgt}[side].cutAfter = "k000049"
		rep, err := objects.Compare(t.Context(), ref, tgt, objects.DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		if n := rep.Kinds[gap.Missing]; n != 1 || rep.Kinds[gap.Extra] != 0 || rep.Compared != 50 {
			t.Errorf("got %d missing, %d extra, %d compared, want 1, 0, 50", n, rep.Kinds[gap.Extra], rep.Compared)
		}
		last := rep.Findings[len(rep.Findings)-1]
		if !last.Open || last.First != "k000049" || last.Kind != gap.NotComparable || rep.Unknown() != 1 {
			t.Errorf("got %+v, want everything behind k000049 not comparable", last)
		}
		if cut := []string{rep.Reference.Cut, rep.Target.Cut}[side]; cut == "" {
			t.Errorf("the report does not say which listing broke off: %+v", rep)
		}
	}
}

func TestAStoreThatDoesNotAnswerEndsTheComparison(t *testing.T) {
	ref, tgt := fill(1000)
	tgt.silent = true
	cfg := objects.DefaultConfig()
	cfg.MaxFailures = 7
	rep, err := objects.Compare(t.Context(), ref, tgt, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Compared != 0 || rep.Kinds[gap.NotComparable] != 7 || rep.Unknown() != 2 {
		t.Errorf("got %d compared and %d not, in %d findings, want 0, 7, 2: %+v", rep.Compared, rep.Kinds[gap.NotComparable], rep.Unknown(), rep.Findings)
	}
}

func TestListingsAloneSayNothingOfContents(t *testing.T) {
	ref, tgt := fill(3)
	tgt.keys["k000001"][0].body = "9"
	cfg := objects.DefaultConfig()
	cfg.Listing = true
	rep, err := objects.Compare(t.Context(), ref, tgt, cfg)
	if err != nil || rep.Evidence != "E1" || rep.Equal != 3 || !strings.HasPrefix(rep.NotChecked[0], "contents") {
		t.Errorf("got %+v, %v, want 3 equal at E1, and contents among what was not checked", rep, err)
	}
	if rep, err = objects.Compare(t.Context(), ref, tgt, objects.DefaultConfig()); err != nil || rep.Evidence != "E2" || rep.Kinds[gap.Corrupt] != 1 {
		t.Errorf("got %+v, %v, want one corrupt at E2", rep, err)
	}
}

// unordered lists as some stores do.
type unordered struct{ *memory }

func (u unordered) Objects(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		var all []bucket.Info
		for in := range u.memory.Objects(ctx, prefix) {
			all = append(all, in)
		}
		slices.Reverse(all)
		for _, in := range all {
			if !yield(in, nil) {
				return
			}
		}
	}
}

func TestAListingWithoutOrderIsNotMerged(t *testing.T) {
	ref, tgt := fill(20)
	rep, err := objects.Compare(t.Context(), ref, unordered{tgt}, objects.DefaultConfig())
	if err != nil || rep.Kinds[gap.Extra]+rep.Kinds[gap.Missing] > 19 || !strings.Contains(rep.Target.Cut, "order of keys") {
		t.Fatalf("got %+v, %v, want the target's listing refused", rep, err)
	}
}

func TestDirectoriesAreComparedByReading(t *testing.T) {
	open := func(files map[string]string) bucket.Bucket {
		b, err := dir.Create(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for key, body := range files {
			if _, err := b.PutNew(t.Context(), key, []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	ref, tgt := open(map[string]string{"a": "1", "b": "2", "c": "3"}), open(map[string]string{"a": "1", "b": "x"})
	cfg := objects.DefaultConfig()
	rep, err := objects.Compare(t.Context(), ref, tgt, cfg)
	if err != nil || rep.Kinds[gap.NotComparable] != 2 || rep.Kinds[gap.Missing] != 1 {
		t.Errorf("got %+v, %v, want two that have no checksum, and one missing", rep, err)
	}
	cfg.Deep = true
	rep, err = objects.Compare(t.Context(), ref, tgt, cfg)
	if err != nil || rep.Equal != 1 || rep.Kinds[gap.Corrupt] != 1 || rep.By["content"] != 2 {
		t.Errorf("got %+v, %v, want one equal and one corrupt by content", rep, err)
	}
	cfg.Versions = true
	if _, err := objects.Compare(t.Context(), ref, tgt, cfg); !errors.Is(err, objects.ErrNoVersions) {
		t.Errorf("got %v, want %v", err, objects.ErrNoVersions)
	}
}

func TestEndsWithItsContextAndItsCaller(t *testing.T) {
	ref, tgt := fill(5000)
	for key := range tgt.keys {
		delete(tgt.keys, key)
		if len(tgt.keys) < 2500 {
			break
		}
	}
	cfg := objects.DefaultConfig()
	enough := errors.New("enough")
	cfg.Each = func(objects.Difference) error { return enough }
	if _, err := objects.Compare(t.Context(), ref, tgt, cfg); !errors.Is(err, enough) {
		t.Errorf("got %v, want %v", err, enough)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Each = func(objects.Difference) error {
		cancel()
		return nil
	}
	if _, err := objects.Compare(ctx, ref, tgt, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// counted is a bucket of n keys that are made as they are listed.
type counted struct {
	*memory
	n, without int // every without-th key is absent; 0 for none
}

func (c counted) Objects(context.Context, string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for i := range c.n {
			if c.without > 0 && i%c.without == 0 {
				continue
			}
			if !yield(bucket.Info{Key: fmt.Sprintf("prefix/%012d", i), ETag: "e", Size: 0}, nil) {
				return
			}
		}
	}
}

// manyKeys is enough to see growth: what is held is a page of each side and the findings.
const manyKeys = 100_000

func TestMemoryDoesNotGrowWithTheBucket(t *testing.T) {
	var most uint64
	cfg := objects.DefaultConfig()
	n := 0
	cfg.Each = func(objects.Difference) error {
		if n++; n%(manyKeys/30) == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
		return nil
	}
	rep, err := objects.Compare(t.Context(), counted{newMemory("a"), manyKeys, 0}, counted{newMemory("b"), manyKeys, 3}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(manyKeys+2) / 3; rep.Kinds[gap.Missing] != want || len(rep.Findings) != cfg.MaxFindings+1 {
		t.Errorf("got %d missing in %d findings, want %d in %d", rep.Kinds[gap.Missing], len(rep.Findings), want, cfg.MaxFindings+1)
	}
	if last := rep.Findings[len(rep.Findings)-1]; last.Kind != gap.Partly || last.Runs != last.Count || last.Runs < 1000 {
		t.Errorf("got %+v, want the scattered rest as one finding", last)
	}
	if most > 32<<20 {
		t.Errorf("got %d MiB of heap at %d keys, want less than 32", most>>20, manyKeys)
	}
	t.Logf("most heap at %d keys: %.1f MiB", manyKeys, float64(most)/(1<<20))
}
