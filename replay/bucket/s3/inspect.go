package s3

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"

	"backstitch/replay/bucket"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// What a comparison of two buckets asks. Keys are those of other programs: a listing in plain XML can not carry all of them,
// so the store is asked to encode them, and is believed only when it says that it did.

var _ bucket.Inspector = (*Bucket)(nil)

// Objects streams every object under prefix.
func (b *Bucket) Objects(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return b.pages(ctx, prefix, types.EncodingTypeUrl)
}

// key makes a key of what a listing says.
func (b *Bucket) key(listed *string, encoding types.EncodingType) (string, error) {
	full := aws.ToString(listed)
	if encoding == types.EncodingTypeUrl {
		var err error
		if full, err = url.QueryUnescape(full); err != nil {
			return "", fmt.Errorf("key %q: %w: %w", aws.ToString(listed), bucket.ErrBadKey, err)
		}
	}
	key, ok := strings.CutPrefix(full, b.prefix)
	if !ok {
		return "", fmt.Errorf("key %q is not under %q: %w", full, b.prefix, bucket.ErrBadKey)
	}
	return key, nil
}

// Versions streams versions and delete markers.
func (b *Bucket) Versions(ctx context.Context, prefix string) iter.Seq2[bucket.Version, error] {
	return func(yield func(bucket.Version, error) bool) {
		in := &s3.ListObjectVersionsInput{Bucket: &b.name, Prefix: aws.String(b.prefix + prefix), EncodingType: types.EncodingTypeUrl}
		for {
			page, err := b.cl.ListObjectVersions(ctx, in)
			var versions []bucket.Version
			if err == nil {
				versions, err = b.versions(page)
			}
			if err != nil {
				yield(bucket.Version{}, b.wrap("list versions of", prefix, err))
				return
			}
			for _, v := range versions {
				if !yield(v, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			if err := follow(in, page); err != nil {
				yield(bucket.Version{}, b.wrap("list versions of", prefix, err))
				return
			}
		}
	}
}

// follow makes in ask for the page after page.
func follow(in *s3.ListObjectVersionsInput, page *s3.ListObjectVersionsOutput) error {
	key := aws.ToString(page.NextKeyMarker)
	if page.EncodingType == types.EncodingTypeUrl {
		var err error
		if key, err = url.QueryUnescape(key); err != nil {
			return fmt.Errorf("marker %q: %w", key, err)
		}
	}
	version := aws.ToString(page.NextVersionIdMarker)
	if key == "" || (key == aws.ToString(in.KeyMarker) && version == aws.ToString(in.VersionIdMarker)) {
		return fmt.Errorf("a truncated page with the marker %q: %w", key, bucket.ErrListingCut)
	}
	in.KeyMarker, in.VersionIdMarker = &key, page.NextVersionIdMarker
	return nil
}

// versions puts the two lists of a page together: the library has taken markers and versions apart.
func (b *Bucket) versions(page *s3.ListObjectVersionsOutput) ([]bucket.Version, error) {
	out := make([]bucket.Version, 0, len(page.Versions)+len(page.DeleteMarkers))
	for _, v := range page.Versions {
		key, err := b.key(v.Key, page.EncodingType)
		if err != nil {
			return nil, err
		}
		in := bucket.Info{Key: key, ETag: unquote(v.ETag), Size: aws.ToInt64(v.Size), Modified: aws.ToTime(v.LastModified)}
		out = append(out, bucket.Version{Info: in, ID: aws.ToString(v.VersionId), Latest: aws.ToBool(v.IsLatest)})
	}
	for _, m := range page.DeleteMarkers {
		key, err := b.key(m.Key, page.EncodingType)
		if err != nil {
			return nil, err
		}
		in := bucket.Info{Key: key, Modified: aws.ToTime(m.LastModified)}
		out = append(out, bucket.Version{Info: in, ID: aws.ToString(m.VersionId), Latest: aws.ToBool(m.IsLatest), Deleted: true})
	}
	slices.SortStableFunc(out, func(x, y bucket.Version) int {
		switch {
		case x.Key != y.Key:
			return strings.Compare(x.Key, y.Key)
		case x.Latest != y.Latest: // times have seconds, so the latest may be as old as the one before it
			return cmp.Compare(flag(y.Latest), flag(x.Latest))
		}
		return y.Modified.Compare(x.Modified)
	})
	return out, nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Describe asks for an object's checksums.
func (b *Bucket) Describe(ctx context.Context, key, version string) (bucket.Description, error) {
	in := &s3.HeadObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + key), ChecksumMode: types.ChecksumModeEnabled}
	if version != "" {
		in.VersionId = &version
	}
	out, err := b.cl.HeadObject(ctx, in)
	if err != nil {
		return bucket.Description{}, b.wrap("describe", key, err)
	}
	d := bucket.Description{Info: bucket.Info{
		Key: key, ETag: unquote(out.ETag), Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified),
	}}
	for _, c := range []struct {
		algorithm string
		value     *string
	}{
		{"sha256", out.ChecksumSHA256}, {"sha1", out.ChecksumSHA1}, {"crc64nvme", out.ChecksumCRC64NVME},
		{"crc32c", out.ChecksumCRC32C}, {"crc32", out.ChecksumCRC32},
	} {
		if v := aws.ToString(c.value); v != "" {
			composite := out.ChecksumType == types.ChecksumTypeComposite || strings.Contains(v, "-")
			d.Checksums = append(d.Checksums, bucket.Checksum{Algorithm: c.algorithm, Composite: composite, Value: v})
		}
	}
	if out.SSECustomerAlgorithm == nil && !strings.HasPrefix(string(out.ServerSideEncryption), "aws:kms") && isMD5(d.ETag) {
		d.MD5 = d.ETag
	}
	return d, nil
}

// isMD5 tells a digest from the ETag of a multipart upload, which has the number of parts behind it.
func isMD5(etag string) bool {
	return len(etag) == 32 && strings.Trim(etag, "0123456789abcdef") == ""
}

// Open reads an object, or a version of it.
func (b *Bucket) Open(ctx context.Context, key, version, etag string) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + key)}
	if version != "" {
		in.VersionId = &version
	}
	out, err := b.fetch(ctx, key, etag, in)
	if err != nil {
		return nil, err
	}
	return out.Body, nil
}
