package foreigntest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"backstitch/replay/record"
)

// The sinks of Kafka Connect.

// Confluent writes values with the default partitioner.
func Confluent(ext string) Writer {
	return func(part int32, rs []record.Record, n int) map[string][]byte {
		files := map[string][]byte{}
		for _, c := range chunks(rs, n) {
			key := fmt.Sprintf("topics/%s/partition=%d/%s+%d+%010d%s", Topic, part, Topic, part, c[0].Offset, ext)
			files[key] = Compress(key, lines(c, value))
		}
		return files
	}
}

// Hourly writes values with the hourly partitioner by record time: each hour has an object open, and they interleave.
func Hourly(part int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	fan(rs, n, func(r *record.Record) string {
		return time.UnixMilli(r.TimestampMs).UTC().Format("year=2006/month=01/day=02/hour=15")
	}, func(dir string, c []record.Record) {
		files[fmt.Sprintf("topics/%s/%s/%s+%d+%010d.json", Topic, dir, Topic, part, c[0].Offset)] = lines(c, value)
	})
	return files
}

// HDFS writes values with first and last offset in the name.
func HDFS(part int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	for _, c := range chunks(rs, n) {
		files[fmt.Sprintf("topics/%s/partition=%d/%s+%d+%010d+%010d.json", Topic, part, Topic, part, c[0].Offset, c[len(c)-1].Offset)] = lines(c, value)
	}
	return files
}

// fan gives each record to the object of its group, n to an object, and each object to write.
func fan(rs []record.Record, n int, group func(*record.Record) string, write func(string, []record.Record)) {
	open := map[string][]record.Record{}
	for i := range rs {
		g := group(&rs[i])
		if open[g] = append(open[g], rs[i]); len(open[g]) == n {
			write(g, open[g])
			delete(open, g)
		}
	}
	for g, c := range open {
		write(g, c)
	}
}

// Lenses writes the default names: the offset is that of the last record.
func Lenses(envelope bool) Writer {
	return func(part int32, rs []record.Record, n int) map[string][]byte {
		line := value
		if envelope {
			line = func(r *record.Record) string { return envelopeOf(part, r) }
		}
		files := map[string][]byte{}
		for _, c := range chunks(rs, n) {
			last := c[len(c)-1]
			files[fmt.Sprintf("%s/%d/%012d_%d_%d.json", Topic, part, last.Offset, c[0].TimestampMs, last.TimestampMs)] = lines(c, line)
		}
		files[fmt.Sprintf(".indexes/sink/.locks/%s/%d.lock", Topic, part)] = []byte(`{"owner":"x","committedOffset":1}`)
		return files
	}
}

// PartitionBy writes envelopes into a directory per value of the record's offset modulo 3, which interleaves everything.
func PartitionBy(part int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	fan(rs, n, func(r *record.Record) string { return fmt.Sprint("mod=", r.Offset%3) }, func(dir string, c []record.Record) {
		files[fmt.Sprintf("%s/%s(%d_%012d).json", dir, Topic, part, c[len(c)-1].Offset)] = lines(c, func(r *record.Record) string { return envelopeOf(part, r) })
	})
	files[fmt.Sprintf(".temp-upload/%s(%d_7).json", Topic, part)] = []byte(`{"half`)
	return files
}

func envelopeOf(part int32, r *record.Record) string {
	headers := "{"
	for i, h := range r.Headers {
		if i > 0 {
			headers += ","
		}
		headers += text(h.Key) + ":" + opaque(h.Value)
	}
	return fmt.Sprintf(`{"key":%s,"value":%s,"headers":%s},"metadata":{"timestamp":%d,"topic":%s,"partition":%d,"offset":%d}}`,
		opaque(r.Key), plain(r.Value), headers, r.TimestampMs, text(Topic), part, r.Offset)
}

func text(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("a string has JSON: " + err.Error())
	}
	return string(b)
}

// opaque is bytes as a JSON string, null for nil.
func opaque(b []byte) string {
	if b == nil {
		return "null"
	}
	return text(string(b))
}

// plain is a value that is JSON as it stands.
func plain(b []byte) string {
	if json.Valid(b) {
		return string(b)
	}
	return opaque(b)
}

// AivenCSV writes the named fields as comma-separated base64.
func AivenCSV(fields ...string) Writer {
	return func(part int32, rs []record.Record, n int) map[string][]byte {
		files := map[string][]byte{}
		for _, c := range chunks(rs, n) {
			key := fmt.Sprintf("%s-%d-%d.gz", Topic, part, c[0].Offset)
			files[key] = Compress(key, between(c, func(r *record.Record) string {
				var out []string
				for _, f := range fields {
					out = append(out, column(f, r))
				}
				return strings.Join(out, ",")
			}))
		}
		return files
	}
}

func column(field string, r *record.Record) string {
	b64 := base64.StdEncoding.EncodeToString
	switch field {
	case "key":
		return b64(r.Key)
	case "value":
		return b64(r.Value)
	case "timestamp":
		return instant(r)
	case "offset":
		return strconv.FormatInt(r.Offset, 10)
	}
	out := ""
	for _, h := range r.Headers {
		out += b64([]byte(h.Key)) + ":" + b64(h.Value) + ";"
	}
	return out
}

func instant(r *record.Record) string {
	return time.UnixMilli(r.TimestampMs).UTC().Format("2006-01-02T15:04:05.999Z")
}

// AivenJSON writes all fields as JSON lines, or as one array.
func AivenJSON(array bool) Writer {
	return func(part int32, rs []record.Record, n int) map[string][]byte {
		files := map[string][]byte{}
		for _, c := range chunks(rs, n) {
			body := lines(c, func(r *record.Record) string {
				headers := []string{}
				for _, h := range r.Headers {
					headers = append(headers, fmt.Sprintf(`{"key":%s,"value":%s}`, text(h.Key), opaque(h.Value)))
				}
				return fmt.Sprintf(`{"key":%s,"value":%s,"timestamp":%q,"offset":%d,"headers":[%s]}`, opaque(r.Key), plain(r.Value), instant(r), r.Offset, strings.Join(headers, ","))
			})
			if array {
				body = []byte("[\n" + strings.ReplaceAll(strings.TrimSpace(string(body)), "\n", ",\n") + "\n]")
			}
			files[fmt.Sprintf("%s-%d-%d", Topic, part, c[0].Offset)] = body
		}
		return files
	}
}
