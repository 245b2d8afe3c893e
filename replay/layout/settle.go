package layout

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
	"backstitch/replay/source/confluent"
	"backstitch/replay/source/firehose"
)

// headBytes is how much of an object is looked at.
const headBytes = 64 << 10

// ErrUnsettled says that what is in the objects can not be told from a look at one.
var ErrUnsettled = errors.New("what the objects hold can not be told")

// Settle finds out what o leaves open: companions, format and fields.
func Settle(ctx context.Context, b bucket.Bucket, o Options) (Options, error) {
	var err error
	switch o.Layout {
	case "confluent", "hdfs":
		if o.Format == "" {
			if o.Format, err = ending(ctx, b, o); err != nil {
				return o, err
			}
		}
		cfg, err := confluentConfig(o)
		if err != nil {
			return o, err
		}
		has, err := confluent.Companions(ctx, b, cfg)
		o.Keys, o.Headers, o.Rows = has.Keys, has.Headers, has.Parquet
		return o, err
	case "lenses", "aiven", "firehose":
		if o.Format == "avro" || o.Format == "parquet" {
			return o.columnsOf(ctx, b)
		}
		if o.Format != "" && (o.Layout != "aiven" || o.Format == "json" || len(o.Fields) > 0) {
			return o, nil
		}
	default:
		return o, nil
	}
	head, key, err := first(ctx, b, o)
	if err != nil || head == nil {
		return o, err
	}
	if err := o.look(head); err != nil {
		return o, fmt.Errorf("%s of %s in %s, by %s: %w", o.Layout, o.Topic, b.URL(), key, err)
	}
	switch {
	case o.Layout == "lenses" && o.Format == "json":
		return o, lastOffsets(ctx, b, o)
	case o.Format == "avro" || o.Format == "parquet":
		return o.columnsOf(ctx, b)
	}
	return o, nil
}

// columnsOf finds out whether the containers of an archive hold values or envelopes, and of the latter which parts of a record. Envelopes
// leave Fields set.
func (o Options) columnsOf(ctx context.Context, b bucket.Bucket) (Options, error) {
	if o.Values == "" || o.Layout == "firehose" {
		return o, nil // they are not read, or there are no envelopes
	}
	if o.Envelope != nil && !*o.Envelope {
		o.Fields = nil
		return o, o.framed(false)
	}
	if len(o.Fields) > 0 {
		return o, o.framed(true)
	}
	bare := o
	if bare.Values == foreign.AsFramed {
		bare.Values = foreign.AsJSON // to look inside
	}
	a, err := Open(b, bare)
	if err != nil {
		return o, err
	}
	seen, valueless := 0, ""
	for in, err := range b.List(ctx, a.Layout().Traits().Prefix) {
		if err != nil {
			return o, fmt.Errorf("list %s to find out what is in it: %w", b.URL(), err)
		}
		if seen++; seen > sampleScan {
			break
		}
		n, ok := a.Layout().Parse(in.Key)
		if !ok || n.Format != foreign.Format(o.Format) || in.Size == 0 {
			continue
		}
		names, err := a.Columns(ctx, n, in)
		var damage *foreign.Damage
		if errors.As(err, &damage) || errors.Is(err, bucket.ErrNotFound) {
			continue // the next one may be whole
		}
		if err != nil {
			return o, err
		}
		if o.Layout == "lenses" && slices.Contains(names, "metadata") && !slices.Contains(names, "value") {
			valueless = in.Key // an object of tombstones alone, or a sink that was told to leave values out
			continue
		}
		if o.Fields = envelope(o.Layout, names); o.Envelope != nil && len(o.Fields) == 0 {
			return o, fmt.Errorf("%s of %s in %s: the columns of %s are %.200q, which are not those of an envelope: envelope: false, or, of aiven, fields: %w", o.Layout, o.Topic, b.URL(), in.Key, names, ErrUnsettled)
		}
		return o, o.framed(len(o.Fields) > 0)
	}
	if valueless != "" {
		return o, fmt.Errorf("%s of %s in %s: envelopes like those of %s hold no values, so there is nothing to compare: %w", o.Layout, o.Topic, b.URL(), valueless, ErrUnsettled)
	}
	if o.Envelope != nil {
		return o, fmt.Errorf("%s of %s in %s: there is no object of %s to look into, so which parts of a record its envelopes have is not known: %w", o.Layout, o.Topic, b.URL(), o.Format, ErrUnsettled)
	}
	return o, nil
}

