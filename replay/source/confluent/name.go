package confluent

import (
	"strconv"
	"strings"
)

// name is what an object's key says.
type name struct {
	partition int32
	start     int64
	companion string // "", "keys" or "headers"
	ext       string // from the first dot behind the offset, companion included: ".json.gz", ".keys.json"
	stem      string // key up to ext: what a value file and its companions share
	tombstone bool
}

func (c *Config) prefix() string {
	if c.TopicsDir == "" {
		return c.Topic + c.DirDelim
	}
	return c.TopicsDir + c.DirDelim + c.Topic + c.DirDelim
}

// parse reads a key. ok is false for what is no file of this topic, like the markers that other tools leave behind.
func (c *Config) parse(key string) (n name, ok bool) {
	rest, ok := strings.CutPrefix(key, c.prefix())
	if !ok {
		return n, false
	}
	dirs, file := "", rest
	if i := strings.LastIndex(rest, c.DirDelim); i >= 0 {
		dirs, file = rest[:i], rest[i+len(c.DirDelim):]
	}
	fields, ok := strings.CutPrefix(file, c.Topic+c.FileDelim)
	if !ok {
		return n, false
	}
	part, fields, ok := strings.Cut(fields, c.FileDelim)
	digits := len(fields) - len(strings.TrimLeft(fields, "0123456789"))
	if !ok || digits == 0 {
		return n, false
	}
	p, perr := strconv.ParseUint(part, 10, 31)
	start, serr := strconv.ParseInt(fields[:digits], 10, 64)
	if perr != nil || serr != nil {
		return n, false
	}
	n = name{partition: int32(p), start: start, ext: fields[digits:]}
	n.stem = key[:len(key)-len(n.ext)]
	ext := n.ext
	for _, kind := range []string{"keys", "headers"} {
		if cut, ok := strings.CutPrefix(ext, "."+kind+"."); ok {
			n.companion, ext = kind, "."+cut
		}
	}
	base, _ := codecOf(ext)
	if n.companion == "" && base != "."+string(c.Format) {
		return n, false
	}
	if n.companion != "" && base != "."+string(JSON) && base != "."+string(Bytes) {
		return n, false
	}
	if c.TombstoneDir != "" {
		for d := range strings.SplitSeq(dirs, c.DirDelim) {
			n.tombstone = n.tombstone || d == c.TombstoneDir
		}
	}
	return n, true
}

// codecOf splits an extension into format and compression.
func codecOf(ext string) (base, codec string) {
	for _, codec := range []string{".gz", ".zst"} {
		if base, ok := strings.CutSuffix(ext, codec); ok {
			return base, codec
		}
	}
	return ext, ""
}

// frozen is an ETag taken apart: that of the value file, and extension and ETag of each companion.
type frozen struct {
	value      string
	companions map[string]companion // by "keys", "headers"
}

type companion struct{ ext, etag string }

// joinETag puts the ETag of a value file and its companions into one.
func joinETag(value string, companions map[string]companion) string {
	for _, kind := range []string{"keys", "headers"} {
		if c, ok := companions[kind]; ok {
			value += "|" + c.ext + "=" + c.etag
		}
	}
	return value
}

// splitETag reads what joinETag returned.
func splitETag(etag string) frozen {
	fields := strings.Split(etag, "|")
	f := frozen{value: fields[0], companions: map[string]companion{}}
	for _, field := range fields[1:] {
		ext, etag, _ := strings.Cut(field, "=")
		kind, _, _ := strings.Cut(strings.TrimPrefix(ext, "."), ".")
		f.companions[kind] = companion{ext: ext, etag: etag}
	}
	return f
}
