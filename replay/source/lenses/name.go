package lenses

import (
	"strconv"
	"strings"

	"backstitch/replay/foreign"
)

// Parse reads a key: TOPIC/PARTITION/LAST[_MIN_MAX][SUFFIX].EXT, or K=V/.../TOPIC(PARTITION_LAST)[SUFFIX].EXT.
func (l *layout) Parse(key string) (foreign.Name, bool) {
	n := foreign.Unnamed()
	dirs, file := "", key
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		dirs, file = key[:i], key[i+1:]
	}
	for d := range strings.SplitSeq(dirs, "/") {
		if d == ".indexes" || d == ".temp-upload" {
			return n, false
		}
	}
	stem, ext, _ := strings.Cut(file, ".")
	ok, plain := false, false
	if rest, grouped := strings.CutPrefix(stem, l.Topic+"("); grouped {
		inside, _, closed := strings.Cut(rest, ")")
		part, last, two := strings.Cut(inside, "_")
		ok = closed && two && number(part, 31, &n.Partition) && whole(last, &n.Last)
	} else if at, part := cutLast(dirs); cutTopic(at, l.Topic) {
		plain = true
		ok = number(part, 31, &n.Partition) && whole(leading(stem), &n.Last)
	}
	if !ok {
		return n, false
	}
	n.Ext, n.Stem, n.Stream, n.Filed = "."+ext, key[:len(key)-len(ext)-1], dirs+"/", foreign.FiledAt(dirs)
	if dirs == "" {
		n.Stream = ""
	}
	n.Format, n.Codec = foreign.SplitExt(n.Ext)
	switch n.Format {
	case foreign.Text:
		n.Format = foreign.Bytes // a line each
	case foreign.Bytes:
		n.Format = foreign.Single
		if n.Codec != "" || plain && !alone(stem) {
			n.Format = "bytes of several values" // of another writer, or an older version, without anything between them
		}
	case foreign.CSV:
		n.Format = foreign.Texts
	case foreign.JSON, foreign.Avro, foreign.Parquet:
	default:
		return n, false
	}
	return n, true
}

// alone reports whether a name can be that of an object of one value: the first and the last timestamp, where it has them, are one.
func alone(stem string) bool {
	parts := strings.SplitN(stem, "_", 3)
	return len(parts) < 3 || parts[1] == leading(parts[2])
}

// leading are the digits that s begins with: behind them is what the sink was told to end names with.
func leading(s string) string { return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))] }

func cutLast(dirs string) (before, last string) {
	i := strings.LastIndexByte(dirs, '/')
	return dirs[:max(i, 0)], dirs[i+1:]
}

func cutTopic(dirs, topic string) bool { return dirs == topic || strings.HasSuffix(dirs, "/"+topic) }

func number(s string, bits int, to *int32) bool {
	n, err := strconv.ParseUint(s, 10, bits)
	*to = int32(n)
	return err == nil
}

func whole(s string, to *int64) bool {
	n, err := strconv.ParseUint(s, 10, 63)
	*to = int64(n)
	return err == nil
}
