package bucket

import (
	"context"
	"errors"
	"io"
	"iter"
)

// Inspector is an upgrade of Bucket for stores that know more of an object than a listing shows. It is for comparing two
// buckets object by object: other programs' objects have any key, so keys are not checked here. Nothing in it writes.
type Inspector interface {
	// Objects streams every object under prefix in the byte order of keys, also those that List passes over because no archive
	// has them: keys that end in "/". One that is the bucket's own prefix has the key "".
	Objects(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Versions streams what was ever under a key and is still kept: by key, and of one key the newest first. A store that
	// keeps no versions has one per object.
	Versions(ctx context.Context, prefix string) iter.Seq2[Version, error]
	// Describe asks for one object; version "" is the current one. ErrNotFound, ErrDenied.
	Describe(ctx context.Context, key, version string) (Description, error)
	// Open reads one object or version. A non-empty etag must still match: ErrChanged.
	Open(ctx context.Context, key, version, etag string) (io.ReadCloser, error)
}

// Version is an object, or the mark that it was deleted.
type Version struct {
	Info
	ID      string
	Latest  bool
	Deleted bool // a delete marker: it has no size and no content
}

// Description is what a store says of one object besides its content.
type Description struct {
	Info
	Checksums []Checksum
	// MD5 is that of the content, in hexadecimal digits; "" when the ETag is not one: multipart uploads and objects under a
	// key of their own have ETags that say nothing about the content.
	MD5 string
}

// Checksum is one that the store keeps.
type Checksum struct {
	Algorithm string // sha256, sha1, crc64nvme, crc32c, crc32
	// Composite says that it is made of the checksums of parts: equal ones mean equal contents, different ones may come of
	// another size of parts.
	Composite bool
	Value     string // as the store writes it
}

var (
	// ErrDenied says that the store refuses this principal.
	ErrDenied = errors.New("the store denies access")
	// ErrListingCut says that a listing ended and is not at its end.
	ErrListingCut = errors.New("the listing is cut")
)
