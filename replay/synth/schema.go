package synth

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"backstitch/replay/framed"
	"backstitch/replay/record"
	"backstitch/replay/schema"
)

// Values that name the schema they are written with. A profile carries the schemas as the registry has them, under the names that the records
// give them, and of the values what stood in which place of a schema. A replica's values are of the same schemas and name them the same way,
// so a reader that has a registry with these names can not tell.
//
// The trap: a schema is published, and a value is not. What is kept is named by the schema alone. A key of a map, a member of JSON that its
// schema does not name and a symbol that its enum does not have are data.

// Kinds of schemas.
const (
	KindAvro     = "avro"
	KindProtobuf = "protobuf"
	KindJSON     = "json"
)

// Text is a schema with all that it refers to.
type Text struct {
	Schema     string      `json:"schema"`
	References []Reference `json:"references,omitempty"`
}

// Reference is a schema that another one refers to, under the name that it does.
type Reference struct {
	Name string `json:"name"`
	Text
}

// before appends what t refers to, each before those that refer to it.
func (t Text) before(dst []framed.Reference) []framed.Reference {
	for _, r := range t.References {
		dst = r.before(dst)
		if !slices.ContainsFunc(dst, func(d framed.Reference) bool { return d.Name == r.Name }) {
			dst = append(dst, framed.Reference{Name: r.Name, Schema: r.Schema})
		}
	}
	return dst
}

// bytes is how long all texts are, and whether they nest less than maxRefers deep.
func (t Text) bytes(depth int) (n int, ok bool) {
	n, ok = len(t.Schema), depth < maxRefers
	for _, r := range t.References {
		if !ok {
			return n, false
		}
		more, fine := r.bytes(depth + 1)
		n, ok = n+more+len(r.Name), fine
	}
	return n, ok
}

// Bounds of the schemas of a profile.
const (
	MaxSchemas     = 256
	maxRefers      = 16      // levels of references
	maxSchemaBytes = 4 << 20 // of all texts
	maxSubject     = 1 << 10
)

// Schema is a schema of a registry.
type Schema struct {
	// How records name it: by the registry's number, or else by a GUID, which is the UUID of a version where AWS Glue has it.
	ID   uint32 `json:"id,omitempty"`
	GUID string `json:"guid,omitempty"`
	Glue bool   `json:"glue,omitempty"`
	// Under which subject and version the registry lists it; "" where it does not say.
	Subject string `json:"subject,omitempty"`
	Version int    `json:"version,omitempty"`
	Kind    string `json:"kind"`
	Text
	// Message is the one of Protobuf that values are.
	Message string `json:"message,omitempty"`
	// Framings count the values by how they name it. A schema without any is carried for what else needs it.
	Framings []Framing `json:"framings,omitempty"`
	// Broken counts values that name it and are none of it, or another message. They are learnt from by their size alone.
	Broken int64   `json:"broken,omitempty"`
	Places []Place `json:"places,omitempty"`
}

// Framing is a way of naming a schema.
type Framing struct {
	In    string `json:"in"`
	Count int64  `json:"count"`
}

// Where a value names its schema.
const (
	InFront      = "front"       // a number or a GUID in front of it
	InHeader     = "header"      // in a header
	InGlue       = "glue"        // in AWS Glue's frame
	InGlueZipped = "glue-zipped" // there, compressed by zlib
)

// Name is what records call it.
func (s *Schema) Name() (record.SchemaName, error) {
	if s.GUID == "" {
		return record.SchemaName{ID: s.ID}, nil
	}
	n, err := schema.ParseName(s.GUID)
	if err == nil && (!n.ByGUID || s.ID != 0) {
		err = fmt.Errorf("guid %q: want a GUID, and no number", s.GUID)
	}
	if s.Glue {
		n = record.GlueVersion(n.GUID)
	}
	return n, err
}

// named makes a Schema that records call by n.
func (s Schema) named(n record.SchemaName) Schema {
	s.ID, s.GUID, s.Glue = n.ID, "", n.Glue
	if n.ByGUID {
		s.ID, s.GUID = 0, n.Text()
	}
	return s
}

// model is a schema that values can be learnt from and made of.
type model interface {
	// learn learns from a payload with its index, or says why it is none; nothing is then learnt.
	learn(p *places, payload []byte) error
	// draw appends a payload without its index.
	draw(d *drawing)
	// index is what stands in front of payloads, in AWS Glue's frame or elsewhere.
	index(glue bool) []byte
}

// ErrKind says that values of a schema can not be learnt from or made: it does not read, or asks for more than what is drawn can give.
var ErrKind = errors.New("a schema of which no values can be made")

