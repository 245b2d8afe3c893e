package firehose_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"backstitch/replay/foreign"
	"backstitch/replay/foreign/drawntest"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/source/firehose"

	"pgregory.net/rapid"
)

// Archives of Firehose with records that are drawn, laid out by hand, and those that the Kinesis Producer Library puts together.

// field is one of a message of Protobuf: bytes under a number.
func field(dst []byte, number byte, b []byte) []byte {
	return append(binary.AppendUvarint(append(dst, number<<3|2), uint64(len(b))), b...)
}

// aggregate is records as the library puts them together, with the tables of keys, and with tags where they are drawn.
func aggregate(t *rapid.T, values [][]byte) []byte {
	var message []byte
	keys := rapid.IntRange(1, 3).Draw(t, "partition keys")
	for i := range keys {
		message = field(message, 1, fmt.Append(nil, "key ", i))
	}
	hashes := rapid.IntRange(0, 2).Draw(t, "hash keys")
	for range hashes {
		message = field(message, 2, []byte(fmt.Sprint(rapid.Uint64().Draw(t, "hash key"))))
	}
	for _, v := range values {
		user := binary.AppendUvarint([]byte{1 << 3}, uint64(rapid.IntRange(0, keys-1).Draw(t, "partition key")))
		if hashes > 0 {
			user = binary.AppendUvarint(append(user, 2<<3), uint64(rapid.IntRange(0, hashes-1).Draw(t, "hash key")))
		}
		user = field(user, 3, v)
		for range rapid.IntRange(0, 1).Draw(t, "tags") {
			user = field(user, 4, field(nil, 1, []byte("tag")))
		}
		message = field(message, 3, user)
	}
	sum := md5.Sum(message)
	return append(append(bytes.Clone(magic), message...), sum[:]...)
}

// magic is what an aggregate begins with.
var magic = []byte("\xf3\x89\x9a\xc2")

// put is what a producer put into the stream: a record as it is, or one of the library's.
type put struct {
	body   []byte
	values [][]byte
	whole  bool // an aggregate
}

// puts draws records of which some are aggregates. value is one that stands alone.
func puts(t *rapid.T, value *rapid.Generator[[]byte]) (out []put) {
	for range rapid.IntRange(1, 6).Draw(t, "puts") {
		if rapid.Bool().Draw(t, "aggregate") {
			vs := rapid.SliceOfN(drawntest.Bytes(), 1, 5).Draw(t, "records of users")
			out = append(out, put{aggregate(t, vs), vs, true})
			continue
		}
		v := value.Draw(t, "record")
		out = append(out, put{v, [][]byte{v}, false})
	}
	return out
}

// spaced puts line breaks behind records where the stream was told to.
func spaced(ps []put, breaks bool) []byte {
	var out []byte
	for _, p := range ps {
		out = append(out, p.body...)
		if breaks {
			out = append(out, '\n')
		}
	}
	return out
}

func recordsOf(ps []put) (rs []record.Record) {
	for _, p := range ps {
		for _, v := range p.values {
			rs = append(rs, record.Record{Offset: int64(len(rs)), Value: v})
		}
	}
	return rs
}

// objects cuts what was put into objects, one second after the other.
func objects(t *rapid.T, ps []put, breaks bool) (files drawntest.Files, keys []string, of [][]put) {
	files = drawntest.Files{}
	ext := rapid.SampledFrom([]string{"", ".gz"}).Draw(t, "ending")
	for _, n := range drawntest.Lengths(t, len(ps)) {
		key := foreigntest.FirehoseKey(time.Date(2026, 11, 20, 10, 0, len(keys), 0, time.UTC), len(keys)) + ext
		body := spaced(ps[:n], breaks)
		if ext == ".gz" {
			body = drawntest.Gzip(t, body)
		}
		files[key] = body
		keys, of = append(keys, key), append(of, ps[:n])
		ps = ps[n:]
	}
	return files, keys, of
}

