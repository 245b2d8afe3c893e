package foreign_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plainLayout has keys DIR/FIRST[.EXT] with a JSON value per line.
type plainLayout struct{}

func (plainLayout) Traits() foreign.Traits {
	return foreign.Traits{Title: "plain", Topic: "t", Fields: record.FieldValue, Dense: true}
}

func (plainLayout) Parse(key string) (foreign.Name, bool) {
	n := foreign.Unnamed()
	i := strings.LastIndexByte(key, '/')
	file, ext, _ := strings.Cut(key[i+1:], ".")
	_, err := fmt.Sscanf(file, "%d", &n.First)
	n.Stream, n.Ext, n.Stem, n.Filed = key[:i+1], "."+ext, key, foreign.FiledAt(key[:i+1])
	n.Format, n.Codec = foreign.SplitExt(n.Ext)
	return n, err == nil
}

func (plainLayout) Decode(_ context.Context, o *foreign.Object) (foreign.Decoder, error) {
	return o.Values()
}

// shelf is a bucket in memory. Tests make it refuse, or lose objects between the listing and the read.
type shelf struct {
	files  map[string][]byte
	keys   []string // what a listing shows
	listed error    // ends every listing
	breaks bool     // half of an object is all that comes
}

func newShelf(files map[string]string) *shelf {
	s := &shelf{files: map[string][]byte{}}
	for key, text := range files {
		s.files[key] = foreigntest.Compress(key, []byte(text))
		s.keys = append(s.keys, key)
	}
	slices.Sort(s.keys) // as a store lists them
	return s
}

func (s *shelf) List(_ context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		if s.listed != nil {
			yield(bucket.Info{}, s.listed)
			return
		}
		for _, key := range s.keys {
			if strings.HasPrefix(key, prefix) && !yield(bucket.Info{Key: key, ETag: "e", Size: int64(len(s.files[key]))}, nil) {
				return
			}
		}
	}
}

func (s *shelf) Get(_ context.Context, key, _ string) (io.ReadCloser, bucket.Info, error) {
	b, ok := s.files[key]
	if !ok {
		return nil, bucket.Info{}, bucket.ErrNotFound
	}
	in := bucket.Info{Key: key, ETag: "e", Size: int64(len(b))}
	if s.breaks {
		b = b[:len(b)/2]
	}
	return io.NopCloser(bytes.NewReader(b)), in, nil
}

func (s *shelf) GetRange(context.Context, string, string, int64, int64) ([]byte, error) {
	return nil, errors.ErrUnsupported
}
func (s *shelf) PutNew(context.Context, string, []byte) (bucket.Info, error) {
	return bucket.Info{}, errors.ErrUnsupported
}
func (s *shelf) URL() string { return "shelf" }

func numbers(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, from+i)
	}
	return b.String()
}

func catalog(t *testing.T, b bucket.Bucket) (*foreign.Archive, *foreign.Listing) {
	t.Helper()
	a, err := foreign.New(b, plainLayout{}, foreign.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Catalog(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return a, l
}

// values reads all of partition 0 as "position=value", and what is damaged as "CODE[from,to)".
func values(t *testing.T, a *foreign.Archive, objects []partition.Object) []string {
	t.Helper()
	return valuesIn(t, a, objects, partition.Range{From: 0, To: 1 << 40})
}

// valuesIn is values of a range.
func valuesIn(t *testing.T, a *foreign.Archive, objects []partition.Object, want partition.Range) []string {
	t.Helper()
	r, err := a.Open(t.Context(), partition.Slice{Ranges: partition.Ranges{want}, Objects: objects}, want.From)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	for {
		b, err := r.Next(t.Context())
		var d *source.DamagedError
		switch {
		case err == io.EOF:
			return out
		case errors.As(err, &d):
			out = append(out, fmt.Sprintf("%s[%d,%d)", d.Code, d.Offset, d.Next))
			continue
		case err != nil:
			return append(out, err.Error())
		}
		for _, rec := range b.Records {
			out = append(out, fmt.Sprintf("%d=%s", rec.Offset, rec.Value))
		}
		b.Release()
	}
}

func counted(from, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%d=%d", from+i, from+i))
	}
	return out
}

// A row count that reaches into the next name: the records that both objects hold are given once, whatever else overlaps.
func TestOverlapsAreGivenOnce(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"the tail again":       {"p/0.json": numbers(0, 30), "p/20.json": numbers(20, 30)},
		"the whole again":      {"p/0.json": numbers(0, 50), "p/20.json": numbers(20, 10)},
		"the same name twice":  {"p/0.json": numbers(0, 50), "p/0.json.gz": numbers(0, 50)},
		"three of them":        {"p/0.json": numbers(0, 30), "p/20.json": numbers(20, 20), "p/25.json.gz": numbers(25, 25)},
		"nothing, they follow": {"p/0.json": numbers(0, 25), "p/25.json": numbers(25, 25)},
	} {
		t.Run(name, func(t *testing.T) {
			a, l := catalog(t, newShelf(files))
			if len(l.Damaged) > 0 {
				t.Errorf("got damage %v, want none", l.Damaged)
			}
			if diff := cmp.Diff(counted(0, 50), values(t, a, l.Objects[0])); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			if got, want := len(l.Overlaps), len(files)-1; (name == "nothing, they follow") != (got == 0) || got != 0 && got != want {
				t.Errorf("got notes %q", l.Overlaps)
			}
			for from := range 48 { // a slice may begin and end anywhere
				if diff := cmp.Diff(counted(from, 2), valuesIn(t, a, l.Objects[0], partition.Range{From: int64(from), To: int64(from) + 2})); diff != "" {
					t.Fatalf("two from %d on: want -, got +:\n%s", from, diff)
				}
			}
		})
	}
}

