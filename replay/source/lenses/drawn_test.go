package lenses_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/foreign/drawntest"
	"backstitch/replay/record"
	"backstitch/replay/source/lenses"

	"pgregory.net/rapid"
)

// Archives of Lenses with records that are drawn, laid out by hand as the connector's documentation has them.

// opaque draws a key or a value, and returns how a line has it and what follows behind the line's other members.
func opaque(t *rapid.T, flag string) (part []byte, text, more string) {
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		return nil, "null", ""
	case 1:
		s := drawntest.Text().Draw(t, "text")
		return []byte(s), drawntest.Quoted(t, s), ""
	case 2:
		part = drawntest.Bytes().Draw(t, "bytes")
		return part, `"` + base64.StdEncoding.EncodeToString(part) + `"`, `,"` + flag + `":true`
	}
	s := drawntest.Object().Draw(t, "object")
	return []byte(s), s, ""
}

// envelopes draws records with holes between their offsets, and the line of each.
func envelopes(t *rapid.T) (rs []record.Record, lines []string) {
	at := rapid.Int64Range(0, 1<<40).Draw(t, "first offset")
	for range rapid.IntRange(1, 8).Draw(t, "records") {
		r := record.Record{Offset: at, TimestampMs: drawntest.Millis().Draw(t, "timestamp")}
		key, value, headers, more := "", "", "{", ""
		r.Key, key, more = opaque(t, "keyIsArray")
		flag := ""
		r.Value, value, flag = opaque(t, "valueIsArray")
		for i := range rapid.IntRange(0, 3).Draw(t, "headers") {
			h := record.Header{Key: drawntest.Text().Draw(t, "header")}
			text := "null"
			if rapid.Bool().Draw(t, "said") {
				s := drawntest.Text().Draw(t, "header's value")
				h.Value, text = []byte(s), drawntest.Quoted(t, s)
			}
			headers += strings.Repeat(",", min(i, 1)) + drawntest.Quoted(t, h.Key) + ":" + text
			r.Headers = append(r.Headers, h)
		}
		rs = append(rs, r)
		lines = append(lines, fmt.Sprintf(`{"key":%s,"value":%s,"headers":%s},"metadata":{"timestamp":%d,"topic":"orders","partition":3,"offset":%d}%s%s}`,
			key, value, headers, r.TimestampMs, at, more, flag))
		at += rapid.Int64Range(1, 3).Draw(t, "further")
	}
	return rs, lines
}

// objects puts lines into objects, and returns their keys in order, beside the index of the first record of each.
func objects(t *rapid.T, rs []record.Record, lines []string) (files drawntest.Files, keys []string, first []int) {
	files = drawntest.Files{}
	ext := rapid.SampledFrom([]string{".json", ".json.gz"}).Draw(t, "ending")
	plain := rapid.Bool().Draw(t, "default names")
	at := 0
	for _, n := range drawntest.Lengths(t, len(rs)) {
		last := rs[at+n-1]
		key := fmt.Sprintf("k=v/orders(3_%012d)%s", last.Offset, ext)
		if plain {
			key = fmt.Sprintf("lake/orders/3/%012d_%d_%d%s", last.Offset, max(rs[at].TimestampMs, 0), max(last.TimestampMs, 0), ext)
		}
		body := []byte(strings.Join(lines[at:at+n], "\n") + "\n")
		if strings.HasSuffix(ext, ".gz") {
			body = drawntest.Gzip(t, body)
		}
		files[key] = body
		keys, first = append(keys, key), append(first, at)
		at += n
	}
	return files, keys, append(first, at)
}

func drawnConfig(envelope bool) lenses.Config {
	cfg := lenses.DefaultConfig("orders")
	cfg.Envelope = envelope
	return cfg
}

// within reports whether an offset is that of a record of object i, or lies between two of them.
func within(rs []record.Record, first []int, i int) func(partition.Offset) bool {
	return func(o partition.Offset) bool { return rs[first[i]].Offset <= o && o <= rs[first[i+1]-1].Offset }
}

