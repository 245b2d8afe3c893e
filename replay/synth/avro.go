package synth

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"

	"backstitch/replay/ocf"

	"github.com/twmb/avro"
)

// Datums of Avro. They are walked over as they lie, by package ocf, which bounds the work; a datum that breaks off teaches nothing. The trap is a
// type that holds itself: what is made has to end, so below maxNested levels the branch that ends soonest is taken.

// avroSchema is a schema of Avro with its places.
type avroSchema struct {
	wire *ocf.Schema
	root *avroType
}

type avroType struct {
	kind      string // of the specification
	at        string
	wire      ocf.Type
	parts     []*avroType // fields, branches, or the one type of entries
	symbols   int
	size      int // of a fixed
	logical   string
	precision int
	height    int // levels that a datum of it has at least
}

const endless = 1 << 20 // a height that no datum has

func parseAvro(t Text) (*avroSchema, error) {
	parsed, err := avroTexts(t)
	if err != nil {
		parsed, err = avroTexts(t, avro.WithLaxNames(nil)) // names of Kafka Connect may have a dash
	}
	if err != nil {
		return nil, err
	}
	wire, err := ocf.Compile(parsed)
	if err != nil {
		return nil, err
	}
	b := avroBuilder{named: map[string]*avroType{}}
	node := parsed.Root()
	b.declare(node)
	root, err := b.build(node, "", "")
	if err != nil {
		return nil, err
	}
	linked := map[*avroType]bool{}
	linkAvro(root, wire.Root(), linked)
	for t := range linked {
		t.height = endless
	}
	for changed := true; changed; { // until nothing gets lower
		changed = false
		for t := range linked {
			if h := t.lowest(); h < t.height {
				t.height, changed = h, true
			}
		}
	}
	if root.height >= endless {
		return nil, errors.New("no datum of it has an end")
	}
	return &avroSchema{wire: wire, root: root}, nil
}

func avroTexts(t Text, opts ...avro.SchemaOpt) (*avro.Schema, error) {
	refers := t.before(nil)
	if len(refers) == 0 {
		return avro.Parse(t.Schema, opts...)
	}
	var cache avro.SchemaCache
	for _, r := range refers {
		if _, err := cache.Parse(r.Schema, opts...); err != nil {
			return nil, err
		}
	}
	return cache.Parse(t.Schema, opts...)
}

// avroBuilder makes of the library's tree, in which named types stand once, one with pointers.
type avroBuilder struct{ named map[string]*avroType }

