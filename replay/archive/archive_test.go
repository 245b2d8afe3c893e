package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"

	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/klog/klogtest"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	archivesource "backstitch/replay/source/archive"
	"backstitch/replay/source/kafka"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const topic = "orders"

// read reads a slice to its end and checks what every reader promises on the way.
func read(t *testing.T, src source.Source, slice partition.Slice, cursor int64) []record.Record {
	t.Helper()
	r, err := src.Open(t.Context(), slice, cursor)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []record.Record
	for {
		b, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Records) == 0 {
			t.Fatal("got an empty batch")
		}
		var size int64
		for i := range b.Records {
			rec := b.Records[i]
			size += rec.Size()
			out = append(out, clone(rec))
		}
		if last := b.Records[len(b.Records)-1].Offset; b.Next <= last || b.Bytes != size || b.Partition != slice.Partition {
			t.Fatalf("got next %d, bytes %d, partition %d after offset %d, want more, %d, %d", b.Next, b.Bytes, b.Partition, last, size, slice.Partition)
		}
		b.Release()
	}
}

// clone copies a record out of its batch, keeping null and empty apart.
func clone(r record.Record) record.Record {
	cp := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		return append([]byte{}, b...)
	}
	out := record.Record{Offset: r.Offset, TimestampMs: r.TimestampMs, TimestampType: r.TimestampType, Key: cp(r.Key), Value: cp(r.Value)}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, record.Header{Key: string(append([]byte{}, h.Key...)), Value: cp(h.Value)})
	}
	return out
}

// differ says where two lists of records part, "" when they do not. cmp sees no more of them than it has to: equal lists take it longer
// than they take to read, and different ones far longer still.
func differ(want, got []record.Record) string {
	if replaytest.Same(want, got) {
		return ""
	}
	i := 0
	for i < min(len(want), len(got)) && replaytest.Same(want[i:i+1], got[i:i+1]) {
		i++
	}
	return fmt.Sprintf("%d records, want %d; from number %d on:\n%s", len(got), len(want), i,
		cmp.Diff(want[i:min(i+3, len(want))], got[i:min(i+3, len(got))]))
}

func newDir(t *testing.T) *dir.Bucket {
	t.Helper()
	b, err := dir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func copyAll(t *testing.T, cl *kgo.Client, b bucket.Bucket, opt archive.Options) *archive.Copied {
	t.Helper()
	opt.Topic = topic
	got, err := archive.Copy(t.Context(), cl, b, opt)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func archiveSlice(t *testing.T, b bucket.Bucket, part int32, rs partition.Ranges) (source.Source, partition.Slice) {
	t.Helper()
	objs, err := archivesource.Catalog(t.Context(), b, topic, archivesource.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	src, err := archivesource.New(b, archivesource.Config{Topic: topic, ReadBytes: 30 << 10})
	if err != nil {
		t.Fatal(err)
	}
	return src, partition.Slice{Partition: part, Ranges: rs, Objects: objs[part]}
}

var everything = partition.Ranges{{From: 0, To: math.MaxInt64}}

func keys(t *testing.T, b bucket.Bucket) []string {
	t.Helper()
	var out []string
	for in, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, in.Key)
	}
	return out
}

// Both the topic and its archive hold exactly the committed records, whatever the codec, with every null, header and time.
func TestCopyAndReadBack(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 2)
	want := [][]record.Record{
		klogtest.Fill(t, c, topic, 0, 1, 12, 200),
		klogtest.Fill(t, c, topic, 1, 2, 7, 50),
	}
	b := newDir(t)
	got := copyAll(t, cl, b, archive.Options{})
	for p := range int32(2) {
		src, slice := archiveSlice(t, b, p, everything)
		if diff := differ(want[p], read(t, src, slice, 0)); diff != "" {
			t.Errorf("archive, partition %d: want -, got +:\n%s", p, diff)
		}
		ksrc, err := kafka.New(cl, kafka.Config{Topic: topic, FetchBytes: 20 << 10})
		if err != nil {
			t.Fatal(err)
		}
		if diff := differ(want[p], read(t, ksrc, slice, 0)); diff != "" {
			t.Errorf("kafka, partition %d: want -, got +:\n%s", p, diff)
		}
		if n := got.Partitions[p].Records; n != int64(len(want[p])) {
			t.Errorf("copied %d records of partition %d, want %d", n, p, len(want[p]))
		}
		for _, o := range slice.Objects {
			r, _, err := b.Get(t.Context(), o.Key, o.ETag)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil {
				t.Fatal(err)
			}
			if _, err := archive.Verify(o.Key, body); err != nil {
				t.Error(err)
			}
		}
	}
}

