package foreign

import (
	"slices"
	"strings"
)

// frozen is an ETag taken apart: that of the data object, and ending and ETag of each companion.
type frozen struct {
	value      string
	companions map[string]companion // by kind
}

type companion struct{ ext, etag string }

// joinETag puts the ETag of a data object and its companions into one. kinds gives the order.
func joinETag(value string, kinds []string, companions map[string]companion) string {
	for _, kind := range kinds {
		if c, ok := companions[kind]; ok {
			value += "|" + c.ext + "=" + c.etag
		}
	}
	return value
}

// splitETag reads what joinETag returned.
func splitETag(etag string, kinds []string) frozen {
	fields := strings.Split(etag, "|")
	f := frozen{value: fields[0], companions: map[string]companion{}}
	for _, field := range fields[1:] {
		ext, etag, _ := strings.Cut(field, "=")
		kind, _, _ := strings.Cut(strings.TrimPrefix(ext, "."), ".")
		if slices.Contains(kinds, kind) {
			f.companions[kind] = companion{ext: ext, etag: etag}
		}
	}
	return f
}
