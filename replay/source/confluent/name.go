package confluent

import (
	"strconv"
	"strings"

	"backstitch/replay/foreign"
)

func (c *Config) prefix() string {
	if c.TopicsDir == "" {
		return c.Topic + c.DirDelim
	}
	return c.TopicsDir + c.DirDelim + c.Topic + c.DirDelim
}

// Parse reads a key.
func (l *layout) Parse(key string) (foreign.Name, bool) { return l.parse(key) }

// parse reads a key. ok is false for what is no file of this topic, like the markers that other tools leave behind.
func (c *Config) parse(key string) (n foreign.Name, ok bool) {
	rest, ok := strings.CutPrefix(key, c.prefix())
	if !ok {
		return n, false
	}
	dirs, file := "", rest
	if i := strings.LastIndex(rest, c.DirDelim); i >= 0 {
		dirs, file = rest[:i], rest[i+len(c.DirDelim):]
	}
	n = foreign.Unnamed()
	fields, ok := strings.CutPrefix(file, c.Topic+c.FileDelim)
	if !ok {
		return n, false
	}
	part, fields, ok := strings.Cut(fields, c.FileDelim)
	if !ok {
		return n, false
	}
	p, err := strconv.ParseUint(part, 10, 31)
	if err != nil {
		return n, false
	}
	n.Partition = int32(p)
	if n.First, fields, ok = number(fields); !ok {
		return n, false
	}
	if c.Ends {
		if fields, ok = strings.CutPrefix(fields, c.FileDelim); !ok {
			return n, false
		}
		if n.Last, fields, ok = number(fields); !ok || n.Last < n.First {
			return n, false
		}
	}
	if fields != "" && fields[0] != '.' {
		return n, false
	}
	n.Ext, n.Stem = fields, key[:len(key)-len(fields)]
	n.Stream = key[:len(key)-len(file)]
	n.Filed = foreign.FiledAt(strings.ReplaceAll(dirs, c.DirDelim, "/"))
	if c.TombstoneDir != "" {
		for d := range strings.SplitSeq(dirs, c.DirDelim) {
			n.Tombstone = n.Tombstone || d == c.TombstoneDir
		}
	}
	return n, c.ending(&n)
}

// ending reads what is behind the offset.
func (c *Config) ending(n *foreign.Name) bool {
	ext := n.Ext
	for _, kind := range []string{"keys", "headers"} {
		if cut, ok := strings.CutPrefix(ext, "."+kind+"."); ok {
			n.Companion, ext = kind, "."+cut
		}
	}
	n.Format, n.Codec = foreign.SplitExt(ext)
	switch n.Format {
	case foreign.JSON, foreign.Bytes:
		return n.Companion != "" || n.Format == c.Format
	case foreign.Avro, foreign.Parquet, foreign.ORC:
		return true
	}
	return false
}

// number cuts the digits off that s begins with.
func number(s string) (n int64, rest string, ok bool) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	return n, s[digits:], err == nil
}
