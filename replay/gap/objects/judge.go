package objects

import (
	"context"
	"errors"
	"fmt"
	"os"

	"backstitch/replay/bucket"
	"backstitch/replay/gap"
)

// What is wrong with one key. A glance at both listings settles what is on one side only, and sizes; the rest is asked for.

// verdict is what came out for one key.
type verdict struct {
	kind     gap.Kind // "" for no difference
	reason   string   // the same for all that is alike: runs are made of it
	detail   string
	evidence string
	by       string // how contents were compared; "" when they were not
	version  string // of the target, with the reference's content
	failed   bool   // a store did not answer
}

// Levels of evidence, as everywhere: E1 counts objects and their sizes, E2 compares contents.
const (
	byListing = "E1"
	byContent = "E2"
)

// Reasons. Each stands for a kind of difference, whatever the object.
const (
	whyAbsent     = "in the reference and not in the target"
	whyHidden     = "in the reference, and a delete marker is over it in the target"
	whyExtra      = "in the target and not in the reference"
	whyKept       = "in the target, and deleted in the reference"
	whySize       = "the sizes differ"
	whyContent    = "the contents differ"
	whyNoChecksum = "the sizes are equal, and there is no checksum that both stores keep"
	whyVanished   = "it went away while the buckets were compared"
	whyChanged    = "it changed while the buckets were compared"
	whyDenied     = "the store refuses to show it to this principal"
	whyNoAnswer   = "the store did not answer for it"
)

// glance settles what listings can.
func (c *comparison) glance(s *step) (verdict, bool) {
	r, t := s.ref, s.tgt
	switch {
	case !there(r) && !there(t):
		return verdict{}, true
	case !there(t) && t != nil && len(t.older) > 0 && !c.cfg.Listing:
		return verdict{}, false // which of its versions has the content
	case !there(t) && t != nil:
		return verdict{kind: gap.Missing, reason: whyHidden, evidence: byListing}, true
	case !there(t):
		return verdict{kind: gap.Missing, reason: whyAbsent, evidence: byListing}, true
	case !there(r) && r != nil:
		return verdict{kind: gap.Extra, reason: whyKept, evidence: byListing}, true
	case !there(r):
		return verdict{kind: gap.Extra, reason: whyExtra, evidence: byListing}, true
	case r.Size != t.Size:
		return differentSizes(r, t), c.cfg.Listing || len(t.older) == 0
	case r.Size == 0:
		return verdict{by: "empty", evidence: byContent}, true
	case c.cfg.Listing:
		return verdict{by: "size", evidence: byListing}, true
	}
	return verdict{}, false
}

// there reports whether a side has an object that can be read.
func there(o *object) bool { return o != nil && !o.deleted }

// differentSizes is proof enough: contents of different lengths differ.
func differentSizes(r, t *object) verdict {
	return verdict{
		kind: gap.Corrupt, reason: whySize, evidence: byContent, by: "size",
		detail: fmt.Sprintf("%d bytes in the reference, %d in the target", r.Size, t.Size),
	}
}

// judge asks both stores.
func (c *comparison) judge(ctx context.Context, s *step) verdict {
	r, t := s.ref, s.tgt
	var v verdict
	switch {
	case !there(t):
		v = verdict{kind: gap.Missing, reason: whyHidden, evidence: byListing}
	case r.Size != t.Size:
		v = differentSizes(r, t)
	default:
		o, err := c.contents(ctx, r.Info, bucket.Version{Info: t.Info})
		if err != nil {
			return unanswered(err)
		}
		v = o.verdict()
	}
	if v.kind == gap.Missing || v.kind == gap.Corrupt {
		v.version = c.surviving(ctx, r, t)
	}
	return v
}

// surviving returns the newest older version of the target that has the reference's content, "" when none is known to.
func (c *comparison) surviving(ctx context.Context, r, t *object) string {
	for _, older := range t.older {
		if older.Size != r.Size {
			continue
		}
		// An error leaves it open whether this version would do; what is claimed is only what was seen.
		if o, err := c.contents(ctx, r.Info, older); err == nil && o.known && o.same {
			return older.ID
		}
	}
	return ""
}

// unanswered sorts errors: the object that is gone, the one that may not be seen, and a store that does not answer.
func unanswered(err error) verdict {
	v := verdict{kind: gap.NotComparable, detail: err.Error()}
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		v.reason = whyVanished
	case errors.Is(err, bucket.ErrChanged):
		v.reason = whyChanged
	case errors.Is(err, bucket.ErrDenied), errors.Is(err, os.ErrPermission):
		v.reason = whyDenied
	default:
		v.reason, v.failed = whyNoAnswer, true
	}
	return v
}
