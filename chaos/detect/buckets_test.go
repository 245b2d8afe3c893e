package detect

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"backstitch/chaos/traffic"
	"backstitch/replay/bucket"
	s3bucket "backstitch/replay/bucket/s3"
	"backstitch/replay/buckettest"
	"backstitch/replay/gap"
	"backstitch/replay/gap/objects"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Two buckets, of which one is a copy. Who an object is, is its key with its content.

// copied is a bucket that can be written to behind the program's back.
type copied interface {
	bucket() bucket.Bucket
	put(key string, body []byte)
}

// dirBuckets compares directories, by reading them.
func dirBuckets(c *try) { c.buckets(c.inDir(), c.inDir(), true) }

// s3Buckets compares buckets of two stores, by checksums or by reading.
func s3Buckets(c *try) { c.buckets(c.inS3("reference"), c.inS3("target"), c.chance(2)) }

func (c *try) buckets(reference, target copied, deep bool) {
	c.t.Helper()
	n := 30 + c.rng.IntN(200)
	lost := make([]bool, n)
	if !c.chance(8) {
		lost = taken(c.rng, n, 0)
		lost[c.rng.IntN(n)] = false
	}
	all, gone := newLedger(), newLedger()
	know := func(l *ledger, key string) {
		id := traffic.Event{Key: []byte(key)}.ID()
		l.truth[id]++
		l.looks[id] = key
	}
	for i := range n {
		key := fmt.Sprintf("p/%d/%04d-%s", i/40, i, text(c.rng, 4))
		body := noise(c.rng, 300)
		reference.put(key, body)
		know(all, key)
		if lost[i] {
			know(gone, key)
			continue
		}
		other := bytes.Clone(body)
		switch c.rng.IntN(30) {
		case 0:
			if len(other) > 0 {
				other[c.rng.IntN(len(other))] ^= 1
				know(gone, key) // what it held is not there
			}
		case 1:
			other = append(other, 'x')
			know(gone, key)
		case 2: // misfiled: it is there, and nobody finds it under its name
			know(gone, key)
			key += ".away"
		}
		target.put(key, other)
		if c.chance(30) {
			target.put(key+".more", other)
		}
	}
	called := newLedger()
	cfg := objects.DefaultConfig()
	cfg.Deep, cfg.Parallel = deep, 1+c.rng.IntN(8)
	cfg.Each = func(d objects.Difference) error {
		switch d.Kind {
		case gap.Missing, gap.Partly:
			know(called, d.Key)
		case gap.Corrupt:
			if d.Evidence < contentLevel {
				c.t.Errorf("%s: content differs at %s, want %s", d.Key, d.Evidence, contentLevel)
			}
			know(called, d.Key)
		case gap.NotComparable:
			c.t.Errorf("%s is not comparable: %s", d.Key, d.Reason)
		}
		return nil
	}
	rep, err := objects.Compare(c.t.Context(), reference.bucket(), target.bucket(), cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	var counted int64
	for _, f := range rep.Findings {
		if f.Kind == gap.Missing || f.Kind == gap.Partly || f.Kind == gap.Corrupt {
			counted += f.Count
		}
	}
	if counted != called.len() {
		c.t.Errorf("findings count %d objects, %d were named", counted, called.len())
	}
	c.judge(all.len(), gone, called)
}

type inDir struct {
	c    *try
	root string
}

func (c *try) inDir() copied { return inDir{c, c.t.TempDir()} }

func (d inDir) bucket() bucket.Bucket { return d.c.bucketAt(d.root) }

func (d inDir) put(key string, body []byte) {
	name := filepath.Join(d.root, filepath.FromSlash(key))
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, body, 0o600)); err != nil {
		d.c.t.Fatal(err)
	}
}

type inS3 struct {
	c    *try
	cl   *s3.Client
	name string
}

func (c *try) inS3(name string) copied {
	c.t.Helper()
	_, cl := buckettest.S3(c.t, name, nil)
	return inS3{c, cl, name}
}

func (s inS3) bucket() bucket.Bucket { return s3bucket.New(s.cl, s.name, "") }

func (s inS3) put(key string, body []byte) {
	_, err := s.cl.PutObject(s.c.t.Context(), &s3.PutObjectInput{Bucket: &s.name, Key: &key, Body: bytes.NewReader(body)})
	if err != nil {
		s.c.t.Fatal(err)
	}
}