// TestEnvelopesDrawn: every part of a record comes back as it was.
func TestEnvelopesDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs, lines := envelopes(t)
		files, _, _ := objects(t, rs, lines)
		a, err := lenses.New(files, drawnConfig(true))
		back := drawntest.Read(t, a, err, 3)
		back.Whole(t, rs)
	})
}

// TestEnvelopesDrawnAndHurt: an object that is cut anywhere, or that has a bit of compressed bytes turned over, costs records of its own and no
// others, by name; nothing comes back that was never there.
func TestEnvelopesDrawnAndHurt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs, lines := envelopes(t)
		files, keys, first := objects(t, rs, lines)
		i := rapid.IntRange(0, len(keys)-1).Draw(t, "object")
		body := bytes.Clone(files[keys[i]])
		flip := strings.HasSuffix(keys[i], ".gz") && rapid.Bool().Draw(t, "flip")
		if flip {
			drawntest.Flip(t, body, 0)
		} else {
			body = body[:rapid.IntRange(0, len(body)-1).Draw(t, "length")]
		}
		files[keys[i]] = body
		a, err := lenses.New(files, drawnConfig(true))
		back := drawntest.Read(t, a, err, 3)
		if flip && back.LooksCut() {
			return
		}
		back.Hurt(t, rs, within(rs, first, i))
	})
}

// TestLinesThatSayTwoThings: a member that stands twice, text that is none and a number that is no offset cost their record, by name. Readers
// that take the last member, or put a mark in place of what is no text, would change it without a word.
func TestLinesThatSayTwoThings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs, lines := envelopes(t)
		i := rapid.IntRange(0, len(rs)-1).Draw(t, "line")
		key, value, headers, more := `"k"`, `{"n":1}`, `{"h":"1"}`, ""
		timestamp, about := fmt.Sprint(rs[i].TimestampMs), fmt.Sprintf(`"topic":"orders","partition":3,"offset":%d`, rs[i].Offset)
		text := rapid.SampledFrom([]string{`"\ud800"`, `"a\udc00"`, "\"a\xffb\"", "\"\xc3\""})
		switch rapid.IntRange(0, 6).Draw(t, "what") {
		case 0:
			more = rapid.SampledFrom([]string{`,"key":null`, `,"value":"other"`, `,"headers":{}`, `,"keyIsArray":false,"keyIsArray":false`, `,"\u006bey":1`}).Draw(t, "again")
		case 1:
			about += rapid.SampledFrom([]string{`,"offset":7`, `,"timestamp":5`, `,"partition":3`, `,"topic":"orders"`}).Draw(t, "again")
		case 2:
			key = text.Draw(t, "key")
		case 3:
			value = text.Draw(t, "value")
		case 4:
			headers = "{" + text.Draw(t, "header") + `:"1"}`
		case 5:
			timestamp = rapid.SampledFrom([]string{`"null"`, "1.5", "1e3", `"2026-11-20T00:00:00.1234Z"`, "1795132800", `"+5"`}).Draw(t, "time")
		case 6:
			value, more = `"`+rapid.SampledFrom([]string{"QR==", "QQ", `QQ=\n=`, "Q!=="}).Draw(t, "base64")+`"`, `,"valueIsArray":true`
		}
		line := fmt.Sprintf(`{"key":%s,"value":%s,"headers":%s,"metadata":{"timestamp":%s,%s}%s}`, key, value, headers, timestamp, about, more)
		lines[i] = line
		a, err := lenses.New(drawntest.Files{fmt.Sprintf("orders/3/%012d.json", rs[len(rs)-1].Offset): []byte(strings.Join(lines, "\n") + "\n")}, drawnConfig(true))
		back := drawntest.Read(t, a, err, 3)
		back.Hurt(t, rs, func(o partition.Offset) bool { return o == rs[i].Offset })
		if len(back.Records) != len(rs)-1 {
			t.Fatalf("line %s came back as a record", line)
		}
	})
}

