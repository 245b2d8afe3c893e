package fault

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"backstitch/partition/due"
)

// Magnitudes and their text. Every number has its unit; a bare one is only a count.

// field is one magnitude of Fault and the slots of forms that fill it.
type field struct {
	name     string
	slots    []string
	zero     func(Fault) bool
	sound    func(Fault, *Spec) bool
	optional bool   // may be zero although its slot is there
	want     string // what sound wants
}

var fields = []field{
	{name: "delay", slots: []string{"DELAY", "DELAY±"}, want: "more than 0",
		zero: func(f Fault) bool { return f.Delay == 0 }, sound: func(f Fault, _ *Spec) bool { return f.Delay > 0 }},
	{name: "jitter", slots: []string{"DELAY±"}, optional: true, want: "at most the delay",
		zero: func(f Fault) bool { return f.Jitter == 0 }, sound: func(f Fault, _ *Spec) bool { return f.Jitter > 0 && f.Jitter <= f.Delay }},
	{name: "every", slots: []string{"EVERY"}, want: "more than 0",
		zero: func(f Fault) bool { return f.Every == 0 }, sound: func(f Fault, _ *Spec) bool { return f.Every > 0 }},
	{name: "skew", slots: []string{"SKEW"}, want: "not 0",
		zero: func(f Fault) bool { return f.Skew == 0 }, sound: func(f Fault, _ *Spec) bool { return f.Skew != 0 && -f.Skew != f.Skew }},
	{name: "percent", slots: []string{"PERCENT"}, want: "more than 0 and at most 100",
		zero: func(f Fault) bool { return f.Percent == 0 }, sound: func(f Fault, _ *Spec) bool { return f.Percent > 0 && f.Percent <= 100 }},
	{name: "rate", slots: []string{"RATE"}, want: "more than 0",
		zero: func(f Fault) bool { return f.Rate == 0 }, sound: func(f Fault, _ *Spec) bool { return f.Rate > 0 }},
	{name: "size", slots: []string{"SIZE"}, want: "more than 0",
		zero: func(f Fault) bool { return f.Size == 0 }, sound: func(f Fault, _ *Spec) bool { return f.Size > 0 }},
	{name: "count", slots: []string{"COUNT"}, want: "1 to 1000000",
		zero: func(f Fault) bool { return f.Count == 0 }, sound: func(f Fault, _ *Spec) bool { return f.Count > 0 && f.Count <= maxCount }},
	{name: "word", slots: []string{"WHAT"}, want: "one of the kind's words",
		zero: func(f Fault) bool { return f.What == "" }, sound: func(f Fault, s *Spec) bool { return slices.Contains(s.Words, f.What) }},
}

const maxCount = 1_000_000

// magnitudes refuses what is missing, out of range, or not the kind's.
func (f Fault) magnitudes(s *Spec) error {
	slots := s.slots()
	for _, m := range fields {
		i := slices.IndexFunc(m.slots, func(slot string) bool { return slices.Contains(slots, slot) })
		switch {
		case i < 0 && !m.zero(f):
			return fmt.Errorf("has no %s", m.name)
		case i < 0 || m.zero(f) && (m.optional || s.optional(m.slots[i])):
		case !m.sound(f, s):
			return fmt.Errorf("%s: want %s", m.name, m.want)
		}
	}
	return nil
}