// Reading from any cursor, over any ranges, gives exactly the records that are there.
func TestResumeAtEveryCursor(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 1)
	all := klogtest.Fill(t, c, topic, 0, 3, 9, 20)
	b := newDir(t)
	copyAll(t, cl, b, archive.Options{})
	rs := partition.Ranges{{From: 3, To: 50}, {From: 52, To: 53}, {From: 90, To: 1000}}
	asrc, slice := archiveSlice(t, b, 0, rs)
	ksrc, err := kafka.New(cl, kafka.Config{Topic: topic})
	if err != nil {
		t.Fatal(err)
	}
	for cursor := int64(0); cursor <= all[len(all)-1].Offset+2; cursor += 1 + cursor%7 {
		var want []record.Record
		for _, r := range all {
			if r.Offset >= cursor && rs.Contains(r.Offset) {
				want = append(want, r)
			}
		}
		for name, src := range map[string]source.Source{"archive": asrc, "kafka": ksrc} {
			if diff := differ(want, read(t, src, slice, cursor)); diff != "" {
				t.Fatalf("%s from %d: want -, got +:\n%s", name, cursor, diff)
			}
		}
	}
}

// failingBucket fails its nth write.
type failingBucket struct {
	bucket.Bucket
	left int
}

var errDown = errors.New("store is down")

func (b *failingBucket) PutNew(ctx context.Context, key string, body []byte) (bucket.Info, error) {
	if b.left--; b.left < 0 {
		return bucket.Info{}, errDown
	}
	return b.Bucket.PutNew(ctx, key, body)
}