// TestMembersOfOtherSpelling: names count as they are spelt. A member KEY is not the key.
func TestMembersOfOtherSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs, lines := envelopes(t)
		for i := range lines {
			lines[i] = strings.TrimSuffix(lines[i], "}") + rapid.SampledFrom([]string{`,"KEY":"x"}`, `,"Value":1}`, `,"Metadata":null}`, `,"keyisarray":true}`, `,"more":{"key":1,"key":2}}`}).Draw(t, "member")
		}
		files, _, _ := objects(t, rs, lines)
		a, err := lenses.New(files, drawnConfig(true))
		back := drawntest.Read(t, a, err, 3)
		back.Whole(t, rs)
	})
}

// values draws records with nothing but values, at offsets without holes.
func values(t *rapid.T, value *rapid.Generator[string]) (rs []record.Record, lines []string) {
	at := rapid.Int64Range(0, 1<<40).Draw(t, "first offset")
	for range rapid.IntRange(1, 8).Draw(t, "records") {
		v := value.Draw(t, "value")
		rs, lines = append(rs, record.Record{Offset: at, Value: []byte(v)}), append(lines, v)
		at++
	}
	return rs, lines
}

// TestValuesDrawn: a value comes back with the bytes that stand in its line, blanks and members that stand twice among them.
func TestValuesDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs, lines := values(t, drawntest.JSON())
		files, _, _ := objects(t, rs, lines)
		a, err := lenses.New(files, drawnConfig(false))
		back := drawntest.Read(t, a, err, 3)
		back.Whole(t, rs)
	})
}

// TestValuesDrawnAndCut: a value that is cut does not come back, though it begins and ends like one. An object that is cut between two
// lines can not be told from a shorter one, so none is here.
func TestValuesDrawnAndCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs, lines := values(t, drawntest.Object())
		files, keys, first := objects(t, rs, lines)
		i := rapid.IntRange(0, len(keys)-1).Draw(t, "object")
		body := files[keys[i]]
		n := rapid.IntRange(0, len(body)-1).Draw(t, "length")
		if !strings.HasSuffix(keys[i], ".gz") && (n == 0 || body[n-1] == '\n' || body[n] == '\n') {
			t.Skip("cut between two lines")
		}
		files[keys[i]] = body[:n]
		a, err := lenses.New(files, drawnConfig(false))
		back := drawntest.Read(t, a, err, 3)
		back.Subsequence(t, rs, first[i+1]-first[i]) // of an object that is cut, nothing tells the first offset
		if len(back.Damaged) == 0 {
			t.Fatalf("%q is cut to %d of %d bytes without a word", keys[i], n, len(body))
		}
	})
}

// TestSingleValuesDrawn: an object of bytes is the value that it was, whatever bytes those are. An empty one is named.
func TestSingleValuesDrawn(t *testing.T) {
	cfg := drawnConfig(false)
	cfg.Single = true
	rapid.Check(t, func(t *rapid.T) {
		var rs []record.Record
		empty := map[partition.Offset]bool{}
		files := drawntest.Files{}
		for range rapid.IntRange(1, 6).Draw(t, "records") {
			at := partition.Offset(len(files))
			v := drawntest.Bytes().Draw(t, "value")
			files[fmt.Sprintf("orders/3/%012d_5_5.bytes", at)] = v
			rs = append(rs, record.Record{Offset: at, Value: v})
			empty[at] = len(v) == 0
		}
		a, err := lenses.New(files, cfg)
		back := drawntest.Read(t, a, err, 3)
		back.Hurt(t, rs, func(o partition.Offset) bool { return empty[o] })
		for _, r := range back.Records {
			if empty[r.Offset] {
				t.Fatalf("%d was null or of no bytes, and came back as %q", r.Offset, r.Value)
			}
		}
	})
}
