//go:build real

package realtest

import (
	"bytes"
	"fmt"
	"testing"

	"backstitch/chaos/testbed"
	s3bucket "backstitch/replay/bucket/s3"
	"backstitch/replay/gap"
	"backstitch/replay/gap/objects"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// TestBucketsOfARealServer compares two buckets that keep versions: what is asserted of checksums, markers and odd keys is what
// a server says and not what a fake does.
func TestBucketsOfARealServer(t *testing.T) {
	cl := testbed.Client(testbed.S3(t, t.ArtifactDir()))
	for _, name := range []string{"reference", "target"} {
		if _, err := cl.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
			t.Fatal(err)
		}
		_, err := cl.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &name,
			VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(name, key, body string, algorithm types.ChecksumAlgorithm) {
		t.Helper()
		_, err := cl.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: &key, Body: bytes.NewReader([]byte(body)), ChecksumAlgorithm: algorithm})
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	remove := func(name, key string) {
		t.Helper()
		if _, err := cl.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &name, Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	// More than a page, so that markers between pages are used.
	for i := range 1100 {
		key := fmt.Sprintf("p/bulk/%04d", i)
		put("reference", key, "bulk", types.ChecksumAlgorithmCrc32)
		if i%100 != 7 {
			put("target", key, "bulk", types.ChecksumAlgorithmCrc32)
		}
	}
	for i, algorithm := range types.ChecksumAlgorithm("").Values()[:5] {
		key := fmt.Sprintf("p/odd +%%2F é %d", i)
		put("reference", key, "content", algorithm)
		put("target", key, "content", algorithm)
		put("reference", key+"'", "content", algorithm)
		put("target", key+"'", "CONTENT", algorithm)
	}
	for _, name := range []string{"reference", "target"} {
		put(name, "p/hidden", "content", types.ChecksumAlgorithmSha256)
		put(name, "p/over", "content", types.ChecksumAlgorithmSha256)
		put(name, "p/gone", "content", types.ChecksumAlgorithmSha256)
		remove(name, "p/gone")
	}
	remove("target", "p/hidden")
	put("target", "p/over", "other!!", types.ChecksumAlgorithmSha256)
	put("target", "p/more", "more", types.ChecksumAlgorithmCrc32c)

	cfg := objects.DefaultConfig()
	cfg.Versions, cfg.Parallel = true, 4
	versions := map[string]string{}
	cfg.Each = func(d objects.Difference) error {
		versions[d.Key] = d.Version
		return nil
	}
	ref, tgt := s3bucket.New(cl, "reference", "p"), s3bucket.New(cl, "target", "p")
	rep, err := objects.Compare(t.Context(), ref, tgt, cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := map[gap.Kind]int64{gap.Missing: 11 + 1, gap.Corrupt: 5 + 1, gap.Extra: 1}
	if diff := cmp.Diff(want, rep.Kinds); diff != "" || rep.DeletedInBoth != 1 || rep.Evidence != "E2" {
		t.Errorf("got %+v; - want, + got:\n%s", rep, diff)
	}
	for _, key := range []string{"hidden", "over"} {
		d, err := tgt.Describe(t.Context(), key, versions[key])
		if versions[key] == "" || err != nil || d.Size != int64(len("content")) {
			t.Errorf("%s: got version %q, %+v, %v, want the one with the reference's content", key, versions[key], d, err)
		}
	}
	t.Logf("compared by %v", rep.By)
}