func drawnConfig(f foreign.Format) firehose.Config {
	cfg := firehose.DefaultConfig("orders")
	cfg.Format = f
	return cfg
}

// object is an object of JSON, as what stands alone in a stream without line breaks has to be: of two numbers nobody can tell.
func object() *rapid.Generator[[]byte] {
	return rapid.Map(drawntest.Object(), func(s string) []byte { return []byte(s) })
}

// line is what stands in a line: any bytes without a line break that do not begin as an aggregate does.
func line() *rapid.Generator[[]byte] {
	return rapid.Map(drawntest.Bytes(), func(b []byte) []byte {
		return append([]byte{}, bytes.ReplaceAll(bytes.ReplaceAll(b, []byte{'\n'}, nil), magic, nil)...) // never nil: an empty line is no null
	})
}

// TestStreamsDrawn: JSON with and without line breaks comes back as it was put, and so does each record of a user.
func TestStreamsDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := puts(t, object())
		files, _, _ := objects(t, ps, rapid.Bool().Draw(t, "line breaks"))
		a, err := firehose.New(files, drawnConfig(foreign.Concat))
		back := drawntest.Read(t, a, err, 0)
		back.Whole(t, recordsOf(ps))
	})
}

// TestLinesDrawn is TestStreamsDrawn for lines of any bytes.
func TestLinesDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := puts(t, line())
		files, _, _ := objects(t, ps, true)
		a, err := firehose.New(files, drawnConfig(foreign.Bytes))
		back := drawntest.Read(t, a, err, 0)
		back.Whole(t, recordsOf(ps))
	})
}

// TestStreamsDrawnAndHurt: an object that is cut, an aggregate of which a bit is turned over and compressed bytes of which one is cost records of
// their own, by name; nothing comes back that was never put. An object that is cut between two records is a shorter one, and nothing can tell.
func TestStreamsDrawnAndHurt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := puts(t, object())
		files, keys, of := objects(t, ps, rapid.Bool().Draw(t, "line breaks"))
		i := rapid.IntRange(0, len(keys)-1).Draw(t, "object")
		body := bytes.Clone(files[keys[i]])
		zipped := strings.HasSuffix(keys[i], ".gz")
		flip := zipped && rapid.Bool().Draw(t, "flip")
		if flip {
			drawntest.Flip(t, body, 0)
		} else {
			body = body[:rapid.IntRange(0, len(body)-1).Draw(t, "length")]
		}
		files[keys[i]] = body
		most, between := 0, len(body) == 0
		for k, p := range of[i] {
			most += len(p.values)
			between = between || bytes.Equal(body, spaced(of[i][:k+1], false)) || bytes.Equal(body, spaced(of[i][:k+1], true)) ||
				bytes.Equal(body, append(spaced(of[i][:k], true), p.body...))
		}
		if !zipped && between {
			t.Skip("cut between two records")
		}
		a, err := firehose.New(files, drawnConfig(foreign.Concat))
		back := drawntest.Read(t, a, err, 0)
		if flip && back.LooksCut() {
			return
		}
		back.Subsequence(t, recordsOf(ps), most)
	})
}

// TestAggregatesDrawnAndHurt: whichever bit of an aggregate is turned over, none of its records comes back, and all others do.
func TestAggregatesDrawnAndHurt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := puts(t, object())
		hurt := put{}
		for i := range ps {
			if ps[i].whole {
				hurt = ps[i]
				ps[i].body = bytes.Clone(hurt.body)
				drawntest.Flip(t, ps[i].body, 4) // behind what says that it is one
				ps[i].values = nil
				break
			}
		}
		if !hurt.whole {
			t.Skip("no aggregate was drawn")
		}
		files, _, _ := objects(t, ps, rapid.Bool().Draw(t, "line breaks"))
		a, err := firehose.New(files, drawnConfig(foreign.Concat))
		back := drawntest.Read(t, a, err, 0)
		// What stands alone behind it belongs to nobody that is known, up to the next that begins as an aggregate does.
		back.Subsequence(t, recordsOf(ps), len(ps))
		for _, d := range back.Damaged {
			if d.Code == source.CodeAggregate {
				return
			}
		}
		t.Fatalf("an aggregate with a bit turned over is not named: %v", back.Damaged)
	})
}