// big fills partition 0 with enough for several objects.
func big(t *testing.T, cl *kgo.Client) {
	t.Helper()
	value := make([]byte, 100<<10)
	for i := range 250 {
		value[0] = byte(i)
		cl.Produce(t.Context(), &kgo.Record{Topic: topic, Value: append([]byte{}, value...)}, nil)
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A copy that was cut off after any object and called again makes the objects that an undisturbed copy makes; a copy of a
// complete archive writes nothing.
func TestCopyResumesAndRepeats(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 1)
	big(t, klogtest.Client(t, c, kgo.ProducerBatchCompression(kgo.NoCompression())))
	whole := newDir(t)
	copyAll(t, cl, whole, archive.Options{})
	want := keys(t, whole)
	if len(want) < 3 {
		t.Fatalf("got %d objects, want at least 3 for this test to mean something", len(want))
	}
	for n := range len(want) {
		b := newDir(t)
		if _, err := archive.Copy(t.Context(), cl, &failingBucket{Bucket: b, left: n}, archive.Options{Topic: topic}); !errors.Is(err, errDown) {
			t.Fatalf("got %v, want %v", err, errDown)
		}
		if got := keys(t, b); len(got) != n {
			t.Fatalf("got %d objects after the failure, want %d", len(got), n)
		}
		copyAll(t, cl, b, archive.Options{})
		if diff := cmp.Diff(want, keys(t, b)); diff != "" {
			t.Fatalf("cut off after %d objects: want -, got +:\n%s", n, diff)
		}
	}
	again := copyAll(t, cl, whole, archive.Options{})
	if p := again.Partitions[0]; p.Objects != 0 || p.Present != int64(len(want)) || p.Records != 0 {
		t.Errorf("got %+v, want nothing stored again", p)
	}
}

// Copies with other beginnings overlap; the reader returns each record once all the same.
func TestOverlappingCopies(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 1)
	want := klogtest.Fill(t, c, topic, 0, 5, 6, 300)
	b := newDir(t)
	copyAll(t, cl, b, archive.Options{Ranges: map[int32]partition.Range{0: {From: 500, To: 700}}})
	copyAll(t, cl, b, archive.Options{})
	other := newDir(t)
	copyAll(t, cl, other, archive.Options{})
	for in, err := range other.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := other.Get(t.Context(), in.Key, "")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.PutNew(t.Context(), in.Key, body); err != nil && !errors.Is(err, bucket.ErrExists) {
			t.Fatal(err)
		}
	}
	src, slice := archiveSlice(t, b, 0, everything)
	if diff := differ(want, read(t, src, slice, 0)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestRecreatedTopicIsRefused(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 1)
	klogtest.Fill(t, c, topic, 0, 6, 1, 10)
	b := newDir(t)
	copied := copyAll(t, cl, b, archive.Options{})
	if err := c.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateTopic(topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	klogtest.Fill(t, c, topic, 0, 7, 1, 10)
	if _, err := archive.Copy(t.Context(), cl, b, archive.Options{Topic: topic}); !errors.Is(err, source.ErrRecreated) {
		t.Errorf("copy: got %v, want %v", err, source.ErrRecreated)
	}
	src, err := kafka.New(cl, kafka.Config{Topic: topic, ID: copied.TopicID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.Open(t.Context(), partition.Slice{Ranges: everything}, 0); !errors.Is(err, source.ErrRecreated) {
		t.Errorf("open: got %v, want %v", err, source.ErrRecreated)
	}
}

func TestRetentionOvertakesTheReader(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 1)
	klogtest.Fill(t, c, topic, 0, 8, 4, 300)
	src, err := kafka.New(cl, kafka.Config{Topic: topic, FetchBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	slice := partition.Slice{Ranges: everything}
	r, err := src.Open(t.Context(), slice, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := c.DeleteRecords(topic, 0, 1000); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next(t.Context())
	}
	if !errors.Is(err, source.ErrRetention) {
		t.Errorf("next: got %v, want %v", err, source.ErrRetention)
	}
	if _, err := src.Open(t.Context(), slice, 0); !errors.Is(err, source.ErrRetention) {
		t.Errorf("open: got %v, want %v", err, source.ErrRetention)
	}
}

// A leader that moves while a partition is read is followed.
func TestLeaderMoves(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 1)
	want := klogtest.Fill(t, c, topic, 0, 9, 4, 300)
	src, err := kafka.New(cl, kafka.Config{Topic: topic, FetchBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(t.Context(), partition.Slice{Ranges: everything}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []record.Record
	for n := int32(0); ; n++ {
		b, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range b.Records {
			got = append(got, clone(rec))
		}
		b.Release()
		if err := c.MoveTopicPartition(topic, 0, n%2); err != nil {
			t.Fatal(err)
		}
	}
	if diff := differ(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// Every bit of an object is covered: flip any, and Verify says so; the reader never returns a wrong record.
func TestEveryFlippedBitIsFound(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 1)
	want := klogtest.Fill(t, c, topic, 0, 10, 5, 6)
	b := newDir(t)
	copyAll(t, cl, b, archive.Options{})
	ks := keys(t, b)
	if len(ks) != 1 {
		t.Fatalf("got %d objects, want 1", len(ks))
	}
	r, _, err := b.Get(t.Context(), ks[0], "")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range want {
		known[fmt.Sprintf("%+v", r)] = true
	}
	for bit := range len(body) * 8 {
		damaged := append([]byte{}, body...)
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, err := archive.Verify(ks[0], damaged); !errors.Is(err, archive.ErrCorrupt) {
			t.Fatalf("bit %d of byte %d: got %v, want %v", bit%8, bit/8, err, archive.ErrCorrupt)
		}
		if bit%97 == 0 {
			readDamaged(t, ks[0], damaged, bit, known, len(want))
		}
	}
}

// memory is a bucket of one object.
type memory struct {
	bucket.Bucket
	body []byte
}

func (m memory) GetRange(_ context.Context, _, _ string, off, n int64) ([]byte, error) {
	if off < 0 {
		off += int64(len(m.body))
	}
	return append([]byte{}, m.body[off:off+n]...), nil
}

func readDamaged(t *testing.T, key string, body []byte, bit int, known map[string]bool, all int) {
	t.Helper()
	src, err := archivesource.New(memory{body: body}, archivesource.Config{Topic: topic})
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(t.Context(), partition.Slice{Ranges: everything, Objects: []partition.Object{{Key: key, Size: int64(len(body))}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	found, good := 0, 0
	for {
		b, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		var damaged *source.DamagedError
		if errors.As(err, &damaged) {
			if damaged.Object != key || damaged.Offset < 0 || damaged.Next <= damaged.Offset {
				t.Fatalf("bit %d: got %+v", bit, damaged)
			}
			found++
			continue
		}
		if err != nil {
			t.Fatalf("bit %d: %v", bit, err)
		}
		for _, rec := range b.Records {
			good++
			if !known[fmt.Sprintf("%+v", clone(rec))] {
				t.Fatalf("bit %d: got a record that was never written: %+v", bit, rec)
			}
		}
		b.Release()
	}
	if found != 1 || good >= all {
		t.Fatalf("bit %d: got %d damages and %d of %d records, want 1 and fewer", bit, found, good, all)
	}
}
