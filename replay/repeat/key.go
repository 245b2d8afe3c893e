package repeat

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"backstitch/replay/debezium"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/tree"

	"github.com/zeebo/xxh3"
)

// A key is hashed in a form in which two keys are equal only where each of their parts is: every part has its kind and length in front.
// So the text "1" is not the number 1, and "a" with "bc" is not "ab" with "c". Numbers are taken by their digits: 1, 1.0 and 10e-1 are
// one number, and 2^53 and its neighbour are two.

// part is one of the places whose contents make a key.
type part struct {
	text   spec.KeyPart
	kind   spec.KeyKind
	header string
	names  []string // into the value
}

func newPart(text spec.KeyPart) (part, error) {
	kind, name, names, err := text.Parse()
	return part{text: text, kind: kind, header: name, names: names}, err
}

// looks is what of a record it needs.
func (p *part) looks() record.Fields {
	switch p.kind {
	case spec.KeyOfRecord:
		return record.FieldKey
	case spec.KeyOfHeader:
		return record.FieldHeaders
	case spec.KeyOfDebezium:
		return record.FieldKey | record.FieldValue // rows that one statement has written can have one position
	}
	return record.FieldValue
}

// keys makes hashes of records. It is for one goroutine.
type keys struct {
	parts  []part
	parser tree.Parser
	doc    tree.Doc
	read   bool // the value at hand was parsed
	buf    []byte

	events debezium.Reader
	id     []byte
}

// hash is that of r's key, or why it has none.
func (k *keys) hash(r *record.Record) (hash [16]byte, why *source.Refusal) {
	k.buf, k.read = k.buf[:0], false
	for i := range k.parts {
		p := &k.parts[i]
		switch p.kind {
		case spec.KeyOfRecord:
			if r.Key == nil {
				return hash, refuse(source.CodeKeyAbsent, "the record has no key")
			}
			k.add('b', r.Key)
		case spec.KeyOfHeader:
			why = k.fromHeader(r, p)
		case spec.KeyOfDebezium:
			why = k.fromEvent(r)
		default:
			why = k.fromValue(r, p)
		}
		if why != nil {
			return hash, why
		}
	}
	return xxh3.Hash128(k.buf).Bytes(), nil
}

func (k *keys) add(kind byte, content []byte) {
	k.buf = binary.AppendUvarint(append(k.buf, kind), uint64(len(content)))
	k.buf = append(k.buf, content...)
}

// fromHeader takes the header of that name. Kafka lets a record have several, and clients differ in which of them they take.
func (k *keys) fromHeader(r *record.Record, p *part) *source.Refusal {
	found := -1
	for i := range r.Headers {
		if r.Headers[i].Key != p.header {
			continue
		}
		if found >= 0 {
			return refuse(source.CodeKeyTwice, "there are two headers %s", p.header)
		}
		found = i
	}
	if found < 0 || r.Headers[found].Value == nil {
		return refuse(source.CodeKeyAbsent, "%s is null or not there", p.text)
	}
	k.add('b', r.Headers[found].Value)
	return nil
}

// fromEvent takes what tells a change event of Debezium apart from all others.
func (k *keys) fromEvent(r *record.Record) *source.Refusal {
	if r.Value == nil {
		return refuse(source.CodeKeyAbsent, "the record has no value")
	}
	e, err := k.events.Event(r.Value)
	if errors.Is(err, tree.ErrNotJSON) || errors.Is(err, tree.ErrNotUTF8) {
		return &source.Refusal{Code: source.CodeKeyNotJSON, Err: fmt.Errorf("the value is %w", err)}
	}
	if err == nil {
		k.id, err = e.Identity(k.id[:0], r.Key)
	}
	if err != nil {
		return &source.Refusal{Code: source.CodeKeyChange, Err: err}
	}
	k.add('e', k.id)
	return nil
}

func (k *keys) fromValue(r *record.Record, p *part) *source.Refusal {
	if r.Value == nil {
		return refuse(source.CodeKeyAbsent, "the record has no value")
	}
	if !k.read {
		doc, err := k.parser.Parse(r.Value)
		if err != nil {
			return &source.Refusal{Code: source.CodeKeyNotJSON, Err: fmt.Errorf("the value is %w", err)}
		}
		k.doc, k.read = doc, true
	}
	v, there := tree.At(k.doc.Root, p.names)
	if !there {
		return refuse(source.CodeKeyAbsent, "%s is null or not there", p.text)
	}
	switch v := v.(type) {
	case nil:
		return refuse(source.CodeKeyAbsent, "%s is null or not there", p.text)
	case tree.Twice:
		return refuse(source.CodeKeyTwice, "on the way to %s there are two members of one name", p.text)
	case string:
		k.add('s', []byte(v))
	case bool:
		content := []byte{0}
		if v {
			content[0] = 1
		}
		k.add('t', content)
	case json.Number:
		d, ok := tree.ParseDecimal([]byte(v))
		if !ok {
			return refuse(source.CodeKeyKind, "%s is %.60s, which can not be compared", p.text, v)
		}
		sign := byte('+')
		if d.Negative {
			sign = '-'
		}
		k.add(sign, d.Digits)
		k.buf = binary.AppendVarint(k.buf, int64(d.Exp))
	default:
		return refuse(source.CodeKeyKind, "%s is of type %s, want a string, a number or a boolean", p.text, tree.Kind(v))
	}
	return nil
}

func refuse(code, format string, args ...any) *source.Refusal {
	return &source.Refusal{Code: code, Err: fmt.Errorf(format, args...)}
}

var errNoKey = errors.New("no key is named")
