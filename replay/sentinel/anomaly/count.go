package anomaly

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/replay/gap"
	"backstitch/replay/gap/sequence"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/sentinel"
	"backstitch/replay/sentinel/baseline"
)

const hourMs = int64(time.Hour / time.Millisecond)

// MaxHours is how far back a topic is read: fourteen weeks.
const MaxHours = 14 * 7 * 24

// DefaultLate is by how much a record is older than the newest before it in its partition, to be late.
const DefaultLate = 5 * time.Minute

// DefaultGrace is how long after its end an hour may still get records.
const DefaultGrace = 10 * time.Minute

// Input is what to read, and what to count.
type Input struct {
	Client *kgo.Client
	Topic  string
	NowMs  int64
	// Grace and Late are DefaultGrace and DefaultLate by default.
	Grace, Late time.Duration
	// Hours is how far back to read, at most MaxHours; 0 for that.
	Hours int
	// Judge is how many of the newest hours findings are about, at least 1.
	Judge int
	// Source is where records name their sender; nil for nowhere.
	Source *sequence.Path
	// Nulls are fields that a record may lack.
	Nulls []sequence.Path
	// Except says of an hour, since 1970, that it is neither judged nor learned; nil for none.
	Except func(hour int64) bool
	// Once says that the state holds every hour that was read, so that none is read again, and that findings are about hours that are new. Of those of a
	// first look they are about the newest, as Judge says. Else the state ends before the hours that are judged.
	Once bool
	// Evidence is a factor of the evidence that makes an alarm (baseline.Tuning), 0 for 1. Zone is whose clock seasons go by, nil for UTC.
	Evidence float64
	Zone     *time.Location
	// Partitions and Sources are how many are looked at one by one, 0 for all partitions and baseline.MaxSources.
	Partitions, Sources int
	// State is what earlier looks have learned; nil for nothing.
	State *State
	// Progress is told how many records and bytes were read since the last time; nil for nobody.
	Progress func(records, bytes int64)
}

func (in *Input) validate() error {
	switch {
	case in.Grace < 0, in.Late <= 0:
		return errors.New("grace must not be negative, and late must be positive")
	case in.Judge < 1 || in.Judge > baseline.RelearnHours:
		return fmt.Errorf("judge %d hours: want 1 to %d", in.Judge, baseline.RelearnHours)
	case in.Hours < 1 || in.Hours > MaxHours:
		return fmt.Errorf("read %d hours: want 1 to %d", in.Hours, MaxHours)
	}
	return nil
}

// ErrCompacted says that older hours of a topic have lost the records for which there are newer ones, so that they say nothing of those to come.
var ErrCompacted = errors.New("the topic is compacted")

// unknown is whether a topic is compacted whose settings may not be seen.
const unknown = "unknown"

// compacted is an error where the topic is, and unknown where that can not be seen.
func (in *Input) compacted(ctx context.Context) (string, error) {
	values, _, err := klog.Settings(ctx, in.Client, in.Topic)
	if errors.Is(err, klog.ErrDenied) {
		return unknown, nil
	}
	if err != nil {
		return "", err
	}
	kept, err := sentinel.ParseRetention(values)
	if err != nil {
		return "", fmt.Errorf("settings of topic %s: %w", in.Topic, err)
	}
	if (gap.Facts{CleanupPolicy: kept.Policy}).Compacted() {
		return "", fmt.Errorf("topic %s: %w", in.Topic, ErrCompacted)
	}
	return "", nil
}

// row is what one place has had, by hours from the first on.
type row []int64

// counts are of hours from first on, up to end, which is left out.
type counts struct {
	first, end  int64
	parts       map[int32]row
	begin       map[int32]int64 // the hour of a partition's first record
	newest      map[int32]int64 // Kafka milliseconds
	null, late  row
	fields      []row
	ids         map[string]int
	sources     []row           // by id, then hour
	records     int64           // that are counted
	outside     int64           // of other hours
	own         int64           // that a recovery has written
	next        map[int32]int64 // the offset at which each partition's hours that are not counted begin
	nameless    int64
	others      int64 // of senders beyond what is kept
	appendTimes bool  // times are the broker's: nothing can be late
}

