package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backstitch/partition/calendar"
)

// Bounds of what is counted by the hour. Those of the state are also fsm's.
const (
	minState    = 128 << 10
	maxState    = 1 << 20
	maxHourTime = 6 * time.Hour // of late and grace; hints say so, too
)

// anomalies refuses what counts nothing, or can not be counted.
func (c *checker) anomalies(s DatasetSpec) {
	w := s.Anomalies.withDefaults()
	if w == nil {
		return
	}
	const at = "spec.anomalies"
	if !slices.ContainsFunc(s.Targets, func(t Target) bool { return t.Kafka != nil }) {
		c.add(CodeTogether, at, "hours are counted of targets that are topics, and none is", "leave anomalies out")
	}
	for _, p := range append([]string{w.Source}, w.Nulls...) {
		where := at + ".nulls"
		if p == w.Source {
			where = at + ".source"
		}
		if p != "" && p != "key" && !strings.HasPrefix(p, "header:") && !strings.HasPrefix(p, "/") || p == "header:" || len(p) > 256 {
			c.add(CodeValue, where, fmt.Sprintf("%q is no path into a record", p), "key, header:NAME, or a JSON pointer such as /meta/host")
		}
	}
	for i, p := range w.Nulls {
		if p == "" {
			c.add(CodeValue, at+".nulls", "a path is empty", "a JSON pointer such as /customer/id")
		}
		if slices.Contains(w.Nulls[:i], p) {
			c.add(CodeTwice, at+".nulls", fmt.Sprintf("%s stands in the list twice", p), "keep one of them")
		}
	}
	if _, err := calendar.Zone(w.Zone); err != nil {
		c.add(CodeValue, at+".zone", fmt.Sprintf("there is no time zone %q", w.Zone), "UTC, or a name such as Europe/Berlin")
	}
	for _, d := range []struct {
		name  string
		value Duration
		least time.Duration
	}{{"late", w.Late, time.Second}, {"grace", w.Grace, 0}} {
		switch v, err := d.value.Parse(); {
		case err != nil:
			c.add(CodeUnit, at+"."+d.name, err.Error(), "")
		case v < d.least || v > maxHourTime:
			c.add(CodeValue, at+"."+d.name, fmt.Sprintf("%s.%s is %s", at, d.name, d.value), fmt.Sprintf("%s to 6h", d.least))
		}
	}
	if n, err := w.State.Parse(); err != nil {
		c.add(CodeUnit, at+".state", fmt.Sprintf("%s.state is %s", at, w.State), unitHints[bytesPattern])
	} else if n < minState || n > maxState {
		c.add(CodeValue, at+".state", fmt.Sprintf("%s.state is %s", at, w.State), "128KiB to 1MiB")
	}
	if n, err := w.Rate.Parse(); err != nil || w.Rate != "" && n == 0 {
		c.add(CodeUnit, at+".rate", fmt.Sprintf("%s.rate is %s", at, w.Rate), unitHints[bytesPattern])
	}
}