// Two objects that claim the same offsets with other contents: one of them is foreign, and nobody knows which.
func TestAnOccupiedNameIsNotBelieved(t *testing.T) {
	a, l := catalog(t, newShelf(map[string]string{"p/0.json": numbers(0, 10), "p/10.json": numbers(7000, 15), "p/20.json": numbers(20, 10), "p/30.json": numbers(30, 5)}))
	if len(l.Damaged) != 2 || l.Damaged[0].Code != source.CodeForeign || !strings.Contains(l.Damaged[0].Error(), "p/20.json") {
		t.Fatalf("got %v, want both objects named", l.Damaged)
	}
	if d := l.Damaged; d[0].Offset != 10 || d[0].Next != 20 || d[1].Offset != 20 || d[1].Next != 30 {
		t.Errorf("got %v, want [10,20) and [20,30)", d)
	}
	want := append(counted(0, 10), counted(30, 5)...)
	if diff := cmp.Diff(want, values(t, a, l.Objects[0])); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// Objects of two directories interleave: that is a partitioner at work and no overlap.
func TestFanOutIsNoOverlap(t *testing.T) {
	_, l := catalog(t, newShelf(map[string]string{"a/0.json": numbers(0, 10), "b/3.json": numbers(100, 10)}))
	if len(l.Damaged)+len(l.Overlaps) > 0 {
		t.Errorf("got %v, %v, want nothing", l.Damaged, l.Overlaps)
	}
}

// An object that is gone between the listing and the read costs itself and is named, and nothing else changes.
func TestAnObjectVanishes(t *testing.T) {
	s := newShelf(map[string]string{"p/0.json": numbers(0, 10), "p/10.json": numbers(10, 10), "p/20.json": numbers(20, 10)})
	delete(s.files, "p/10.json")
	a, l := catalog(t, s)
	want := append(append(counted(0, 10), "BST-Q107[10,20)"), counted(20, 10)...)
	if diff := cmp.Diff(want, values(t, a, l.Objects[0])); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	s = newShelf(map[string]string{"p/0.json": numbers(0, 10)})
	a, l = catalog(t, s)
	delete(s.files, "p/0.json")
	if got := values(t, a, l.Objects[0]); len(got) != 1 || !strings.Contains(got[0], source.ErrGone.Error()) {
		t.Errorf("after the plan: got %q, want %v", got, source.ErrGone)
	}
}

func TestMoreObjectsThanCanBeHeld(t *testing.T) {
	s := newShelf(map[string]string{"p/0.json": "1\n", "p/1.json": "1\n", "p/2.json": "1\n"})
	for most, want := range map[int]error{3: nil, 2: source.ErrTooMany} {
		limits := foreign.DefaultLimits()
		limits.MaxObjects = most
		a, err := foreign.New(s, plainLayout{}, limits)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Catalog(t.Context(), nil); !errors.Is(err, want) {
			t.Errorf("at most %d of 3 objects: got %v, want %v", most, err, want)
		}
	}
}

func TestNoPermissionToList(t *testing.T) {
	s := newShelf(map[string]string{"p/0.json": "1\n"})
	s.listed = errors.New("AccessDenied: no s3:ListBucket")
	a, err := foreign.New(s, plainLayout{}, foreign.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Catalog(t.Context(), nil); !errors.Is(err, s.listed) || !strings.Contains(err.Error(), "list plain of t") {
		t.Errorf("got %v, want the archive named and %v", err, s.listed)
	}
}

// What is not read is listed with its format, and is not "no object of that topic".
func TestUnreadFormatsAreListed(t *testing.T) {
	_, l := catalog(t, newShelf(map[string]string{"p/0.avro": "x", "p/10.snappy.parquet": "x", "p/20.orc": "x"}))
	var got []foreign.Format
	for _, u := range l.Unread {
		got = append(got, u.Format)
	}
	if len(got) != 3 || len(l.Objects) != 0 {
		t.Errorf("got %v and %v, want three unread objects", got, l.Objects)
	}
}

// A week-year pattern files the end of December under the next year, and the days around a time change have 23 and 25 hours.
func TestMisplacedByTheYearOfTheWeek(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse("2006-01-02 15", text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	file := func(first int, filed time.Time, written string) string {
		return fmt.Sprintf("year=%s/month=%02d/day=%02d/hour=%02d/%d.json", written, filed.Month(), filed.Day(), filed.Hour(), first)
	}
	files := map[string]string{}
	first := 0
	put := func(when time.Time, year string) {
		files[file(first, when, year)] = numbers(first, 10)
		first += 10
	}
	for d := at("2024-12-20 00"); d.Before(at("2025-01-10 00")); d = d.AddDate(0, 0, 1) {
		year := d.Format("2006")
		if d.After(at("2024-12-28 12")) && d.Before(at("2025-01-01 00")) {
			year = "2025" // 29, 30 and 31 December under YYYY
		}
		put(d, year)
	}
	_, l := catalog(t, newShelf(files))
	var got []string
	for _, m := range l.Misplaced {
		got = append(got, m.Key)
	}
	want := []string{file(90, at("2024-12-29 00"), "2025"), file(100, at("2024-12-30 00"), "2025"), file(110, at("2024-12-31 00"), "2025")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("week-year: want -, got +:\n%s", diff)
	}
	files, first = map[string]string{}, 0
	for h := 0; h < 24; h++ {
		if h != 2 {
			put(at("2026-03-29 00").Add(time.Duration(h)*time.Hour), "2026") // hour=02 is absent
		}
	}
	for h := 0; h < 24; h++ {
		put(at("2026-10-25 00").Add(time.Duration(h)*time.Hour), "2026")
	}
	files[file(first, at("2026-10-25 02"), "2026")] = numbers(first, 10) // the second hour of that name
	_, l = catalog(t, newShelf(files))
	if len(l.Misplaced)+len(l.Damaged)+len(l.Overlaps) > 0 || len(l.Objects[0]) != 48 {
		t.Errorf("time change: got %+v, want no finding", l)
	}
}

// A connection that breaks off is no damage, however the object is compressed: a retry may give all of it.
func TestBrokenConnectionIsNoDamage(t *testing.T) {
	for _, ext := range []string{".json", ".json.gz", ".json.zst", ".json.snappy", ".json.lz4"} {
		for _, whole := range []int64{0, 1 << 20} {
			s := newShelf(map[string]string{"p/0" + ext: numbers(0, 5000)})
			s.breaks = true
			limits := foreign.DefaultLimits()
			limits.WholeBytes = whole
			a, err := foreign.New(s, plainLayout{}, limits)
			if err != nil {
				t.Fatal(err)
			}
			l, err := a.Catalog(t.Context(), nil)
			if err == nil || !strings.Contains(err.Error(), "connection broke off") || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: got %+v, %v, want an error and no damage", ext, l, err)
			}
		}
	}
}

// Every compression comes out whole, is named when it is cut, and does not grow beyond its ceiling.
func TestCodecs(t *testing.T) {
	text := numbers(0, 3000)
	xerial := func(b []byte) []byte { return xerialOf(b, 700) }
	for ext, stored := range map[string][]byte{
		".json": []byte(text), ".json.gz": foreigntest.Compress(".gz", []byte(text)), ".json.zst": foreigntest.Compress(".zst", []byte(text)),
		".json.sz": foreigntest.Compress(".snappy", []byte(text)), ".json.snappy": xerial([]byte(text)), ".json.lz4": foreigntest.Compress(".lz4", []byte(text)),
	} {
		s := newShelf(nil)
		s.files["p/0"+ext], s.keys = stored, []string{"p/0" + ext}
		a, l := catalog(t, s)
		if diff := cmp.Diff(counted(0, 3000), values(t, a, l.Objects[0])); diff != "" {
			t.Errorf("%s: want -, got +:\n%.400s", ext, diff)
		}
		if ext == ".json" {
			continue // a text that is cut looks like a shorter one
		}
		s.files["p/0"+ext] = stored[:len(stored)*2/3]
		if _, l := catalog(t, s); len(l.Damaged) != 1 || l.Damaged[0].Code != source.CodeTruncated && l.Damaged[0].Code != source.CodeCorrupt {
			t.Errorf("%s, cut: got %v, want one damage", ext, l.Damaged)
		}
		s.files["p/0"+ext] = stored
		limits := foreign.DefaultLimits()
		limits.MaxObjectBytes, limits.WholeBytes = 1000, 1000
		small, err := foreign.New(s, plainLayout{}, limits)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := small.Catalog(t.Context(), nil); err != nil || len(l.Damaged) != 1 || l.Damaged[0].Code != source.CodeTooLarge {
			t.Errorf("%s, a bomb: got %v, %v, want %s", ext, l, err, source.CodeTooLarge)
		}
	}
}

// aged is a shelf behind a listing of another day.
type aged struct {
	*shelf
	live *shelf
}

func (a aged) Live() bucket.Bucket { return a.live }

func (a aged) Get(ctx context.Context, key, etag string) (io.ReadCloser, bucket.Info, error) {
	r, in, err := a.live.Get(ctx, key, etag)
	if err == nil && etag == "old" {
		return nil, in, errors.Join(bucket.ErrChanged, r.Close())
	}
	return r, in, err
}

func (a aged) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for in, err := range a.shelf.List(ctx, prefix) {
			if in.Key == "p/20.json" {
				in.ETag = "old"
			}
			if !yield(in, err) {
				return
			}
		}
	}
}

