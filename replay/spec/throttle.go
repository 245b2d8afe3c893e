package spec

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Throttle says for whom the job slows down. Limits that people set while it runs hold beside it, see backstitch throttle.
type Throttle struct {
	// Whether the job slows down when somebody suffers from it, and speeds up again when nobody does. Brokers that delay its requests and object stores that refuse them are listened to without being named; off ignores them, too.
	Feedback string `json:"feedback,omitempty" jsonschema:"enum=on,enum=off,default=on"`
	// Who else is not to suffer from the job.
	Spare *Spare `json:"spare,omitempty"`
	// What feedback leaves the job in any case, on each node, such as 256KiB/s: a group that is dead does not stop it for ever.
	Floor ByteRate `json:"floor,omitempty"`
}

// Spare says who is not to suffer. It is looked at every two seconds, so such a job begins slowly.
type Spare struct {
	// Consumer groups of the target's Kafka that are not to fall behind.
	Groups []string `json:"groups,omitempty" jsonschema:"maxItems=16"`
	// How many records each of the groups may fall behind, in all of its topics, beyond the least that it was behind since the job runs, such as 10000 records.
	MaxLagIncrease Records `json:"maxLagIncrease,omitempty"`
	// How long nine of ten produce requests of the job may take, such as 250ms. Left out, it is not looked at.
	ProduceLatency Duration `json:"produceLatency,omitempty"`
	// Whether replicas of the target's topic are to stay in sync.
	Replicas bool `json:"replicas,omitempty"`
	// Whether the brokers that lead the target's topic are to answer as fast as they do while the job rests, 10 seconds every 3 minutes. It needs no number, and spares all who use them.
	Brokers bool `json:"brokers,omitempty"`
}

// ByteRate is a number of bytes a second with its unit: 256KiB/s, 20MiB/s.
type ByteRate string

// Throughput is a ByteRate whose "/s" may be left out: 5MiB/s, 5MiB.
type Throughput string

// Records is a number with its word: 10000 records.
type Records string

const (
	byteRatePattern = `^[0-9]+(B|KiB|MiB|GiB)/s$`
	throughPattern  = `^[0-9]+(B|KiB|MiB|GiB|TiB)(/s)?$`
	recordsPattern  = `^[0-9]{1,15} records?$`
)

var byteRateForm, recordsForm = regexp.MustCompile(byteRatePattern), regexp.MustCompile(recordsPattern)

// Parse returns the bytes a second. "" is 0.
func (r ByteRate) Parse() (int64, error) {
	if r == "" {
		return 0, nil
	}
	if !byteRateForm.MatchString(string(r)) {
		return 0, fmt.Errorf("%q is not a rate: %s", string(r), unitHints[byteRatePattern])
	}
	return Bytes(strings.TrimSuffix(string(r), "/s")).Parse()
}

// Parse returns the bytes a second. "" is 0.
func (r Throughput) Parse() (int64, error) {
	n, err := Bytes(strings.TrimSuffix(string(r), "/s")).Parse()
	if err != nil || r == "/s" {
		return 0, fmt.Errorf("%q is not a rate: %s", string(r), unitHints[throughPattern])
	}
	return n, nil
}

// Parse returns the number. "" is 0.
func (r Records) Parse() (int64, error) {
	if r == "" {
		return 0, nil
	}
	if !recordsForm.MatchString(string(r)) {
		return 0, fmt.Errorf("%q is not a number of records: %s", string(r), unitHints[recordsPattern])
	}
	number, _, _ := strings.Cut(string(r), " ")
	return strconv.ParseInt(number, 10, 64)
}

// withDefaults writes out what feedback does, so that a program with other defaults does not do something else.
func (t *Throttle) withDefaults() *Throttle {
	out := *t
	orText(&out.Feedback, FeedbackOn)
	if out.Feedback == FeedbackOff {
		return &out
	}
	if out.Floor == "" {
		out.Floor = DefaultFloor
	}
	if t.Spare != nil {
		spare := *t.Spare
		if len(spare.Groups) > 0 && spare.MaxLagIncrease == "" {
			spare.MaxLagIncrease = DefaultMaxLagIncrease
		}
		out.Spare = &spare
	}
	return &out
}

// Limits of what feedback may be told.
const (
	minFloor   = 16 << 10 // below it a slice of the default size would take a day
	maxFloor   = 1 << 30
	minLatency = time.Millisecond
	maxLatency = time.Minute
)

// throttle finds what is wrong with it besides its form.
func (c *checker) throttle(r *Recovery) {
	t := r.Spec.Throttle
	if t == nil {
		return
	}
	const at = "spec.throttle"
	if t.Floor != "" {
		switch n, err := t.Floor.Parse(); {
		case err != nil:
			c.add(CodeUnit, at+".floor", err.Error(), "")
		case n < minFloor || n > maxFloor:
			c.add(CodeValue, at+".floor", fmt.Sprintf("%s.floor is %s", at, t.Floor), "16KiB/s to 1GiB/s; backstitch pause stops a job altogether")
		}
	}
	if t.Feedback == FeedbackOff && (t.Spare != nil || t.Floor != "") {
		c.add(CodeTogether, at+".feedback", "feedback is off, and what is below it would be ignored", "leave feedback out, or leave spare and floor out")
	}
	if t.Spare != nil {
		c.spare(r, t.Spare, at+".spare")
	}
}

func (c *checker) spare(r *Recovery, s *Spare, at string) {
	if len(s.Groups) == 0 && s.ProduceLatency == "" && !s.Replicas && !s.Brokers {
		c.add(CodeOneOf, at, at+" names nobody", "write brokers, groups, produceLatency or replicas, or leave it out")
	}
	if r.Spec.Target.Kafka == nil {
		c.add(CodeTogether, at, "brokers, groups, replicas and produce requests are those of a target in Kafka", "leave spare out: object stores that refuse requests are listened to without it")
	}
	if s.MaxLagIncrease != "" && len(s.Groups) == 0 {
		c.add(CodeTogether, at+".maxLagIncrease", "a limit for the lag of groups, and no groups", "name them: groups: [billing]")
	}
	if _, err := s.MaxLagIncrease.Parse(); err != nil {
		c.add(CodeUnit, at+".maxLagIncrease", err.Error(), "")
	}
	seen := map[string]bool{}
	for i, g := range s.Groups {
		path := fmt.Sprintf("%s.groups.%d", at, i)
		switch {
		case g == "":
			c.add(CodeValue, path, "a group without a name", "kafka-consumer-groups --list shows those that there are")
		case seen[g]:
			c.add(CodeTwice, path, fmt.Sprintf("group %s is named twice", g), "name each once")
		}
		seen[g] = true
	}
	if s.ProduceLatency == "" {
		return
	}
	switch d, err := s.ProduceLatency.Parse(); {
	case err != nil:
		c.add(CodeUnit, at+".produceLatency", err.Error(), "")
	case d < minLatency || d > maxLatency:
		c.add(CodeValue, at+".produceLatency", fmt.Sprintf("%s.produceLatency is %s", at, s.ProduceLatency), "1ms to 1m")
	}
}