var (
	errTrailing = errors.New("bytes follow its end")
	errKind     = errors.New("its kind is not known: want avro, protobuf or json")
)

func (s *Schema) model() (m model, err error) {
	switch s.Kind {
	case KindAvro:
		m, err = parseAvro(s.Text)
	case KindProtobuf:
		m, err = parseProto(s.Text, s.Message)
	case KindJSON:
		m, err = parseJSON(s.Text)
	default:
		err = errKind
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKind, err)
	}
	return m, nil
}

// meeting is a schema that is learnt from.
type meeting struct {
	schema   Schema
	model    model
	places   places
	framings map[string]int64
}

// Meet gives the learner a schema that records call by name. ErrKind where values of it can not be made.
func (l *Learner) Meet(name record.SchemaName, s Schema) error {
	if len(l.met) == MaxSchemas {
		return fmt.Errorf("more than %d schemas: learn from a narrower range", MaxSchemas)
	}
	if n, ok := s.bytes(0); !ok || l.texts+n > maxSchemaBytes {
		return fmt.Errorf("%w: it refers to others more than %d deep, or all schemas together are longer than %d bytes", ErrKind, maxRefers, maxSchemaBytes)
	} else {
		l.texts += n
	}
	s = s.named(name)
	m, err := s.model()
	if err != nil {
		return err
	}
	if l.met == nil {
		l.met = map[record.SchemaName]*meeting{}
	}
	l.met[name] = &meeting{schema: s, model: m, places: places{heard: map[string]*placeHeard{}, left: &l.placesLeft}, framings: map[string]int64{}}
	return nil
}

// Carry gives the learner a schema that the profile is to have whether or not a value names it.
func (l *Learner) Carry(name record.SchemaName, s Schema) error {
	if m := l.met[name]; m != nil {
		return nil
	}
	return l.Meet(name, s)
}

// Names is what the value of r calls its schema, and whether the learner has not met that yet.
func (l *Learner) Names(r *record.Record) (name record.SchemaName, fresh bool) {
	if r.Value == nil {
		return name, false
	}
	name, _, ok := framed.Name(r)
	return name, ok && l.met[name] == nil
}

// framed learns from a value that names a schema which was met.
func (l *Learner) framed(r *record.Record) bool {
	if len(l.met) == 0 {
		return false
	}
	x, err := l.taker.Take(r)
	if err != nil {
		return false
	}
	m := l.met[x.Name]
	if m == nil {
		return false
	}
	payload, err := m.payload(&x)
	if err == nil {
		err = m.model.learn(&m.places, payload)
	}
	if err != nil {
		m.schema.Broken++
		return false
	}
	switch {
	case x.Name.Glue && x.Deflated:
		m.framings[InGlueZipped]++
	case x.Name.Glue:
		m.framings[InGlue]++
	case x.Header:
		m.framings[InHeader]++
	default:
		m.framings[InFront]++
	}
	return true
}

// payload is that of x, with the index that stands elsewhere than in AWS Glue's frame. The message of the first one is the one that is learnt.
func (m *meeting) payload(x *framed.Part) ([]byte, error) {
	p, is := m.model.(*protoSchema)
	if !is {
		return x.Payload, nil
	}
	payload := x.Payload
	if x.Name.Glue {
		index, n, err := p.schema.Unglue(payload)
		if err != nil {
			return nil, err
		}
		payload = slices.Concat(index, payload[n:])
	}
	if m.schema.Message == "" {
		named, _, err := p.schema.Named(payload)
		if err != nil {
			return nil, err
		}
		s := m.schema
		s.Message = string(named.FullName())
		again, err := s.model()
		if err != nil {
			return nil, err
		}
		m.schema, m.model = s, again
	}
	return payload, nil
}

// schemas is what was met, numbers before GUIDs.
func (l *Learner) schemas() []Schema {
	var out []Schema
	for _, m := range l.met {
		s := m.schema
		for in, n := range m.framings {
			s.Framings = append(s.Framings, Framing{in, n})
		}
		slices.SortFunc(s.Framings, func(a, b Framing) int { return strings.Compare(a.In, b.In) })
		s.Places = m.places.list()
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Schema) int { return strings.Compare(a.order(), b.order()) })
	return out
}

// order sorts schemas by their names.
func (s *Schema) order() string {
	return fmt.Sprintf("%d%010d%s%t", min(1, len(s.GUID)), s.ID, s.GUID, s.Glue)
}

// carries is how many values name a schema in all.
func (s *Schema) carries() (n int64) {
	for _, f := range s.Framings {
		n += f.Count
	}
	return n
}

