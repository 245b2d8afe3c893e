package message

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"backstitch/replay/framed"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Schema is a .proto file with one of its messages, as a framed.Schema.
type Schema struct {
	whole framed.Text
	file  protoreflect.FileDescriptor
	// root is the message that values come out as, and examples are of. Which one a record has, its indexes say.
	root  protoreflect.MessageDescriptor
	index []byte // of root
	// In AWS Glue's frame (glue.go).
	places []protoreflect.MessageDescriptor
	glue   []byte // the place of root
}

const (
	fileName = "schema.proto" // what the file itself is called
	maxText  = 1 << 20        // bounds a schema with what it refers to, in bytes
)

var errNoMessages = errors.New("the schema has no message")

// Parse reads a schema. message names one of its messages, with the package or without; "" is the first.
func Parse(t framed.Text, message string) (*Schema, error) {
	texts, size := map[string]string{fileName: t.Schema}, len(t.Schema)
	for _, r := range t.References {
		if r.Name == fileName {
			return nil, fmt.Errorf("a reference may not be called %s", fileName)
		}
		texts[r.Name] = r.Schema
		size += len(r.Schema)
	}
	if size > maxText {
		return nil, fmt.Errorf("a schema of %d bytes, at most %d are read", size, maxText)
	}
	c := protocompile.Compiler{MaxParallelism: 1, Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: func(name string) (io.ReadCloser, error) {
			if text, ok := texts[name]; ok {
				return io.NopCloser(strings.NewReader(text)), nil
			}
			return nil, fmt.Errorf("%s is not among the schema's references", name)
		},
	})}
	found, err := c.Compile(context.Background(), fileName) // all is in memory: there is nothing to wait for
	if err != nil {
		return nil, err
	}
	s := &Schema{whole: t, file: found[0]}
	if message == "" {
		if s.file.Messages().Len() == 0 {
			return nil, errNoMessages
		}
		s.root = s.file.Messages().Get(0)
	} else if s.root = named(s.file.Messages(), message); s.root == nil {
		return nil, fmt.Errorf("the schema has no message %q", message)
	}
	s.index = appendIndex(nil, s.root)
	s.places = gluePlaces(s.file)
	s.glue = binary.AppendUvarint(nil, uint64(slices.Index(s.places, s.root)))
	return s, nil
}

// Root is the message that values come out as.
func (s *Schema) Root() protoreflect.MessageDescriptor { return s.root }

// Named is the message that the indexes in front of payload name, and what follows them.
func (s *Schema) Named(payload []byte) (protoreflect.MessageDescriptor, []byte, error) {
	return s.message(payload)
}

// Index is framed.Indexed's.
func (s *Schema) Index() []byte { return s.index }

// named is the message of that name, with its package or without.
func named(list protoreflect.MessageDescriptors, name string) protoreflect.MessageDescriptor {
	for i := range list.Len() {
		m := list.Get(i)
		if m.IsMapEntry() {
			continue
		}
		full := string(m.FullName())
		if full == name || strings.TrimPrefix(full, string(m.ParentFile().Package())+".") == name {
			return m
		}
		if inner := named(m.Messages(), name); inner != nil {
			return inner
		}
	}
	return nil
}

// Whole is framed.Schema's.
func (s *Schema) Whole() framed.Text { return s.whole }

// Equal reports whether two files say the same with all that they refer to.
func (s *Schema) Equal(o *Schema) bool { return equal(s.file, o.file) }

// equal reports whether two files say the same with all that they refer to; comments and blanks do not count.
func equal(a, b protoreflect.FileDescriptor) bool {
	if a == b {
		return true
	}
	if !proto.Equal(protodesc.ToFileDescriptorProto(a), protodesc.ToFileDescriptorProto(b)) {
		return false
	}
	for i := range a.Imports().Len() { // equal files import the same names
		if !equal(a.Imports().Get(i).FileDescriptor, b.Imports().Get(i).FileDescriptor) {
			return false
		}
	}
	return true
}

// appendIndex appends the indexes of m. The first message of a file has the short form.
func appendIndex(dst []byte, m protoreflect.MessageDescriptor) []byte {
	var path []int
	for d := protoreflect.Descriptor(m); ; d = d.Parent() {
		if _, is := d.(protoreflect.MessageDescriptor); !is {
			break
		}
		path = append(path, d.Index())
	}
	if len(path) == 1 && path[0] == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(len(path)))
	for i := len(path) - 1; i >= 0; i-- {
		dst = binary.AppendVarint(dst, int64(path[i]))
	}
	return dst
}

var errIndex = errors.New("what is in front of the message names none of its schema")

// message is the one that the indexes in front of payload name, and what follows them.
func (s *Schema) message(payload []byte) (protoreflect.MessageDescriptor, []byte, error) {
	n, size := binary.Varint(payload)
	if size <= 0 || n < 0 || n > maxDepth {
		return nil, nil, errIndex
	}
	payload = payload[size:]
	list := s.file.Messages()
	if n == 0 {
		if list.Len() == 0 {
			return nil, nil, errIndex
		}
		return list.Get(0), payload, nil
	}
	var m protoreflect.MessageDescriptor
	for ; n > 0; n-- {
		i, size := binary.Varint(payload)
		if size <= 0 || i < 0 || i >= int64(list.Len()) {
			return nil, nil, errIndex
		}
		payload, m = payload[size:], list.Get(int(i))
		if m.IsMapEntry() {
			return nil, nil, errIndex
		}
		list = m.Messages()
	}
	return m, payload, nil
}