// envelope is which parts of a record columns hold, nil where they are those of a value.
func envelope(layout string, columns []string) []string {
	if layout == "lenses" {
		if !slices.Contains(columns, "metadata") {
			return nil
		}
		// A key that is not there may be one that the sink was told to leave out, which is not one that is null.
		return slices.DeleteFunc([]string{"key", "value", "timestamp", "offset", "headers"}, func(f string) bool {
			return f == "key" && !slices.Contains(columns, f)
		})
	}
	if !slices.Contains(columns, "value") || slices.ContainsFunc(columns, func(c string) bool { return !slices.Contains(foreign.FieldNames, c) }) {
		return nil
	}
	return columns
}

// sampleObjects is how many objects are counted to tell the first offset from the last.
const sampleObjects = 3

// lastOffsets makes sure that the numbers in names can be last offsets. Names of other writers look the same and have the first
// one; then the object that begins a partition holds more records than offsets up to its number, or each object holds what lies
// between its own number and the next one.
func lastOffsets(ctx context.Context, b bucket.Bucket, o Options) error {
	a, err := Open(b, o)
	if err != nil {
		return err
	}
	var before foreign.Name
	var held int64
	seen := 0
	for in, err := range b.List(ctx, a.Layout().Traits().Prefix) {
		if err != nil {
			return fmt.Errorf("list %s to find out what its names say: %w", b.URL(), err)
		}
		n, ok := a.Layout().Parse(in.Key)
		if !ok || !n.Format.Readable() {
			continue
		}
		records, err := a.Count(ctx, n, in)
		if err != nil {
			return err
		}
		apart := n.Last - before.Last
		switch {
		case records < 0: // it can not be read; the next one may be
			held = 0
			continue
		case records > n.Last+1, held > 0 && n.Stream == before.Stream && n.Partition == before.Partition && held == apart && records != apart:
			return fmt.Errorf("%s of %s in %s: %s holds %d records; the numbers in names are first offsets, not last ones: %w", o.Layout, o.Topic, b.URL(), in.Key, records, ErrUnsettled)
		}
		before, held = n, records
		if seen++; seen == sampleObjects {
			break
		}
	}
	return nil
}

// ending is the format that most names of a sample say.
func ending(ctx context.Context, b bucket.Bucket, o Options) (string, error) {
	count := map[foreign.Format]int{}
	for _, format := range []string{"json", "bin"} {
		o.Format = format
		a, err := Open(b, o)
		if err != nil {
			return "", err
		}
		seen := 0
		for in, err := range b.List(ctx, a.Layout().Traits().Prefix) {
			if err != nil {
				return "", fmt.Errorf("list %s to find out its format: %w", b.URL(), err)
			}
			if n, ok := a.Layout().Parse(in.Key); ok && n.Companion == "" && n.Format == foreign.Format(format) {
				count[n.Format]++
			}
			if seen++; seen == sampleScan || count[foreign.Format(format)] == sampleKeys {
				break
			}
		}
	}
	if count[foreign.Bytes] > count[foreign.JSON] {
		return "bin", nil
	}
	return "json", nil
}