// TestWhatIsNoJSONIsNotTakenApart: records that begin with what a registry's clients put in front of a payload are no JSON. The payload may be, and
// is not taken for a record.
func TestWhatIsNoJSONIsNotTakenApart(t *testing.T) {
	framed := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) []byte {
			return append(binary.BigEndian.AppendUint32([]byte{0}, rapid.Uint32Range(0, 40).Draw(t, "schema")), drawntest.Object().Draw(t, "payload")...)
		}),
		rapid.Custom(func(t *rapid.T) []byte {
			return append(append([]byte{3, 0}, bytes.Repeat([]byte{rapid.ByteRange(1, 7).Draw(t, "version")}, 16)...), drawntest.Object().Draw(t, "payload")...)
		}),
		rapid.Map(drawntest.Object(), func(s string) []byte { return []byte("nonsense" + s) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		var ps []put
		odd := 0
		for range rapid.IntRange(1, 6).Draw(t, "puts") {
			if rapid.Bool().Draw(t, "framed") {
				v := framed.Draw(t, "record")
				if bytes.ContainsRune(v, '\n') {
					t.Skip("a line break in a frame")
				}
				ps = append(ps, put{body: v})
				odd++
				continue
			}
			v := object().Draw(t, "record")
			ps = append(ps, put{v, [][]byte{v}, false})
		}
		breaks := rapid.Bool().Draw(t, "line breaks")
		files, _, _ := objects(t, ps, breaks)
		a, err := firehose.New(files, drawnConfig(foreign.Concat))
		back := drawntest.Read(t, a, err, 0)
		most := len(ps)
		if breaks || odd == 0 {
			most = 0
		}
		back.Subsequence(t, recordsOf(ps), most)
		if odd > 0 && len(back.Damaged) == 0 {
			t.Fatal("records that are no JSON are not named")
		}
	})
}

// TestUndeliveredDrawn: what could not be delivered comes back from the lines that say so, whatever bytes it was. A line that says two things is
// named.
func TestUndeliveredDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rs []record.Record
		body := ""
		odd := false
		for i := range rapid.Int64Range(1, 6).Draw(t, "records") {
			v := rapid.Map(drawntest.Bytes(), func(b []byte) []byte { return append([]byte{}, bytes.ReplaceAll(b, magic, nil)...) }).Draw(t, "record")
			raw := `"rawData":"` + base64.StdEncoding.EncodeToString(v) + `"`
			if rapid.IntRange(0, 5).Draw(t, "twice") == 0 {
				raw, odd = raw+rapid.SampledFrom([]string{`,"rawData":"QQ=="`, `,"rawData":null`}).Draw(t, "again"), true
			} else {
				rs = append(rs, record.Record{Offset: i, Value: v})
			}
			body += fmt.Sprintf(`{"attemptsMade":3,"arrivalTimestamp":1795132800123,"errorCode":"Lambda.X","RAWDATA":"QQ==",%s,"attemptEndingTimestamp":1795132800123}`, raw) + "\n"
		}
		a, err := firehose.New(drawntest.Files{"processing-failed/" + foreigntest.FirehoseKey(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), 0): []byte(body)}, drawnConfig(foreign.Concat))
		back := drawntest.Read(t, a, err, 0)
		if !odd {
			back.Whole(t, rs)
			return
		}
		back.Subsequence(t, rs, 0)
		if len(back.Damaged) == 0 {
			t.Fatal("a line that says two things is not named")
		}
	})
}
