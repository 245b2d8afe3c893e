// Package s3 is a bucket in an object store that speaks S3.
//
// Invariants:
//   - PutNew is one PutObject with If-None-Match: *. It is the only write, never a multipart upload: stores differ in whether
//     they honour the condition there.
//   - A reply that leaves open whether the write happened (timeout, 5xx, 409, and a 412 after such a reply) is settled by
//     reading the object back and comparing it.
//   - Bodies are seekable, so that the library can sign and retry them over plain HTTP.
//   - Probe proves that the store honours the condition. Call it before trusting PutNew to keep two writers apart.
//
// What is not here: addresses and credentials, which replay/connect turns into a client.
//
// Reading order: s3.go, put.go, inspect.go.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"backstitch/replay/bucket"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// Bucket is a prefix of an S3 bucket. It satisfies bucket.Bucket.
type Bucket struct {
	cl     *s3.Client
	name   string
	prefix string // "" or ends in "/"
}

var (
	_ bucket.Bucket = (*Bucket)(nil)
	_ bucket.Tagger = (*Bucket)(nil)
)

// New returns the bucket name, or the part of it under prefix. It does not talk to the store.
func New(cl *s3.Client, name, prefix string) *Bucket {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return &Bucket{cl: cl, name: name, prefix: prefix}
}

// URL returns s3://bucket/prefix.
func (b *Bucket) URL() string { return "s3://" + b.name + "/" + strings.TrimSuffix(b.prefix, "/") }

// List streams pages of the listing. Stores list in the byte order of keys.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for in, err := range b.pages(ctx, prefix, "") {
			if err == nil && (in.Key == "" || strings.HasSuffix(in.Key, "/")) {
				continue // consoles write empty objects to show directories
			}
			if !yield(in, err) {
				return
			}
		}
	}
}

// Directories are the common prefixes up to the next slash. A page has a thousand of them and of the objects of dir itself.
func (b *Bucket) Directories(ctx context.Context, dir string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for page, err := range b.listing(ctx, dir, &s3.ListObjectsV2Input{Delimiter: aws.String("/")}) {
			if err != nil {
				yield("", err)
				return
			}
			for _, p := range page.CommonPrefixes {
				if !yield(strings.TrimPrefix(aws.ToString(p.Prefix), b.prefix), nil) {
					return
				}
			}
		}
	}
}

// pages streams every object under prefix. encoding asks the store to write keys so that XML can carry them.
func (b *Bucket) pages(ctx context.Context, prefix string, encoding types.EncodingType) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for page, err := range b.listing(ctx, prefix, &s3.ListObjectsV2Input{EncodingType: encoding}) {
			if err != nil {
				yield(bucket.Info{}, err)
				return
			}
			for _, o := range page.Contents {
				key, err := b.key(o.Key, page.EncodingType)
				if err != nil {
					yield(bucket.Info{}, b.wrap("list", prefix, err))
					return
				}
				in := bucket.Info{Key: key, ETag: unquote(o.ETag), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)}
				if !yield(in, nil) {
					return
				}
			}
		}
	}
}

// listing streams the pages of a listing, and ends with an error where the store does not say how it goes on.
func (b *Bucket) listing(ctx context.Context, prefix string, in *s3.ListObjectsV2Input) iter.Seq2[*s3.ListObjectsV2Output, error] {
	in.Bucket, in.Prefix = &b.name, aws.String(b.prefix+prefix)
	return func(yield func(*s3.ListObjectsV2Output, error) bool) {
		pages := s3.NewListObjectsV2Paginator(b.cl, in)
		token := ""
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(nil, b.wrap("list", prefix, err))
				return
			}
			if !yield(page, nil) {
				return
			}
			// The library takes a page without a token for the last one, whatever the page says of itself.
			next := aws.ToString(page.NextContinuationToken)
			if aws.ToBool(page.IsTruncated) && (next == "" || next == token) {
				yield(nil, b.wrap("list", prefix, fmt.Errorf("a truncated page with the token %q: %w", next, bucket.ErrListingCut)))
				return
			}
			token = next
		}
	}
}

// Get opens an object. The library does not resume a body that breaks off; the reader then gets io.ErrUnexpectedEOF.
func (b *Bucket) Get(ctx context.Context, key, etag string) (io.ReadCloser, bucket.Info, error) {
	out, err := b.get(ctx, key, etag, "")
	if err != nil {
		return nil, bucket.Info{}, err
	}
	in := bucket.Info{Key: key, ETag: unquote(out.ETag), Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified)}
	return out.Body, in, nil
}