func checkSchemas(p *Profile) error {
	if len(p.Schemas) > MaxSchemas {
		return fmt.Errorf("schemas: %d, want at most %d", len(p.Schemas), MaxSchemas)
	}
	var total int64
	text, left := 0, maxPlaces
	for i := range p.Schemas {
		s := &p.Schemas[i]
		at := fmt.Sprintf("schemas[%d]", i)
		name, err := s.Name()
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if i > 0 && p.Schemas[i-1].order() >= s.order() {
			return fmt.Errorf("%s: %s does not come after the one before it: want numbers in rising order, then GUIDs", at, name)
		}
		if !slices.Contains([]string{KindAvro, KindProtobuf, KindJSON}, s.Kind) {
			return fmt.Errorf("%s: kind %q: %w", at, s.Kind, errKind)
		}
		n, ok := s.bytes(0)
		if text += n; !ok || text > maxSchemaBytes {
			return fmt.Errorf("%s: want references at most %d deep and at most %d bytes in all", at, maxRefers, maxSchemaBytes)
		}
		if len(s.Subject) > maxSubject || s.Version < 0 || s.Broken < 0 || s.Glue && s.GUID == "" {
			return fmt.Errorf("%s: a subject, version or count that can not be", at)
		}
		for j, f := range s.Framings {
			glue := f.In == InGlue || f.In == InGlueZipped
			if f.Count < 1 || glue != name.Glue || !slices.Contains([]string{InFront, InHeader, InGlue, InGlueZipped}, f.In) || j > 0 && f.In <= s.Framings[j-1].In {
				return fmt.Errorf("%s.framings[%d]: %d values named in %q: that can not be", at, j, f.Count, f.In)
			}
		}
		total += s.carries()
		if err := checkPlaces(at, s.Places, &left); err != nil {
			return err
		}
	}
	if n := p.Values.Bytes.Count(); total > n {
		return fmt.Errorf("schemas: %d values name one, of %d", total, n)
	}
	return nil
}

// maker makes values of one schema, named in one way.
type maker struct {
	name   record.SchemaName
	in     string
	model  model
	places map[string]*Place
	spare  []byte     // a payload that fits; nil where every one does
	zips   *sync.Pool // of *zlib.Writer, which are large
}

// makers are those of a profile with how many values each stands for. What is left of all values is made without a schema.
type makers struct {
	list  []maker
	upTo  []int64 // cumulated
	total int64   // of all values
}

func newMakers(p *Profile) (*makers, error) {
	out := &makers{total: p.Values.Bytes.Count()}
	var sum int64
	for i := range p.Schemas {
		s := &p.Schemas[i]
		if len(s.Framings) == 0 {
			continue
		}
		name, err := s.Name()
		if err != nil {
			return nil, err
		}
		m := maker{name: name, places: map[string]*Place{}, zips: &sync.Pool{New: func() any { return zlib.NewWriter(nil) }}}
		if m.model, err = s.model(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for j := range s.Places {
			m.places[s.Places[j].At] = &s.Places[j]
		}
		if j, is := m.model.(*jsonSchema); is {
			if m.spare, err = j.spare(m.places); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		for _, f := range s.Framings {
			m.in = f.In
			sum += f.Count
			out.list, out.upTo = append(out.list, m), append(out.upTo, sum)
		}
	}
	return out, nil
}

// pick draws what makes a value, nil for none of a schema.
func (m *makers) pick(rng *rand.Rand) *maker {
	if len(m.list) == 0 {
		return nil
	}
	u := rng.Int64N(m.total)
	for i, n := range m.upTo {
		if u < n {
			return &m.list[i]
		}
	}
	return nil
}

// make makes a value, and the header that names its schema where one does.
func (m *maker) make(drawn float64, rng *rand.Rand) (value []byte, header *record.Header) {
	d := drawing{rng: rng, drawn: drawn, places: m.places, items: maxItems}
	if j, is := m.model.(*jsonSchema); is {
		j.fitting(&d, m.spare)
	} else {
		m.model.draw(&d)
	}
	index := m.model.index(m.name.Glue)
	switch m.in {
	case InHeader:
		return d.out, &record.Header{Key: record.ValueSchemaHeader, Value: append(framed.AppendName(nil, m.name), index...)}
	case InGlueZipped:
		var zipped bytes.Buffer
		w := m.zips.Get().(*zlib.Writer)
		defer m.zips.Put(w)
		w.Reset(&zipped)
		_, _ = w.Write(index) // a buffer takes everything
		_, _ = w.Write(d.out)
		_ = w.Close()
		return append(record.AppendGlue(nil, m.name, true), zipped.Bytes()...), nil
	}
	return slices.Concat(framed.AppendName(nil, m.name), index, d.out), nil
}