// first is the beginning of some object of o, decompressed; nil when there is none that can be read.
func first(ctx context.Context, b bucket.Bucket, o Options) (head []byte, key string, err error) {
	open := o
	open.Format, open.Fields = "", nil
	a, err := Open(b, open)
	if err != nil {
		return nil, "", err
	}
	seen := 0
	for in, err := range b.List(ctx, a.Layout().Traits().Prefix) {
		if err != nil {
			return nil, "", fmt.Errorf("list %s to find out what is in it: %w", b.URL(), err)
		}
		if seen++; seen > sampleScan {
			break
		}
		n, ok := a.Layout().Parse(in.Key)
		if !ok || !n.Format.Readable() || in.Size == 0 {
			continue
		}
		head, err := a.Head(ctx, n, in, headBytes)
		var damage *foreign.Damage
		if errors.As(err, &damage) || errors.Is(err, bucket.ErrNotFound) {
			continue // the next one may be whole
		}
		if err != nil || len(head) > 0 {
			return head, in.Key, err
		}
	}
	return nil, "", nil
}

// look concludes from the beginning of an object.
func (o *Options) look(head []byte) error {
	line, _, _ := bytes.Cut(bytes.TrimLeft(head, " \t\r\n"), []byte{'\n'})
	line = bytes.TrimRight(line, " \t\r")
	if len(head) == headBytes && bytes.IndexByte(head, '\n') < 0 {
		return fmt.Errorf("its first record is longer than %d bytes: say format and fields: %w", headBytes, ErrUnsettled)
	}
	switch o.Layout {
	case "lenses":
		o.Format = "json"
		if members := membersOf(line); members["metadata"] && (members["value"] || members["key"]) {
			o.Format = Envelope
		}
		return nil
	case "firehose":
		o.Format = "bin"
		if user := firehose.First(head); user != nil {
			line = user
		}
		if len(line) > 0 && bytes.IndexByte([]byte(`{["`), line[0]) >= 0 {
			o.Format = "concat"
		}
		return nil
	}
	return o.lookAiven(head, line)
}

func (o *Options) lookAiven(head, line []byte) error {
	format := o.Format
	switch {
	case bytes.HasPrefix(head, []byte("PAR1")):
		o.Format = "parquet"
		return nil
	case bytes.HasPrefix(head, []byte("Obj\x01")):
		o.Format = "avro"
		return nil
	case format == "" && bytes.Equal(line, []byte("[")), format == "array":
		_, rest, _ := bytes.Cut(head, []byte{'['})
		line, _, _ = bytes.Cut(bytes.TrimSpace(rest), []byte{'\n'})
		line = bytes.TrimRight(line, ", \t\r")
		o.Format = "array"
	case format == "" && len(line) > 0 && line[0] == '{':
		o.Format = Envelope
	case format == "":
		o.Format = "csv"
	}
	if o.Format == "csv" {
		return o.columns(line)
	}
	if len(o.Fields) > 0 {
		return nil
	}
	members := membersOf(line)
	for _, name := range foreign.FieldNames {
		if members[name] {
			o.Fields = append(o.Fields, name)
		}
	}
	if !members["value"] || len(members) > len(o.Fields) {
		if o.Format != Envelope || format != "" {
			return fmt.Errorf("%.40q does not have the fields of a record: say format and fields: %w", line, ErrUnsettled)
		}
		o.Format, o.Fields = "json", nil // a value and nothing else
	}
	return nil
}

// columns checks that a line is what fields say, or one column.
func (o *Options) columns(line []byte) error {
	if len(o.Fields) > 0 {
		return nil
	}
	if n := bytes.Count(line, []byte{','}) + 1; n > 1 {
		return fmt.Errorf("lines have %d columns, and nothing says which: set fields, in their order, to some of %s: %w", n, strings.Join(foreign.FieldNames, ", "), ErrUnsettled)
	}
	if _, err := base64.StdEncoding.DecodeString(string(line)); err != nil {
		return fmt.Errorf("%.40q is neither JSON nor base64: %w", line, ErrUnsettled)
	}
	o.Fields = []string{"value"}
	return nil
}

// membersOf are the names of the members of a JSON object, none if line is none.
func membersOf(line []byte) map[string]bool {
	var x map[string]json.RawMessage
	if json.Unmarshal(line, &x) != nil {
		return nil
	}
	out := map[string]bool{}
	for name := range x {
		out[name] = true
	}
	return out
}
