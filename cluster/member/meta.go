package member

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"unicode/utf8"
)

// Meta is what a node says of itself. It travels in each of its alive messages.
type Meta struct {
	Cluster  string // cluster id, "" while the node has none
	ID       string // node id
	Name     string
	Instance [16]byte
	RPCAddr  string // host:port
	APIAddr  string // host:port
	Role     uint8  // fsm.MemberRole
	Zone     string
	Version  string // of the program
	MaxOp    uint16 // highest op that the program can apply
	Load     uint16 // slices that it works on
	Expect   uint8  // voters that it wants to make a cluster with, 0 if it only joins
}

// MaxMetaBytes is what memberlist has room for.
const MaxMetaBytes = 512

// metaFormat is the first byte. A program that finds another one does not understand the node and ignores it.
const metaFormat = 1

// ErrMeta says that metadata can not be understood.
var ErrMeta = errors.New("node metadata")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode returns m as format byte, fields in the order of the struct with one length byte before each text, and CRC32C.
// It fails when a text is longer than 255 bytes or all together are longer than MaxMetaBytes.
func (m Meta) Encode() ([]byte, error) {
	b := []byte{metaFormat}
	for _, s := range m.texts() {
		if len(*s) > 255 {
			return nil, fmt.Errorf("%w: %q is longer than 255 bytes", ErrMeta, *s)
		}
		b = append(b, byte(len(*s)))
		b = append(b, *s...)
	}
	b = append(b, m.Instance[:]...)
	b = append(b, m.Role, m.Expect)
	b = binary.BigEndian.AppendUint16(b, m.MaxOp)
	b = binary.BigEndian.AppendUint16(b, m.Load)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if len(b) > MaxMetaBytes {
		return nil, fmt.Errorf("%w: %d bytes, want at most %d: shorten name, zone, version or addresses", ErrMeta, len(b), MaxMetaBytes)
	}
	return b, nil
}

// DecodeMeta reads what Encode wrote, and nothing else: one byte more or less is an error, and so is text that is not UTF-8.
func DecodeMeta(b []byte) (Meta, error) {
	var m Meta
	if len(b) < 5 || len(b) > MaxMetaBytes {
		return Meta{}, fmt.Errorf("%w: %d bytes", ErrMeta, len(b))
	}
	if b[0] != metaFormat {
		return Meta{}, fmt.Errorf("%w: format %d, want %d", ErrMeta, b[0], metaFormat)
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return Meta{}, fmt.Errorf("%w: checksum does not match", ErrMeta)
	}
	rest := body[1:]
	for _, s := range m.texts() {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return Meta{}, fmt.Errorf("%w: cut short", ErrMeta)
		}
		text := rest[1 : 1+int(rest[0])]
		if !utf8.Valid(text) {
			return Meta{}, fmt.Errorf("%w: text is not UTF-8", ErrMeta)
		}
		*s, rest = string(text), rest[1+len(text):]
	}
	if len(rest) != 16+2+2+2 {
		return Meta{}, fmt.Errorf("%w: %d bytes after the texts, want 22", ErrMeta, len(rest))
	}
	copy(m.Instance[:], rest)
	m.Role, m.Expect = rest[16], rest[17]
	m.MaxOp, m.Load = binary.BigEndian.Uint16(rest[18:]), binary.BigEndian.Uint16(rest[20:])
	if m.ID == "" || m.RPCAddr == "" {
		return Meta{}, fmt.Errorf("%w: no node id or no address", ErrMeta)
	}
	return m, nil
}

func (m *Meta) texts() []*string {
	return []*string{&m.Cluster, &m.ID, &m.Name, &m.RPCAddr, &m.APIAddr, &m.Zone, &m.Version}
}
