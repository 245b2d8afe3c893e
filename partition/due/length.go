package due

import (
	"strings"
	"time"
)

// Length is a length of time as people write it: 6h and 1h30m, where Go's own text has 6h0m0s. time.ParseDuration reads it back.
func Length(d time.Duration) string {
	text := d.String()
	if rest, ok := strings.CutSuffix(text, "m0s"); ok {
		text = rest + "m"
	}
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		text = rest + "h"
	}
	return text
}
