package spec

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Values with a unit. Each is a string in the file, so that a bare number can not pass as one.

// Duration is a length of time with its unit: 500ms, 2s, 5m, 1h.
type Duration string

// Bytes is a size with its unit: 512KiB, 64MiB, 1GiB.
type Bytes string

// PerSecond is a number in a second: 300/s, 5k/s, 1M/s.
type PerSecond string

// Time is a moment in RFC 3339 with its zone: 2026-11-20T02:00:00Z.
type Time string

// Partitions is a list of partition numbers and ranges: 0-7,12. Both ends of a range are in it.
type Partitions string

const (
	durationPattern   = `^[0-9]+(\.[0-9]+)?(ms|s|m|h)$`
	bytesPattern      = `^[0-9]+(B|KiB|MiB|GiB|TiB)$`
	perSecondPattern  = `^[0-9]+[kM]?/s$`
	timePattern       = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`
	partitionsPattern = `^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$`
)

// unitHints says, for each pattern that the schema has, what to write instead.
var unitHints = map[string]string{
	durationPattern:   "write a number and its unit, such as 500ms, 2s or 5m",
	perSecondPattern:  "write a number in a second, such as 300/s or 5k/s",
	bytesPattern:      "write a number and its unit, such as 64MiB or 1GiB",
	timePattern:       `write a moment with its zone, such as "2026-11-20T02:00:00Z"`,
	versionPattern:    `write a name in quotes, such as "v3": letters, digits, dots, underscores and dashes`,
	pathPattern:       `write names joined by dots, such as customer.address.zip; a dot in a name is written \., a backslash \\`,
	percentPattern:    "write a share with its sign, such as 1% or 0.05%",
	sharePattern:      "write a share or a number with its word, such as 0.1% or 100 records",
	keyPartPattern:    `write key, header.NAME, value.PATH or debezium, such as value.event_id; a dot in a name of a path is written \., a backslash \\`,
	eventTimePattern:  `write timestamp, header.NAME or value.PATH, such as value.occurred_at; a dot in a name of a path is written \., a backslash \\`,
	uuidPattern:       "write a UUID in its usual form, such as b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63",
	byteRatePattern:   "write bytes a second with their unit, such as 256KiB/s or 2MiB/s",
	throughPattern:    "write bytes a second with their unit, such as 256KiB/s or 5MiB/s",
	recordsPattern:    "write a number with its word, such as 10000 records",
	partitionsPattern: `write numbers and ranges in quotes, such as "0-7,12"`,
	namePattern:       "use lower-case letters, digits, dots and dashes, and begin and end with a letter or digit",
	"^/":              "write an absolute path",
	"^https?://":      "write it as https://HOST:PORT",
	labelPattern:      "use lower-case letters, digits and dashes, and begin and end with a letter or digit",
	tokenPattern:      "write where the token is: env:BACKSTITCH_NOTIFY_NAME, or file:NAME of a file in the agents' notify.secretDir",
	bucketPattern:     "use 3 to 63 lower-case letters, digits, dots and dashes",
}

const (
	namePattern   = `^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`
	labelPattern  = `^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`
	tokenPattern  = `^(env:BACKSTITCH_NOTIFY_[A-Z0-9_]+|file:[A-Za-z0-9_-][A-Za-z0-9._-]*)$` // #nosec G101 -- how a reference to a token is written
	bucketPattern = `^[a-z0-9][a-z0-9.-]*$`
)

var durationForm, bytesForm = regexp.MustCompile(durationPattern), regexp.MustCompile(bytesPattern)

// Parse returns the length of time. "" is 0.
func (d Duration) Parse() (time.Duration, error) {
	if d == "" {
		return 0, nil
	}
	if !durationForm.MatchString(string(d)) {
		return 0, fmt.Errorf("%q is not a length of time: %s", string(d), unitHints[durationPattern])
	}
	return time.ParseDuration(string(d))
}

// Parse returns the number of bytes. "" is 0.
func (b Bytes) Parse() (int64, error) {
	if b == "" {
		return 0, nil
	}
	if !bytesForm.MatchString(string(b)) {
		return 0, fmt.Errorf("%q is not a size: %s", string(b), unitHints[bytesPattern])
	}
	digits := strings.TrimRight(string(b), "BKMGTi")
	n, err := strconv.ParseInt(digits, 10, 64)
	shift := map[string]uint{"B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}[string(b[len(digits):])]
	if err != nil || n<<shift>>shift != n || n<<shift < 0 {
		return 0, fmt.Errorf("%q is more than can be counted", string(b))
	}
	return n << shift, nil
}

// Parse returns the number. "" is 0.
func (p PerSecond) Parse() (int64, error) {
	if p == "" {
		return 0, nil
	}
	digits, ok := strings.CutSuffix(string(p), "/s")
	factor := int64(1)
	if d, k := strings.CutSuffix(digits, "k"); k {
		digits, factor = d, 1000
	} else if d, m := strings.CutSuffix(digits, "M"); m {
		digits, factor = d, 1_000_000
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case !ok || err != nil && !errors.Is(err, strconv.ErrRange) || n < 0:
		return 0, fmt.Errorf("%q is not a number in a second: %s", string(p), unitHints[perSecondPattern])
	case err != nil || n > math.MaxInt64/factor:
		return 0, fmt.Errorf("%q is more than can be counted", string(p))
	}
	return n * factor, nil
}

// Parse returns the moment in UTC. "" is the zero time.
func (t Time) Parse() (time.Time, error) {
	if t == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, string(t))
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a moment: %s", string(t), unitHints[timePattern])
	}
	return at.UTC(), nil
}

// maxPartition is what Kafka itself can count to in practice, and keeps "0-4294967295" from making a list of four billion.
const maxPartition = 1_000_000

// Parse returns the numbers, ascending and each once. "" is nil, which stands for all.
func (p Partitions) Parse() ([]int32, error) {
	if p == "" {
		return nil, nil
	}
	var out []int32
	for part := range strings.SplitSeq(string(p), ",") {
		first, last, ranged := strings.Cut(part, "-")
		from, err := strconv.ParseInt(first, 10, 32)
		to := from
		if err == nil && ranged {
			to, err = strconv.ParseInt(last, 10, 32)
		}
		switch {
		case err != nil || to >= maxPartition:
			return nil, fmt.Errorf("%q is not a list of partitions: %s", string(p), unitHints[partitionsPattern])
		case to < from:
			return nil, fmt.Errorf("range %q ends before it begins", part)
		}
		for n := from; n <= to; n++ {
			out = append(out, int32(n))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
