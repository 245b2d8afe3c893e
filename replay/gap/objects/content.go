package objects

import (
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/replay/bucket"
	"backstitch/replay/gap"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

// Whether two objects of one size hold the same. The trap is a checksum that says less than it seems to: the ETag of a
// multipart upload and a composite checksum depend on the size of the parts, and the ETag of an object under a key of its own
// is no digest at all. Taking those for content calls every large object corrupt.

// outcome is what is known of two contents.
type outcome struct {
	known  bool
	same   bool
	by     string
	detail string
}

func (o outcome) verdict() verdict {
	switch {
	case !o.known:
		return verdict{kind: gap.NotComparable, reason: whyNoChecksum, detail: o.detail}
	case !o.same:
		return verdict{kind: gap.Corrupt, reason: whyContent, detail: o.detail, evidence: byContent, by: o.by}
	}
	return verdict{evidence: byContent, by: o.by}
}

// contents compares an object of the reference with one of the target, which may be an older version.
func (c *comparison) contents(ctx context.Context, r bucket.Info, t bucket.Version) (outcome, error) {
	var o outcome
	left, leftOK := c.ref.(bucket.Inspector)
	right, rightOK := c.tgt.(bucket.Inspector)
	if leftOK && rightOK {
		rd, err := describe(ctx, left, r, "")
		if err != nil {
			return o, fmt.Errorf("reference: %w", err)
		}
		td, err := describe(ctx, right, t.Info, t.ID)
		if err != nil {
			return o, fmt.Errorf("target: %w", err)
		}
		o = checksums(rd, td)
	}
	if o.known || !c.cfg.Deep {
		return o, nil
	}
	return c.read(ctx, r, t)
}

// describe makes sure that what is described is what was listed.
func describe(ctx context.Context, in bucket.Inspector, listed bucket.Info, version string) (bucket.Description, error) {
	d, err := in.Describe(ctx, listed.Key, version)
	if err == nil && (d.ETag != listed.ETag || d.Size != listed.Size) {
		err = fmt.Errorf("%q: listed with etag %s, now %s: %w", listed.Key, listed.ETag, d.ETag, bucket.ErrChanged)
	}
	return d, err
}

// strongest first: the first that both sides have and that tells decides.
var algorithms = []string{"sha256", "sha1", "crc64nvme", "crc32c", "crc32"}

// checksums compares what both stores keep.
func checksums(r, t bucket.Description) outcome {
	for _, name := range algorithms {
		a, b := checksum(r, name), checksum(t, name)
		if a == nil || b == nil || a.Composite != b.Composite {
			continue
		}
		if same := a.Value == b.Value; same || !a.Composite {
			return told(name, same, a.Value, b.Value)
		}
	}
	if r.MD5 != "" && t.MD5 != "" {
		return told("md5", r.MD5 == t.MD5, r.MD5, t.MD5)
	}
	return outcome{}
}

func checksum(d bucket.Description, algorithm string) *bucket.Checksum {
	for i := range d.Checksums {
		if d.Checksums[i].Algorithm == algorithm {
			return &d.Checksums[i]
		}
	}
	return nil
}

func told(by string, same bool, r, t string) outcome {
	o := outcome{known: true, same: same, by: by}
	if !same {
		o.detail = fmt.Sprintf("%s %s in the reference, %s in the target", by, r, t)
	}
	return o
}

// attempts is how often a body that breaks off is read from its beginning. Requests are retried below; bodies are not.
const attempts = 3

// read hashes both contents at once.
func (c *comparison) read(ctx context.Context, r bucket.Info, t bucket.Version) (outcome, error) {
	var a, b xxh3.Uint128
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		a, err = digest(ctx, c.ref, bucket.Version{Info: r})
		return wrapped("reference", err)
	})
	g.Go(func() (err error) {
		b, err = digest(ctx, c.tgt, t)
		return wrapped("target", err)
	})
	if err := g.Wait(); err != nil {
		return outcome{}, err
	}
	return told("content", a == b, fmt.Sprintf("xxh3 %x", a.Bytes()), fmt.Sprintf("xxh3 %x", b.Bytes())), nil
}

func wrapped(side string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", side, err)
}

// digest is the hash of one content, streamed.
func digest(ctx context.Context, b bucket.Bucket, v bucket.Version) (sum xxh3.Uint128, err error) {
	for range attempts {
		h := xxh3.New()
		var n int64
		n, err = func() (int64, error) {
			body, err := openVersion(ctx, b, v)
			if err != nil {
				return 0, err
			}
			n, err := io.Copy(h, body)
			return n, errors.Join(err, body.Close())
		}()
		switch {
		case err == nil && n == v.Size:
			return h.Sum128(), nil
		case err == nil:
			err = fmt.Errorf("%q: read %d bytes, want %d: %w", v.Key, n, v.Size, io.ErrUnexpectedEOF)
		case errors.Is(err, bucket.ErrNotFound), errors.Is(err, bucket.ErrChanged), errors.Is(err, bucket.ErrDenied):
			return sum, err
		}
		if ctx.Err() != nil {
			return sum, ctx.Err()
		}
	}
	return sum, err
}

func openVersion(ctx context.Context, b bucket.Bucket, v bucket.Version) (io.ReadCloser, error) {
	if in, ok := b.(bucket.Inspector); ok {
		return in.Open(ctx, v.Key, v.ID, v.ETag)
	}
	body, _, err := b.Get(ctx, v.Key, v.ETag)
	return body, err
}
