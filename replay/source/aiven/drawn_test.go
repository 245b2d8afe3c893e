package aiven_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/foreign"
	"backstitch/replay/foreign/drawntest"
	"backstitch/replay/record"
	"backstitch/replay/source/aiven"

	"pgregory.net/rapid"
)

// Archives of Aiven's connectors with records that are drawn, laid out by hand: separators stand between records, and none behind the last one.

var everyField = []string{"key", "value", "timestamp", "offset", "headers"}

// way is how objects hold records.
type way struct {
	cfg  aiven.Config
	ext  string
	part func(*rapid.T) (part []byte, text string)                 // a key or a value
	line func(r *record.Record, key, value, headers string) string // a record
	lay  func(lines []string) string                               // an object
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// column is a part as CSV has it. Of null and empty it can say only one.
func column(t *rapid.T) ([]byte, string) {
	b := drawntest.Bytes().Draw(t, "bytes")
	if len(b) == 0 {
		return nil, ""
	}
	return b, b64(b)
}

// node is a part as JSON has it.
func node(t *rapid.T) ([]byte, string) {
	switch rapid.IntRange(0, 2).Draw(t, "form") {
	case 0:
		return nil, "null"
	case 1:
		s := drawntest.Text().Draw(t, "text")
		return []byte(s), drawntest.Quoted(t, s)
	}
	s := drawntest.Object().Draw(t, "object")
	return []byte(s), s
}

func separated(lines []string) string { return strings.Join(lines, "\n") }

func envelope(r *record.Record, key, value, headers string) string {
	return fmt.Sprintf(`{"key":%s,"value":%s,"timestamp":%d,"offset":%d,"headers":%s}`, key, value, r.TimestampMs, r.Offset, headers)
}

var csvWay = way{
	cfg: config(foreign.CSV, everyField...), ext: ".gz", part: column, lay: separated,
	line: func(r *record.Record, key, value, headers string) string {
		return fmt.Sprintf("%s,%s,%s,%d,%s", key, value, time.UnixMilli(r.TimestampMs).UTC().Format("2006-01-02T15:04:05.999Z07:00"), r.Offset, headers)
	},
}

var ways = map[string]way{
	"csv":          csvWay,
	"lines":        {cfg: config(foreign.JSON, everyField...), part: node, lay: separated, line: envelope},
	"zipped lines": {cfg: config(foreign.JSON, everyField...), ext: ".gz", part: node, lay: separated, line: envelope},
	"array":        {cfg: config(foreign.Array, everyField...), part: node, line: envelope, lay: func(lines []string) string { return "[\n" + strings.Join(lines, ",\n") + "\n]" }},
}

// records draws records with holes between their offsets, and how w has each.
func (w *way) records(t *rapid.T) (rs []record.Record, lines []string) {
	at := rapid.Int64Range(0, 1<<40).Draw(t, "first offset")
	for range rapid.IntRange(1, 8).Draw(t, "records") {
		r := record.Record{Offset: at, TimestampMs: drawntest.Millis().Draw(t, "timestamp")}
		key, value := "", ""
		r.Key, key = w.part(t)
		r.Value, value = w.part(t)
		headers, list := "", []string{}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			h := record.Header{Key: drawntest.Text().Draw(t, "header")}
			text := ""
			h.Value, text = w.part(t)
			r.Headers = append(r.Headers, h)
			headers += b64([]byte(h.Key)) + ":" + text + ";"
			list = append(list, `{"key":`+drawntest.Quoted(t, h.Key)+`,"value":`+text+`}`)
		}
		if w.cfg.Format != foreign.CSV {
			headers = "[" + strings.Join(list, ",") + "]"
		}
		rs, lines = append(rs, r), append(lines, w.line(&r, key, value, headers))
		at += rapid.Int64Range(1, 3).Draw(t, "further")
	}
	return rs, lines
}

// objects lays records out, and returns the keys in order, beside the index of the first record of each.
func (w *way) objects(t *rapid.T, rs []record.Record, lines []string) (files drawntest.Files, keys []string, first []int) {
	files = drawntest.Files{}
	at := 0
	for _, n := range drawntest.Lengths(t, len(rs)) {
		key := fmt.Sprintf("lake/orders-3-%d%s", rs[at].Offset, w.ext)
		body := []byte(w.lay(lines[at : at+n]))
		if w.ext == ".gz" {
			body = drawntest.Gzip(t, body)
		}
		files[key] = body
		keys, first = append(keys, key), append(first, at)
		at += n
	}
	return files, keys, append(first, at)
}

func each(t *testing.T, f func(*rapid.T, way)) {
	for name, w := range ways {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { f(t, w) })
		})
	}
}

// TestRecordsDrawn: every part of a record comes back as it was.
func TestRecordsDrawn(t *testing.T) {
	each(t, func(t *rapid.T, w way) {
		rs, lines := w.records(t)
		files, _, _ := w.objects(t, rs, lines)
		a, err := aiven.New(files, w.cfg)
		back := drawntest.Read(t, a, err, 3)
		back.Whole(t, rs)
	})
}

