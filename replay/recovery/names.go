package recovery

import (
	"cmp"
	"fmt"
	"strings"

	"backstitch/replay/record"
)

func sourceName(s Source) string {
	if s.Layout == "kafka" {
		return "topic " + s.Topic + " at " + cmp.Or(s.Connection, s.Brokers)
	}
	return s.Layout + " of " + s.Topic + " in " + s.URL
}

func targetName(t Target) string {
	switch {
	case t.Files() && t.Format != "":
		return t.Path + " (files of " + t.Format + ")"
	case t.Files():
		return t.Path
	}
	return "topic " + t.Topic + " at " + cmp.Or(t.Connection, t.Brokers)
}

func fieldsText(f record.Fields) string {
	var out []string
	for _, x := range []struct {
		bit  record.Fields
		name string
	}{{record.FieldKey, "keys"}, {record.FieldValue, "values"}, {record.FieldHeaders, "headers"}, {record.FieldTimestamp, "timestamps"}} {
		if f&x.bit != 0 {
			out = append(out, x.name)
		}
	}
	return strings.Join(out, ", ")
}

// list prints partition numbers as ranges.
func list(ns []int32) string {
	var out []string
	for i := 0; i < len(ns); {
		j := i
		for j+1 < len(ns) && ns[j+1] == ns[j]+1 {
			j++
		}
		if i == j {
			out = append(out, fmt.Sprint(ns[i]))
		} else {
			out = append(out, fmt.Sprintf("%d-%d", ns[i], ns[j]))
		}
		i = j + 1
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ",")
}