func avroName(n *avro.SchemaNode) string {
	if strings.Contains(n.Name, ".") || n.Namespace == "" {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

func avroParts(n *avro.SchemaNode) []*avro.SchemaNode {
	var out []*avro.SchemaNode
	for i := range n.Fields {
		out = append(out, &n.Fields[i].Type)
	}
	for i := range n.Branches {
		out = append(out, &n.Branches[i])
	}
	if n.Items != nil {
		out = append(out, n.Items)
	}
	if n.Values != nil {
		out = append(out, n.Values)
	}
	return out
}

func avroNamed(kind string) bool {
	return kind == "record" || kind == "error" || kind == "enum" || kind == "fixed"
}

func (b *avroBuilder) declare(n *avro.SchemaNode) {
	if avroNamed(n.Type) {
		b.named[avroName(n)] = new(avroType)
	}
	for _, x := range avroParts(n) {
		b.declare(x)
	}
}

func (b *avroBuilder) build(n *avro.SchemaNode, space, at string) (*avroType, error) {
	switch n.Type {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string", "record", "error", "enum", "fixed", "array", "map", "union":
	default:
		if found := b.named[space+"."+n.Type]; found != nil && !strings.Contains(n.Type, ".") {
			return found, nil
		}
		if found := b.named[n.Type]; found != nil {
			return found, nil
		}
		return nil, fmt.Errorf("type %.80q is not known", n.Type)
	}
	t := new(avroType)
	if avroNamed(n.Type) {
		name := avroName(n)
		if space = ""; strings.Contains(name, ".") {
			space = name[:strings.LastIndexByte(name, '.')]
		}
		t, at = b.named[name], name
	}
	*t = avroType{kind: n.Type, at: at, symbols: len(n.Symbols), size: n.Size, logical: n.LogicalType, precision: n.Precision}
	below := func(i int) string {
		switch n.Type {
		case "union":
			return fmt.Sprintf("%s|%d", at, i)
		case "array":
			return at + "[]"
		case "map":
			return at + "{}"
		}
		return at + "." + n.Fields[i].Name
	}
	for i, x := range avroParts(n) {
		part, err := b.build(x, space, below(i))
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, part)
	}
	return t, nil
}

// linkAvro tells each type what it is on the wire. Both were made of one schema, so they have the same parts in the same order.
func linkAvro(t *avroType, w ocf.Type, linked map[*avroType]bool) {
	if linked[t] {
		return
	}
	linked[t], t.wire = true, w
	for i, p := range t.parts {
		linkAvro(p, w.Part(i), linked)
	}
}

func (t *avroType) lowest() int {
	switch t.kind {
	case "union":
		out := endless
		for _, p := range t.parts {
			out = min(out, p.height)
		}
		return out
	case "record", "error":
		out := 0
		for _, p := range t.parts {
			out = max(out, p.height)
		}
		return min(endless, out+1)
	}
	return 0
}

// learn is model's.
func (s *avroSchema) learn(p *places, payload []byte) error {
	whole := ocf.NewCursor(payload)
	if _, err := whole.Skip(s.wire.Root()); err != nil {
		return err
	}
	if whole.Left() > 0 {
		return errTrailing
	}
	c := ocf.NewCursor(payload)
	return s.root.learn(p, &c, 0)
}

func (t *avroType) learn(p *places, c *ocf.Cursor, depth int) error {
	switch t.kind {
	case "record", "error":
		for _, part := range t.parts {
			if err := part.learn(p, c, depth+1); err != nil {
				return err
			}
		}
		return nil
	case "union":
		i, err := c.Index(len(t.parts))
		if err != nil {
			return err
		}
		p.choose(t.at, i, len(t.parts))
		return t.parts[i].learn(p, c, depth+1)
	case "array", "map":
		return t.learnEntries(p, c, depth)
	case "enum":
		i, err := c.Index(t.symbols)
		if err == nil {
			p.choose(t.at, i, t.symbols)
		}
		return err
	case "int", "long":
		v, err := c.Long()
		if err == nil {
			p.whole(t.at, v)
		}
		return err
	case "string", "bytes":
		b, err := c.Bytes()
		switch {
		case err != nil:
		case t.logical == "decimal":
			p.decimal(t.at, b)
		case t.kind == "string":
			p.text(t.at, string(b))
		default:
			p.size(t.at, len(b))
		}
		return err
	}
	b, err := c.Skip(t.wire)
	switch {
	case err != nil:
	case t.kind == "boolean":
		p.choose(t.at, int(b[0]&1), 2)
	case t.kind == "float":
		p.floating(t.at, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	case t.kind == "double":
		p.floating(t.at, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	case t.kind == "fixed" && t.logical == "decimal":
		p.decimal(t.at, b)
	}
	return err
}

func (t *avroType) learnEntries(p *places, c *ocf.Cursor, depth int) error {
	total := 0
	for {
		n, err := c.Count()
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		for range n {
			if t.kind == "map" {
				key, err := c.Bytes()
				if err != nil {
					return err
				}
				count(&p.at(t.at).names, min(len(key), maxNameBytes))
			}
			if err := t.parts[0].learn(p, c, depth+1); err != nil {
				return err
			}
		}
		total += int(n)
	}
	p.size(t.at, total)
	return nil
}

// decimal learns a number of two's complement.
func (p *places) decimal(name string, b []byte) {
	v := unscaled(b)
	p.bits(name, v.BitLen(), v.Sign() < 0)
}

func unscaled(b []byte) *big.Int {
	v := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return v
}

// draw is model's.
func (s *avroSchema) draw(d *drawing) { s.root.draw(d) }

func (s *avroSchema) index(bool) []byte { return nil }

func (t *avroType) draw(d *drawing) {
	d.depth++
	defer func() { d.depth-- }()
	switch t.kind {
	case "record", "error":
		for _, p := range t.parts {
			p.draw(d)
		}
	case "union":
		low := endless
		for _, p := range t.parts {
			low = min(low, p.height)
		}
		i := d.choose(t.at, len(t.parts), func(i int) bool {
			return t.parts[i].height < endless && (d.depth <= maxNested || t.parts[i].height == low)
		})
		d.out = binary.AppendVarint(d.out, int64(i))
		t.parts[i].draw(d)
	case "array", "map":
		n := d.entries(t.at)
		if t.parts[0].height >= endless {
			n = 0
		}
		if n > 0 {
			d.out = binary.AppendVarint(d.out, int64(n))
		}
		var names [][]byte
		if t.kind == "map" {
			names = d.names(t.at, n)
		}
		for i := range n {
			if t.kind == "map" {
				d.out = ocf.AppendBytes(d.out, names[i])
			}
			t.parts[0].draw(d)
		}
		d.out = append(d.out, 0)
	case "enum":
		d.out = binary.AppendVarint(d.out, int64(d.choose(t.at, t.symbols, nil)))
	case "boolean":
		d.out = append(d.out, byte(d.choose(t.at, 2, nil)))
	case "int":
		d.out = binary.AppendVarint(d.out, t.within(d.whole(t.at, 31)))
	case "long":
		d.out = binary.AppendVarint(d.out, t.within(d.whole(t.at, 62)))
	case "float":
		d.out = binary.LittleEndian.AppendUint32(d.out, math.Float32bits(float32(d.floating(t.at))))
	case "double":
		d.out = binary.LittleEndian.AppendUint64(d.out, math.Float64bits(d.floating(t.at)))
	case "string":
		if t.logical == "uuid" {
			d.out = ocf.AppendBytes(d.out, d.formed(formUUID, 36))
			return
		}
		d.out = ocf.AppendBytes(d.out, d.text(t.at))
	case "bytes":
		if t.logical == "decimal" {
			d.out = ocf.AppendBytes(d.out, t.decimal(d, 0))
			return
		}
		d.out = ocf.AppendBytes(d.out, d.bytes(t.at))
	case "fixed":
		if t.logical == "decimal" {
			d.out = append(d.out, t.decimal(d, t.size)...)
			return
		}
		d.out = append(d.out, fill(make([]byte, t.size), "", d.drawn, d.rng)...)
	}
}

// within keeps a time of day within the day. Other integers may be any.
func (t *avroType) within(v int64) int64 {
	const dayMillis = 86_400_000
	switch t.logical {
	case "time-millis":
		return max(0, v) % dayMillis
	case "time-micros":
		return max(0, v) % (dayMillis * 1000)
	}
	return v
}

// decimal draws a number that has at most the digits of the type, in two's complement of size bytes; 0 is as many as it takes.
func (t *avroType) decimal(d *drawing, size int) []byte {
	p := d.places[t.at]
	n, minus := 7, false
	if p != nil && len(p.Bits) > 0 {
		n, minus = p.Bits.pick(d.rng.Float64()), d.rng.Int64N(p.Bits.Count()) < p.Minus
	}
	if size > 0 {
		n = min(n, 8*size-1)
	}
	v := new(big.Int)
	if n > 0 {
		b := make([]byte, (n+7)/8)
		for i := range b {
			b[i] = byte(d.rng.Uint32())
		}
		v.SetBytes(b)
		v.Rsh(v, uint(8*len(b)-n))
		v.SetBit(v, n-1, 1)
	}
	v.Mod(v, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(1, t.precision))), nil))
	length := size
	if length == 0 {
		length = v.BitLen()/8 + 1
	}
	if minus {
		v.Neg(v)
		v.Add(v, new(big.Int).Lsh(big.NewInt(1), uint(8*length)))
	}
	if v.BitLen() > 8*length { // minus nothing
		v.SetInt64(0)
	}
	return v.FillBytes(make([]byte, length))
}
