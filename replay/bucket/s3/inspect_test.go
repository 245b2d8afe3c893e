package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/bucket"
	"backstitch/replay/buckettest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// versioned is a bucket that keeps what is overwritten and deleted.
func versioned(t *testing.T, wrap func(http.Handler) http.Handler) (*Bucket, *s3.Client) {
	t.Helper()
	_, cl := buckettest.S3(t, name, wrap)
	_, err := cl.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String(name),
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	if err != nil {
		t.Fatal(err)
	}
	return New(cl, name, "some/prefix"), cl
}

func write(t *testing.T, cl *s3.Client, key, body string) {
	t.Helper()
	buckettest.Overwrite(t.Context(), t, cl, name, "some/prefix/"+key, []byte(body))
}

func remove(t *testing.T, cl *s3.Client, key string) {
	t.Helper()
	if _, err := cl.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(name), Key: aws.String("some/prefix/" + key)}); err != nil {
		t.Fatal(err)
	}
}

func TestVersionsAndDeleteMarkers(t *testing.T) {
	b, cl := versioned(t, nil)
	write(t, cl, "a", "one")
	write(t, cl, "a", "three")
	write(t, cl, "b+ b", "x")
	remove(t, cl, "b+ b")
	write(t, cl, "c/", "")
	var got []string
	var old bucket.Version
	for v, err := range b.Versions(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %d latest=%t deleted=%t", v.Key, v.Size, v.Latest, v.Deleted))
		if v.Key == "a" && !v.Latest {
			old = v
		}
	}
	want := []string{
		"a 5 latest=true deleted=false", "a 3 latest=false deleted=false",
		"b+ b 0 latest=true deleted=true", "b+ b 1 latest=false deleted=false",
		"c/ 0 latest=true deleted=false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
	d, err := b.Describe(t.Context(), "a", old.ID)
	if err != nil || d.Size != 3 || d.ETag != old.ETag || d.MD5 != d.ETag {
		t.Errorf("got %+v, %v, want the older version with its md5", d, err)
	}
	body, err := b.Open(t.Context(), "a", old.ID, old.ETag)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil || string(text) != "one" {
		t.Errorf("got %q, %v, want one", text, err)
	}
	if _, err := b.Open(t.Context(), "a", "", old.ETag); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("got %v, want %v", err, bucket.ErrChanged)
	}
	if _, err := b.Describe(t.Context(), "b+ b", ""); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("got %v, want %v", err, bucket.ErrNotFound)
	}
	var keys []string
	for in, err := range b.Objects(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, in.Key)
	}
	if !slices.Equal(keys, []string{"a", "c/"}) {
		t.Errorf("got %q, want a and c/", keys)
	}
}

// answering serves one body to every request.
func answering(t *testing.T, header http.Header, body string) *Bucket {
	t.Helper()
	_, cl := buckettest.S3(t, name, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for k, v := range header {
				w.Header()[k] = v
			}
			_, _ = io.Copy(w, bytes.NewReader([]byte(body)))
		})
	})
	return New(cl, name, "p q")
}

