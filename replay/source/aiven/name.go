package aiven

import (
	"strconv"
	"strings"

	"backstitch/replay/foreign"
)

// Parse reads a key: [PREFIX/]TOPIC-PARTITION-FIRST[.gz].
func (l *layout) Parse(key string) (foreign.Name, bool) {
	n := foreign.Unnamed()
	file := key[strings.LastIndexByte(key, '/')+1:]
	n.Stream = key[:len(key)-len(file)]
	rest, ok := strings.CutPrefix(file, l.Topic+"-")
	if !ok {
		return n, false
	}
	part, rest, ok := strings.Cut(rest, "-")
	if !ok {
		return n, false
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	p, perr := strconv.ParseUint(part, 10, 31)
	first, ferr := strconv.ParseUint(rest[:digits], 10, 63)
	if perr != nil || ferr != nil || digits < len(rest) && rest[digits] != '.' {
		return n, false
	}
	n.Partition, n.First = int32(p), int64(first)
	n.Ext = rest[digits:]
	n.Stem = key[:len(key)-len(n.Ext)]
	n.Filed = foreign.FiledAt(n.Stream)
	n.Format, n.Codec = foreign.SplitExt(n.Ext)
	switch n.Format {
	case "", foreign.JSON, foreign.CSV: // the default name says nothing of what is in it
		n.Format = l.Format
	}
	return n, true
}
