package firehose

import (
	"bytes"
	"crypto/md5" // #nosec G501 -- aggregated records end with one; against accident
	"errors"
	"fmt"
	"io"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"google.golang.org/protobuf/encoding/protowire"
)

// Records of the Kinesis Producer Library, which puts many records of its users into one: four bytes, a message of Protobuf, and the MD5 of
// that. Firehose writes them as they are where it was not told to take them apart. A user's record is found exactly, whatever is in it. The
// trap is the end: a message does not say how long it is, and a checksum may go on like another field. So the end is where the checksum fits.

var aggregateMagic = []byte("\xf3\x89\x9a\xc2")

// aggregateMax is the longest record that Kinesis takes, and some.
const aggregateMax = 16 << 20

var (
	errShort    = errors.New("it ends in the middle")
	errChecksum = errors.New("no checksum fits what is before it")
)

// span is where a user's record lies in an aggregate.
type span struct{ from, to int }

// disaggregate finds the user's records of the aggregate that b begins with, and its length: errShort where there may be more of it, and
// errChecksum.
func disaggregate(b []byte) (users []span, length int, err error) {
	sum := md5.New() // #nosec G401 -- aggregated records end with one
	at := len(aggregateMagic)
	for {
		if len(b)-at < md5.Size {
			return nil, 0, errShort
		}
		if bytes.Equal(sum.Sum(nil), b[at:at+md5.Size]) {
			return users, at + md5.Size, nil
		}
		if at > aggregateMax {
			return nil, 0, errChecksum
		}
		num, typ, n := protowire.ConsumeTag(b[at:])
		if cut(n, b) {
			return nil, 0, errShort
		}
		if n < 0 || num < 1 || num > 3 || typ != protowire.BytesType {
			return nil, 0, errChecksum
		}
		body, k := protowire.ConsumeBytes(b[at+n:])
		if cut(k, b) {
			return nil, 0, errShort
		}
		if k < 0 {
			return nil, 0, errChecksum
		}
		if num == 3 {
			begin := at + n + k - len(body)
			user, err := data(body)
			if err != nil {
				return nil, 0, err
			}
			users = append(users, span{begin + user.from, begin + user.to})
		}
		sum.Write(b[at : at+n+k])
		at += n + k
	}
}

// First is the first record of the aggregate that head begins with, nil if there is none, or none that is whole.
func First(head []byte) []byte {
	if !bytes.HasPrefix(head, aggregateMagic) {
		return nil
	}
	users, _, err := disaggregate(head)
	if err != nil || len(users) == 0 {
		return nil
	}
	return head[users[0].from:users[0].to]
}

// cut reports whether a length says that more may come of b.
func cut(n int, b []byte) bool {
	return n < 0 && protowire.ParseError(n) == io.ErrUnexpectedEOF && len(b) < aggregateMax
}

// data is where the bytes of a user's record lie in its message, which must have them.
func data(b []byte) (out span, err error) {
	found := false
	for at := 0; at < len(b); {
		num, typ, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return out, errChecksum
		}
		k := protowire.ConsumeFieldValue(num, typ, b[at+n:])
		if k < 0 {
			return out, errChecksum
		}
		if num == 3 && typ == protowire.BytesType {
			body, _ := protowire.ConsumeBytes(b[at+n:])
			out, found = span{at + n + k - len(body), at + n + k}, true
		}
		at += n + k
	}
	if !found {
		return out, errChecksum
	}
	return out, nil
}

// aggregates splits records of which some may be aggregates. It is used by one decoder.
type aggregates struct {
	inner foreign.Split
	parse foreign.Parse
	users []span // of the aggregate that data is in, not yet returned
	at    int    // of data in it
	total int    // its length

	exact bool  // the last piece is a user's record
	after bool  // it was the last one of its aggregate
	bad   error // what is wrong with the last piece
}

// Split is a Split.
func (a *aggregates) Split(data []byte, atEnd bool) (int, []byte, error) {
	after := a.after
	a.exact, a.after, a.bad = false, false, nil
	switch {
	case len(a.users) > 0:
		return a.user(data)
	case after && data[0] == '\n':
		return 1, nil, nil // that ends the aggregate, where the stream was told to write one
	}
	if !bytes.HasPrefix(data, aggregateMagic[:min(len(data), len(aggregateMagic))]) {
		return a.plain(data, atEnd)
	}
	if len(data) < len(aggregateMagic) {
		if atEnd {
			return a.plain(data, atEnd)
		}
		return 0, nil, nil
	}
	users, length, err := disaggregate(data)
	switch {
	case err == errShort && !atEnd:
		return 0, nil, nil
	case err == nil && len(users) == 0:
		return length, nil, nil
	case err == nil:
		a.users, a.at, a.total = users, 0, length
		return a.user(data)
	}
	// How many records it held is not known. It takes one place, up to the next that begins as an aggregate does.
	a.bad = err
	next := bytes.Index(data[1:], aggregateMagic)
	switch {
	case next >= 0:
		return next + 1, data[:next+1], nil
	case atEnd:
		return len(data), data, nil
	}
	return 0, nil, nil
}

// user returns the next record of the aggregate. What it is asked for is there: all of an aggregate was, and lies in one piece.
func (a *aggregates) user(data []byte) (int, []byte, error) {
	u := a.users[0]
	a.users = a.users[1:]
	end := u.to
	if len(a.users) == 0 {
		end, a.after = a.total, true
	}
	from, to := u.from-a.at, u.to-a.at
	if end-a.at > len(data) {
		return 0, nil, errShort
	}
	n := end - a.at
	a.at, a.exact = end, true
	return n, data[from:to:to], nil
}

// plain splits what is no aggregate.
func (a *aggregates) plain(data []byte, atEnd bool) (int, []byte, error) {
	n, rec, err := a.inner(data, atEnd)
	if i := bytes.Index(data[:n], aggregateMagic); err == nil && i > 0 && i < len(rec) {
		a.bad = errors.New("nothing ends it, and an aggregate follows")
		return i, data[:i], nil
	}
	return n, rec, err
}

// Parse is a Parse.
func (a *aggregates) Parse(piece []byte, r *record.Record) error {
	switch {
	case a.bad != nil:
		return &foreign.Damage{Code: source.CodeAggregate, Record: true, Err: fmt.Errorf("%.20q... of %d bytes: %w; how many records it holds is not known", piece, len(piece), a.bad)}
	case a.exact:
		r.Value = piece
		return nil
	}
	return a.parse(piece, r)
}