func TestKeysThatXMLCanNotCarryAreDecoded(t *testing.T) {
	b := answering(t, nil, `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>
<Contents><Key>p+q/</Key><Size>0</Size></Contents><Contents><Key>p+q/%01a%2Bb%0A</Key><Size>1</Size></Contents>
<Contents><Key>p+q/%F0%9D%84%9E</Key><Size>2</Size></Contents></ListBucketResult>`)
	var got []string
	for in, err := range b.Objects(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, in.Key)
	}
	if want := []string{"", "\x01a+b\n", "𝄞"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A page that says that there is more, and not where, must not pass for the last one.
func TestATruncatedListingIsNotTheEnd(t *testing.T) {
	b := answering(t, nil, `<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>p q/a</Key></Contents></ListBucketResult>`)
	last := func(errs []error) error { return errs[len(errs)-1] }
	var errs []error
	for _, err := range b.List(t.Context(), "") {
		errs = append(errs, err)
	}
	if !errors.Is(last(errs), bucket.ErrListingCut) || len(errs) != 2 {
		t.Errorf("got %v, want one object and then %v", errs, bucket.ErrListingCut)
	}
	b = answering(t, nil, `<ListVersionsResult><IsTruncated>true</IsTruncated><Version><Key>p q/a</Key><IsLatest>true</IsLatest></Version></ListVersionsResult>`)
	errs = nil
	for _, err := range b.Versions(t.Context(), "") {
		errs = append(errs, err)
	}
	if !errors.Is(last(errs), bucket.ErrListingCut) || len(errs) != 2 {
		t.Errorf("versions: got %v, want one and then %v", errs, bucket.ErrListingCut)
	}
}

// An ETag is a digest of the content only when the store made it of the content.
func TestWhatCountsAsAChecksum(t *testing.T) {
	const md5 = "5d41402abc4b2a76b9719d911017c592"
	for _, tc := range []struct {
		name   string
		header map[string]string
		md5    bool
		want   []bucket.Checksum
	}{
		{"plain", nil, true, nil},
		{"encrypted by the store", map[string]string{"x-amz-server-side-encryption": "AES256"}, true, nil},
		{"encrypted under a key", map[string]string{"x-amz-server-side-encryption": "aws:kms"}, false, nil},
		{"encrypted twice", map[string]string{"x-amz-server-side-encryption": "aws:kms:dsse"}, false, nil},
		{"encrypted by the client's key", map[string]string{"x-amz-server-side-encryption-customer-algorithm": "AES256"}, false, nil},
		{"in parts", map[string]string{"ETag": `"` + md5 + `-2"`}, false, nil},
		{"full", map[string]string{"x-amz-checksum-crc32c": "mnG7TA==", "x-amz-checksum-type": "FULL_OBJECT"}, true,
			[]bucket.Checksum{{Algorithm: "crc32c", Value: "mnG7TA=="}}},
		{"composite", map[string]string{"x-amz-checksum-sha256": "abc=", "x-amz-checksum-type": "COMPOSITE"}, true,
			[]bucket.Checksum{{Algorithm: "sha256", Value: "abc=", Composite: true}}},
		{"composite, by its form", map[string]string{"x-amz-checksum-crc32": "abc=-3"}, true,
			[]bucket.Checksum{{Algorithm: "crc32", Value: "abc=-3", Composite: true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			header := http.Header{"Etag": {`"` + md5 + `"`}, "Content-Length": {"5"}}
			for k, v := range tc.header {
				header.Set(k, v)
			}
			d, err := answering(t, header, "hello").Describe(t.Context(), "k", "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, d.Checksums); diff != "" || (d.MD5 != "") != tc.md5 {
				t.Errorf("got %+v, want md5 %t and\n%s", d, tc.md5, diff)
			}
		})
	}
}

func TestDeniedIsSaid(t *testing.T) {
	_, cl := buckettest.S3(t, name, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	})
	b := New(cl, name, "")
	if _, err := b.Describe(t.Context(), "k", ""); !errors.Is(err, bucket.ErrDenied) {
		t.Errorf("got %v, want %v", err, bucket.ErrDenied)
	}
	for _, err := range b.Objects(t.Context(), "") {
		if !errors.Is(err, bucket.ErrDenied) {
			t.Errorf("got %v, want %v", err, bucket.ErrDenied)
		}
	}
}

// A storm of 503 is weathered by the client: nothing of the listing is left out.
func TestAStormIsWeathered(t *testing.T) {
	n := 0
	b, cl := versioned(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n++; r.Method == http.MethodGet && n%3 != 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	write(t, cl, "a", strings.Repeat("x", 10))
	got := 0
	for _, err := range b.Versions(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got++
	}
	if got != 1 {
		t.Errorf("got %d versions, want 1", got)
	}
}

// FuzzListing feeds pages that a store could send, broken ones too: an error or keys under the prefix, never a panic.
func FuzzListing(f *testing.F) {
	f.Add("p+q/%01a", "url", "p+q/b", true)
	f.Add("p q/%zz", "url", "", false)
	f.Add("elsewhere", "", "x", true)
	f.Fuzz(func(t *testing.T, key, encoding, marker string, truncated bool) {
		b := &Bucket{name: name, prefix: "p q/"}
		page := &s3.ListObjectVersionsOutput{
			EncodingType: types.EncodingType(encoding), IsTruncated: &truncated, NextKeyMarker: &marker,
			Versions:      []types.ObjectVersion{{Key: &key}},
			DeleteMarkers: []types.DeleteMarkerEntry{{Key: &key, IsLatest: aws.Bool(true)}},
		}
		vs, err := b.versions(page)
		if err == nil && (len(vs) != 2 || !vs[0].Deleted) {
			t.Errorf("got %+v, want the marker and then the version", vs)
		}
		in := &s3.ListObjectVersionsInput{}
		if err := follow(in, page); err == nil && (in.KeyMarker == nil || *in.KeyMarker == "") {
			t.Error("the next page is asked for without a marker: the listing begins anew")
		}
	})
}