func (in *Input) count(ctx context.Context, t *klog.Topic) (*counts, error) {
	end := (in.NowMs - in.Grace.Milliseconds()) / hourMs
	c := &counts{first: end - int64(in.Hours), end: end, parts: map[int32]row{}, begin: map[int32]int64{}, newest: map[int32]int64{}, ids: map[string]int{}}
	if in.State != nil {
		c.first = max(c.first, in.State.Last+1)
	}
	if c.first >= c.end {
		c.first = c.end
		return c, nil
	}
	c.null, c.late = c.row(), c.row()
	for range in.Nulls {
		c.fields = append(c.fields, c.row())
	}
	if err := c.know(in); err != nil {
		return nil, err
	}
	if in.Once {
		var err error
		if c.next, err = klog.OffsetsAt(ctx, in.Client, in.Topic, c.end*hourMs); err != nil {
			return nil, klog.Denied(err)
		}
	}
	whole, err := sequence.Each(ctx, sequence.Input{Client: in.Client, Topic: in.Topic, FromMs: c.first * hourMs, NowMs: in.NowMs, Progress: in.Progress},
		func(part int32, r *record.Record) error { c.add(in, part, r); return nil })
	if err != nil {
		return nil, err
	}
	if in.State.complete(t) {
		whole = c.first * hourMs
	}
	c.from(max((whole+hourMs-1)/hourMs, c.first), in.State != nil)
	return c, nil
}

// know gives the senders that a state has their places, so that however many new ones come before they do, none of them seems silent.
func (c *counts) know(in *Input) error {
	if in.Source == nil || in.State == nil {
		return nil
	}
	s, err := in.State.sources()
	if err != nil {
		return err
	}
	for _, name := range s.Names() {
		c.ids[name] = len(c.sources)
		c.sources = append(c.sources, c.row())
	}
	return nil
}

func (in *Input) maxSources() int {
	if in.Sources == 0 {
		return baseline.MaxSources
	}
	return min(in.Sources, baseline.MaxSources)
}

// tuning is how hours are judged.
func (in *Input) tuning() baseline.Tuning {
	out := baseline.Tuning{Evidence: in.Evidence, Sources: in.maxSources()}
	if in.Zone != nil {
		out.Local = func(hour int64) int64 {
			at := time.Unix(hour*3600, 0).In(in.Zone)
			_, offset := at.Zone()
			return (at.Unix() + int64(offset)) / 3600
		}
	}
	return out
}

// ours says whether a job of ours has written the record: it says what was lost, and nothing of who sends what now.
func ours(r *record.Record) bool {
	for i := range r.Headers {
		if strings.HasPrefix(r.Headers[i].Key, record.OwnHeaderPrefix) {
			return true
		}
	}
	return false
}

func (c *counts) row() row { return make(row, c.end-c.first) }

func (c *counts) add(in *Input, part int32, r *record.Record) {
	if ours(r) {
		c.own++
		return
	}
	hour := r.TimestampMs / hourMs
	late := r.TimestampMs < c.newest[part]-in.Late.Milliseconds()
	c.newest[part] = max(c.newest[part], r.TimestampMs)
	c.appendTimes = c.appendTimes || r.TimestampType == record.LogAppendTime
	if r.TimestampMs < 0 || hour < c.first || hour >= c.end {
		c.outside++
		return
	}
	if c.parts[part] == nil {
		c.parts[part], c.begin[part] = c.row(), hour
	}
	c.begin[part] = min(c.begin[part], hour)
	c.records++
	at := hour - c.first
	c.parts[part][at]++
	if late {
		c.late[at]++
	}
	if r.Value == nil {
		c.null[at]++
	}
	for i, p := range in.Nulls {
		if _, ok := p.Find(r); !ok {
			c.fields[i][at]++
		}
	}
	if in.Source != nil {
		c.sender(in, r, at)
	}
}

func (c *counts) sender(in *Input, r *record.Record, at int64) {
	name, ok := in.Source.Find(r)
	if !ok || len(name) > baseline.MaxNameBytes {
		c.nameless++
		return
	}
	id, known := c.ids[string(name)]
	if !known {
		if len(c.sources) >= in.maxSources() {
			c.others++
			return
		}
		id = len(c.sources)
		c.ids[string(name)] = id
		c.sources = append(c.sources, c.row())
	}
	c.sources[id][at]++
}

// from leaves out hours of which not everything is there. Without a state that is also the one in which the topic's first record came.
func (c *counts) from(hour int64, goesOn bool) {
	if !goesOn && len(c.begin) > 0 {
		begun := c.end
		for _, b := range c.begin {
			begun = min(begun, b)
		}
		hour = max(hour, begun+1)
	}
	drop := min(hour, c.end) - c.first
	cut := func(r *row) { *r = (*r)[drop:] }
	for n, r := range c.parts {
		c.parts[n] = r[drop:]
	}
	cut(&c.null)
	cut(&c.late)
	for i := range c.fields {
		cut(&c.fields[i])
	}
	for i := range c.sources {
		cut(&c.sources[i])
	}
	c.first += drop
	var left int64
	for _, n := range c.total() {
		left += n
	}
	c.outside += c.records - left
	c.records = left
}

// total are the records of all partitions.
func (c *counts) total() row {
	out := c.row()
	for _, r := range c.parts {
		for i, n := range r {
			out[i] += n
		}
	}
	return out
}
