package message

import (
	"cmp"
	"encoding/binary"
	"slices"

	"backstitch/replay/framed"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// In AWS Glue's frame a message begins with one number, as an unsigned varint: its place among all messages of the file, those inside others
// too, in the order of their full names. What stands for the entries of a map is such a message and takes a place. So a message that is
// added moves others, and a number means nothing without the version of the schema.

var _ framed.Glued = (*Schema)(nil)

// gluePlaces are the messages of a file by that number.
func gluePlaces(f protoreflect.FileDescriptor) []protoreflect.MessageDescriptor {
	var all []protoreflect.MessageDescriptor
	for lists := []protoreflect.MessageDescriptors{f.Messages()}; len(lists) > 0; lists = lists[1:] {
		for i := range lists[0].Len() {
			m := lists[0].Get(i)
			all = append(all, m)
			lists = append(lists, m.Messages())
		}
	}
	slices.SortFunc(all, func(a, b protoreflect.MessageDescriptor) int { return cmp.Compare(a.FullName(), b.FullName()) })
	return all
}

// GlueIndex is framed.Glued's.
func (s *Schema) GlueIndex() []byte { return s.glue }

// Unglue is framed.Glued's.
func (s *Schema) Unglue(payload []byte) (index []byte, n int, err error) {
	place, n := binary.Uvarint(payload)
	// A place that is longer than it has to be is one that no client writes.
	if n <= 0 || place >= uint64(len(s.places)) || n > 1 && payload[n-1] == 0 { // #nosec G602 -- Uvarint read n of these bytes
		return nil, 0, errIndex
	}
	m := s.places[place]
	if m.IsMapEntry() {
		return nil, 0, errIndex
	}
	return appendIndex(nil, m), n, nil
}