// fill reads the text of one slot into f. The error says what may stand there.
func fill(f *Fault, s *Spec, slot, text string) error {
	var err error
	switch slot {
	case "DELAY":
		f.Delay, err = ParseDuration(text)
	case "DELAY±":
		around, jitter, ok := cutJitter(text)
		if f.Delay, err = ParseDuration(around); err == nil && ok {
			f.Jitter, err = ParseDuration(jitter)
		}
		if err != nil || f.Jitter > f.Delay {
			err = errWant("a length of time such as 50ms, or 50ms±10ms where the second is not more than the first")
		}
	case "EVERY":
		f.Every, err = ParseDuration(text)
	case "SKEW":
		f.Skew, err = parseSkew(text)
	case "PERCENT":
		f.Percent, err = ParsePercent(text)
	case "RATE":
		size, ok := strings.CutSuffix(text, "/s")
		if f.Rate, err = ParseSize(size); err != nil || !ok {
			err = errWant("a rate such as 256KiB/s")
		}
	case "SIZE":
		f.Size, err = ParseSize(text)
	case "COUNT":
		n, bad := strconv.Atoi(text)
		if bad != nil || n < 1 || n > maxCount || strconv.Itoa(n) != text {
			err = errWant("a number from 1 to 1000000")
		}
		f.Count = n
	case "WHAT":
		if !slices.Contains(s.Words, text) {
			err = errWant(s.Words...)
		}
		f.What = text
	default:
		panic("fault: a form has the slot " + slot + ", which nobody reads")
	}
	return err
}

// show is the text of one slot, "" when there is none.
func show(f Fault, slot string) string {
	switch slot {
	case "TARGET":
		return f.Target.String()
	case "DELAY":
		return due.Length(f.Delay)
	case "DELAY±":
		if f.Jitter == 0 {
			return due.Length(f.Delay)
		}
		return due.Length(f.Delay) + "±" + due.Length(f.Jitter)
	case "EVERY":
		return due.Length(f.Every)
	case "SKEW":
		if f.Skew > 0 {
			return "+" + due.Length(f.Skew)
		}
		return due.Length(f.Skew)
	case "PERCENT":
		return strconv.FormatFloat(f.Percent, 'f', -1, 64) + "%"
	case "RATE":
		return FormatSize(f.Rate) + "/s"
	case "SIZE":
		return FormatSize(f.Size)
	case "COUNT":
		return strconv.Itoa(f.Count)
	case "WHAT":
		return f.What
	}
	panic("fault: a form has the slot " + slot + ", which nobody writes")
}

// want is an error that lists what may stand in a place.
type want []string

func (w want) Error() string { return "want " + strings.Join(w, ", ") }

func errWant(words ...string) error { return want(words) }

var durationForm = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`)

// ParseDuration reads a length of time that is more than 0. The error says what may be written.
func ParseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || !durationForm.MatchString(text) {
		return 0, errWant("a length of time such as 500ms, 2s or 1m30s")
	}
	return d, nil
}

func cutJitter(text string) (around, jitter string, ok bool) {
	for _, sign := range []string{"±", "+-", "+/-"} {
		if around, jitter, ok := strings.Cut(text, sign); ok {
			return around, jitter, true
		}
	}
	return text, "", false
}

func parseSkew(text string) (time.Duration, error) {
	rest, ahead := strings.CutPrefix(text, "+")
	if !ahead {
		var behind bool
		if rest, behind = strings.CutPrefix(text, "-"); !behind {
			rest = ""
		}
	}
	d, err := ParseDuration(rest)
	if err != nil {
		return 0, errWant("a length of time with its sign, such as +1h or -5m")
	}
	if !ahead {
		d = -d
	}
	return d, nil
}

var percentForm = regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,9})?%$`)

// ParsePercent reads a share that is more than 0% and at most 100%. The error says what may be written.
func ParsePercent(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !percentForm.MatchString(text) || n <= 0 || n > 100 {
		return 0, errWant("a share such as 1% or 0.5%, more than 0% and at most 100%")
	}
	return n, nil
}

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// ParseSize reads a number of bytes that is more than 0, with its unit. The error says what may be written.
func ParseSize(text string) (int64, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err == nil && n > 0 && n <= (1<<62)/u.bytes && digits[0] != '+' {
			return n * u.bytes, nil
		}
		break
	}
	return 0, errWant("a size such as 600B, 256KiB or 64MiB")
}

// FormatSize writes a number of bytes in the largest unit that leaves no fraction.
func FormatSize(n int64) string {
	for _, u := range sizeUnits {
		if n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	panic("unreachable: every number of bytes is a multiple of one")
}