// TestRecordsDrawnAndHurt: an object that is cut anywhere, or that has a bit of compressed bytes turned over, costs records of its own and no
// others; nothing comes back that was never there. What is lost has a name, unless lines end between two records: the connector writes
// nothing behind the last one, so an object of lines that nothing compresses can not be told from a shorter one there.
func TestRecordsDrawnAndHurt(t *testing.T) {
	each(t, func(t *rapid.T, w way) {
		rs, lines := w.records(t)
		files, keys, first := w.objects(t, rs, lines)
		i := rapid.IntRange(0, len(keys)-1).Draw(t, "object")
		body := bytes.Clone(files[keys[i]])
		n := rapid.IntRange(0, len(body)-1).Draw(t, "length")
		flip := w.ext == ".gz" && rapid.Bool().Draw(t, "flip")
		switch {
		case flip:
			drawntest.Flip(t, body, 0)
		case w.ext == "" && w.cfg.Format == foreign.JSON && (n == 0 || body[n-1] == '\n' || body[n] == '\n'):
			t.Skip("cut between two lines")
		default:
			body = body[:n]
		}
		files[keys[i]] = body
		a, err := aiven.New(files, w.cfg)
		back := drawntest.Read(t, a, err, 3)
		if flip && back.LooksCut() {
			return
		}
		back.Hurt(t, rs, func(o partition.Offset) bool { return rs[first[i]].Offset <= o && o <= rs[first[i+1]-1].Offset })
	})
}

// TestLinesThatSayTwoThings: a member that stands twice, text that is none, and base64 or a header that is put together otherwise than by a
// writer cost their record, by name.
func TestLinesThatSayTwoThings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := ways["lines"]
		if rapid.Bool().Draw(t, "csv") {
			w = csvWay
		}
		rs, lines := w.records(t)
		i := rapid.IntRange(0, len(rs)-1).Draw(t, "line")
		r := &rs[i]
		if w.cfg.Format == foreign.CSV {
			columns := strings.Split(lines[i], ",")
			switch rapid.IntRange(0, 2).Draw(t, "column") {
			case 0:
				columns[rapid.IntRange(0, 1).Draw(t, "part")] = rapid.SampledFrom([]string{"QR==", "QQ", "Q\rQ==", "QQ==" + "QQ==", "!", " "}).Draw(t, "base64")
			case 1:
				columns[2] = rapid.SampledFrom([]string{"null", "", "1.5", "+5", "2026-11-20T00:00:00.1234Z", "1795132800", "2026-11-20"}).Draw(t, "timestamp")
			default:
				columns[4] = rapid.SampledFrom([]string{"aA==", "aA==:dg==;aA==", ":::", "aA==:dg"}).Draw(t, "headers")
			}
			lines[i] = strings.Join(columns, ",")
		} else {
			head := `{"key":`
			lines[i] = strings.Replace(lines[i], head, rapid.SampledFrom([]string{
				`{"key":1,"key":`, `{"offset":7,"key":`, `{"timestamp":7,"key":`, `{"headers":[],"key":`, `{"value":null,"key":`, `{"key":"\udc00x","was":`, "{\"key\":\"\xff\",\"was\":",
			}).Draw(t, "head"), 1)
		}
		a, err := aiven.New(drawntest.Files{fmt.Sprintf("orders-3-%d", rs[0].Offset): []byte(separated(lines))}, w.cfg)
		back := drawntest.Read(t, a, err, 3)
		back.Hurt(t, rs, func(o partition.Offset) bool { return o == r.Offset })
		if len(back.Records) != len(rs)-1 {
			t.Fatalf("line %q came back as a record", lines[i])
		}
	})
}

// TestValuesDrawn: values alone, in the connector's default and as JSON. The last record of an object is one, also where its value was null.
func TestValuesDrawn(t *testing.T) {
	bare := config(foreign.JSON)
	bare.Bare = true
	for name, w := range map[string]way{
		"csv": {cfg: config(foreign.CSV), ext: ".gz", part: column},
		"json": {cfg: bare, part: func(t *rapid.T) ([]byte, string) {
			s := drawntest.JSON().Draw(t, "value")
			if s == "null" {
				return nil, s // it spells a null so
			}
			return []byte(s), s
		}},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w.lay = separated
				var rs []record.Record
				var lines []string
				for i := range rapid.Int64Range(1, 8).Draw(t, "records") {
					v, text := w.part(t)
					rs, lines = append(rs, record.Record{Offset: i, Value: v}), append(lines, text)
				}
				files, _, _ := w.objects(t, rs, lines)
				a, err := aiven.New(files, w.cfg)
				back := drawntest.Read(t, a, err, 3)
				back.Whole(t, rs)
			})
		})
	}
}
