package gap

import (
	"fmt"

	"backstitch/replay/record"
)

// NotChecked says, for people, which parts of records one side does not hold, so that they were not compared.
func NotChecked(reference, target record.Fields) []string {
	var out []string
	for _, f := range []struct {
		bit  record.Fields
		name string
	}{
		{record.FieldKey, "keys"}, {record.FieldValue, "values"}, {record.FieldHeaders, "headers"}, {record.FieldTimestamp, "timestamps"},
	} {
		switch {
		case reference&f.bit == 0:
			out = append(out, fmt.Sprintf("%s: the reference does not hold them", f.name))
		case target&f.bit == 0:
			out = append(out, fmt.Sprintf("%s: the target does not hold them", f.name))
		}
	}
	return out
}