// Tags asks for an object's tags.
func (b *Bucket) Tags(ctx context.Context, key string) (map[string]string, error) {
	if err := bucket.CheckKey(key); err != nil {
		return nil, err
	}
	out, err := b.cl.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &b.name, Key: aws.String(b.prefix + key)})
	if err != nil {
		return nil, b.wrap("read tags of", key, err)
	}
	tags := map[string]string{}
	for _, t := range out.TagSet {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

// rangeReads is how often a part is asked for whose answer broke off.
const rangeReads = 3

// GetRange reads a part of an object; a part that lies outside is io.ErrUnexpectedEOF. An answer that breaks off is asked for again,
// and is bucket.ErrBroken in the end.
func (b *Bucket) GetRange(ctx context.Context, key, etag string, off, length int64) ([]byte, error) {
	var buf []byte
	err := b.part(ctx, key, etag, off, length, func() []byte {
		buf = make([]byte, length)
		return buf
	})
	if err != nil {
		return nil, err
	}
	return buf, nil
}

// Fill is GetRange into buf.
func (b *Bucket) Fill(ctx context.Context, key, etag string, off int64, buf []byte) error {
	return b.part(ctx, key, etag, off, int64(len(buf)), func() []byte { return buf })
}

// part reads into what room returns, which is asked for once the store has begun to answer.
func (b *Bucket) part(ctx context.Context, key, etag string, off, length int64, room func() []byte) (err error) {
	if length == 0 {
		return nil
	}
	for range rangeReads {
		if err = b.partOnce(ctx, key, etag, off, length, room); !errors.Is(err, bucket.ErrBroken) || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (b *Bucket) partOnce(ctx context.Context, key, etag string, off, length int64, room func() []byte) error {
	rng := fmt.Sprintf("bytes=%d-%d", off, off+length-1)
	if off < 0 {
		rng = fmt.Sprintf("bytes=%d", off) // a suffix: it reaches to the end, and what is beyond length is left unread
	}
	out, err := b.get(ctx, key, etag, rng)
	if err != nil {
		return err
	}
	_, err = io.ReadFull(out.Body, room())
	if cerr := out.Body.Close(); err == nil {
		err = cerr
	}
	switch {
	case err == nil:
		return nil
	case out.ContentLength == nil || *out.ContentLength >= length:
		// The store had promised all of it. Not %w: the end of a connection is not the end of the object.
		return b.wrap("read", key, fmt.Errorf("%w: %v", bucket.ErrBroken, err))
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return b.wrap("read", key, err)
}

func (b *Bucket) get(ctx context.Context, key, etag, rng string) (*s3.GetObjectOutput, error) {
	if err := bucket.CheckKey(key); err != nil {
		return nil, err
	}
	in := &s3.GetObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + key)}
	if rng != "" {
		in.Range = &rng
	}
	return b.fetch(ctx, key, etag, in)
}

// fetch sends in, and makes sure that what comes is what was asked for.
func (b *Bucket) fetch(ctx context.Context, key, etag string, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	if etag != "" {
		in.IfMatch = aws.String(`"` + etag + `"`)
	}
	out, err := b.cl.GetObject(ctx, in)
	if err != nil {
		return nil, b.wrap("read", key, err)
	}
	// Not every store knows If-Match on a read, so the answer is checked too.
	if got := unquote(out.ETag); etag != "" && got != etag {
		return nil, errors.Join(fmt.Errorf("%s in %s has etag %s, want %s: %w", key, b.URL(), got, etag, bucket.ErrChanged), out.Body.Close())
	}
	return out, nil
}

func unquote(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

// wrap names the object and turns the store's answers into our sentinels. The library's error stays in the chain; of its text, which tells of
// operations and endpoints, people get what the store said and the number by which its operators find the request.
func (b *Bucket) wrap(verb, key string, err error) error {
	var kind error
	var api smithy.APIError
	code := ""
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	switch status := httpStatus(err); {
	case code == "NoSuchBucket":
		kind = bucket.ErrNoBucket
	case code == "NoSuchKey" || code == "NotFound" || (status == http.StatusNotFound && code == ""):
		kind = bucket.ErrNotFound
	case status == http.StatusPreconditionFailed || code == "PreconditionFailed":
		kind = bucket.ErrChanged
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		kind = bucket.ErrDenied
	case status == http.StatusRequestedRangeNotSatisfiable || code == "InvalidRange":
		kind = io.ErrUnexpectedEOF
	default:
		return fmt.Errorf("%s %s: %w", verb, b.called(key), err)
	}
	return fmt.Errorf("%s %s: %w", verb, b.called(key), &refusal{kind: kind, code: code, err: err})
}

// refusal is what a store answered: which of our sentinels that is, and the library's error.
type refusal struct {
	kind error
	code string // "" where the store gave none
	err  error
}

func (r *refusal) Error() string {
	var said []string
	if r.code != "" {
		said = append(said, r.code)
	}
	var re *awshttp.ResponseError
	if errors.As(r.err, &re) && re.ServiceRequestID() != "" {
		said = append(said, "request "+re.ServiceRequestID())
	}
	if len(said) == 0 {
		return r.kind.Error() + ": " + r.err.Error()
	}
	return r.kind.Error() + " (" + strings.Join(said, ", ") + ")"
}

func (r *refusal) Unwrap() []error { return []error{r.kind, r.err} }

// called is what people call an object, or the bucket for "".
func (b *Bucket) called(key string) string {
	if key == "" {
		return b.URL()
	}
	return key + " in " + b.URL()
}

func httpStatus(err error) int {
	var re *awshttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}