// An inventory is no moment. What it lacks is looked for before it is missing, what was replaced is read as it is now, and what
// is gone is named.
func TestAnOldListingIsLookedAtAgain(t *testing.T) {
	live := newShelf(map[string]string{"p/0.json": numbers(0, 10), "p/10.json": numbers(10, 10), "p/20.json": numbers(20, 10), "p/40.json": numbers(40, 10)})
	old := newShelf(map[string]string{"p/0.json": "", "p/20.json": "", "p/30.json": ""})
	a, l := catalog(t, aged{old, live})
	want := append(append(counted(0, 30), "BST-Q107[30,40)"), counted(40, 10)...)
	if diff := cmp.Diff(want, values(t, a, l.Objects[0])); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// tagged is a shelf whose objects say what they hold.
type tagged struct {
	*shelf
	tags  map[string]map[string]string
	asked int
	err   error
}

func (s *tagged) Tags(_ context.Context, key string) (map[string]string, error) {
	s.asked++
	return s.tags[key], s.err
}

func tag(start, end, count int) map[string]string {
	return map[string]string{"startOffset": fmt.Sprint(start), "endOffset": fmt.Sprint(end), "recordCount": fmt.Sprint(count)}
}

type taggedLayout struct{ plainLayout }

func (taggedLayout) Traits() foreign.Traits {
	t := plainLayout{}.Traits()
	t.Tagged = true
	return t
}

// Tags show what names and neighbours can not: an object that was cut at the end of a line, the last one too.
func TestTagsSayWhatAnObjectHeld(t *testing.T) {
	files := map[string]string{"p/0.json": numbers(0, 10), "p/10.json": numbers(10, 7), "p/20.json": numbers(20, 10), "p/30.json": numbers(30, 4)}
	for name, c := range map[string]struct {
		tags  map[string]map[string]string
		err   error
		want  []string
		asked int
	}{
		"cut at a line": {tags: map[string]map[string]string{"p/0.json": tag(0, 9, 10), "p/10.json": tag(10, 19, 10), "p/20.json": tag(20, 29, 10), "p/30.json": tag(30, 39, 10)},
			want: []string{"BST-Q101[17,20)", "BST-Q101[34,40)"}, asked: 5},
		"another object": {tags: map[string]map[string]string{"p/0.json": tag(0, 9, 10), "p/10.json": tag(7000, 7006, 7), "p/30.json": tag(30, 31, 2)},
			want: []string{"BST-Q106[10,20)", "BST-Q106[30,32)"}, asked: 5},
		"no tags":        {asked: 1},
		"not allowed":    {err: errors.New("AccessDenied"), asked: 1},
		"tags of others": {tags: map[string]map[string]string{"p/0.json": {"owner": "me"}}, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := &tagged{shelf: newShelf(files), tags: c.tags, err: c.err}
			limits := foreign.DefaultLimits()
			limits.Parallel = 1
			a, err := foreign.New(s, taggedLayout{}, limits)
			if err != nil {
				t.Fatal(err)
			}
			l, err := a.Catalog(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range l.Damaged {
				got = append(got, fmt.Sprintf("%s[%d,%d)", d.Code, d.Offset, d.Next))
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) || s.asked != c.asked {
				t.Errorf("got %v after %d requests, want %v after %d", got, s.asked, c.want, c.asked)
			}
			for _, v := range values(t, a, l.Objects[0]) {
				if strings.HasPrefix(v, "BST") {
					continue
				}
				if at, value, _ := strings.Cut(v, "="); at != value {
					t.Errorf("got %s at %s", value, at)
				}
			}
		})
	}
}
