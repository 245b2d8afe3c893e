package foreign

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Members reads the members of JSON objects that hold a record. Names count as they are spelt: a member KEY beside the member key is another
// one. The trap is a member that stands twice: readers of JSON take the last one without a word, and nobody can tell which of the two was
// the record's. It is for one goroutine.
type Members struct {
	names []string
	parts [][]byte
	dec   *jsontext.Decoder
	in    bytes.Buffer
}

// NewMembers makes a reader of the members of some names.
func NewMembers(names ...string) *Members {
	return &Members{names: names, parts: make([][]byte, len(names))}
}

// What is inside of a member is the record's own, and not looked at.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// Read returns the members of the object that text is, in the order of the names, as they stand in text: nil for one that is not there. They
// are good until the next Read and lie in text. Other members are passed over.
func (m *Members) Read(text []byte) ([][]byte, error) {
	m.in = *bytes.NewBuffer(text)
	if m.dec == nil {
		m.dec = jsontext.NewDecoder(&m.in, lenient...)
	} else {
		m.dec.Reset(&m.in, lenient...)
	}
	clear(m.parts)
	if t, err := m.dec.ReadToken(); err != nil || t.Kind() != '{' {
		return nil, orElse(err, "it is no object")
	}
	for m.dec.PeekKind() != '}' {
		t, err := m.dec.ReadToken()
		if err != nil {
			return nil, whole(err)
		}
		i := slices.Index(m.names, t.String())
		raw, err := m.dec.ReadValue()
		switch {
		case err != nil:
			return nil, whole(err)
		case i < 0:
		case m.parts[i] != nil:
			return nil, fmt.Errorf("two members are called %s, and nothing tells which one counts", m.names[i])
		default:
			m.parts[i] = raw[:len(raw):len(raw)]
		}
	}
	if _, err := m.dec.ReadToken(); err != nil {
		return nil, whole(err)
	}
	if _, err := m.dec.ReadToken(); err != io.EOF {
		return nil, orElse(err, "there is more behind the object")
	}
	return m.parts, nil
}

// whole is err of a text that ends too early.
func whole(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func orElse(err error, what string) error {
	if err == nil {
		return errors.New(what)
	}
	return whole(err)
}
