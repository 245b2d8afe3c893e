package gap

import (
	"fmt"
	"strings"
)

// Repetitions says how many records of the reference were left out because the same event came before, and where; "" for none.
func (r *Report) Repetitions() string {
	var n int64
	var where []string
	for _, p := range r.Results {
		if p.Repeated == 0 {
			continue
		}
		n += p.Repeated
		where = append(where, fmt.Sprintf("%s %s", Name(r.Dataset, p.Partition), Count(p.Repeated)))
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s left out as repetitions: %s", plural(n, "record"), Some(where))
}

// maxNamed is how many names stand in one line.
const maxNamed = 8

// Some joins names, as many as a line has room for.
func Some(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
