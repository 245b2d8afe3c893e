package recovery

import (
	"encoding/hex"
	"fmt"

	"backstitch/replay/foreign"
	"backstitch/replay/ocf"
	"backstitch/replay/spec"
)

// Values is what spec.Values says, with the numbers that a registry gave: workers ask none, so that what was approved is what is written.
type Values struct {
	As       string   `json:"as"`
	Registry string   `json:"registry,omitempty"`
	Subject  string   `json:"subject,omitempty"`
	Numbers  []Number `json:"numbers,omitempty"`
}

// Number is what a registry calls a schema.
type Number struct {
	ID    uint32 `json:"id"`
	Print string `json:"print"` // ocf.Print in hexadecimal digits
}

// newValues takes over what a spec says, whose schemas were checked.
func newValues(l *spec.Layout) *Values {
	v := l.Values
	if v == nil {
		return nil
	}
	out := &Values{As: v.As, Registry: v.Registry, Subject: v.Subject}
	if out.Subject == "" && out.Registry != "" {
		out.Subject = l.Topic + "-value"
	}
	for _, s := range v.Schemas {
		if parsed, err := ocf.ParseSchema([]byte(s.Schema)); err == nil {
			out.Numbers = append(out.Numbers, NewNumber(uint32(s.Number), parsed))
		}
	}
	return out
}

// NewNumber is the number of a schema.
func NewNumber(id uint32, s *ocf.Schema) Number { return Number{ID: id, Print: s.Print().String()} }

// Rendering is v as a layout takes it. A nil v is none.
func (v *Values) Rendering() (foreign.Rendering, []foreign.Number) {
	if v == nil {
		return "", nil
	}
	var out []foreign.Number
	for _, n := range v.Numbers {
		var print ocf.Print
		// One that is no print fits no schema, and an object without a number is named.
		if b, err := hex.DecodeString(n.Print); err == nil && len(b) == len(print) {
			out = append(out, foreign.Number{ID: n.ID, Print: ocf.Print(b)})
		}
	}
	return foreign.Rendering(v.As), out
}

// rendering is how values came to be, "" where they are what the reference holds.
func (s *Source) rendering() string {
	if s.Values == nil {
		return ""
	}
	return s.Values.As
}

// noteValues says what values are made of, and that whoever keeps what was read keeps nothing of them.
func (b *builder) noteValues() []string {
	out := b.rendered()
	if len(out) > 0 && b.opt.Compare != nil {
		out = append(out, "no ledger is used: whether lost and surplus records can be the same is seen in their contents, which it does not keep")
	}
	return out
}

func (b *builder) rendered() []string {
	v := b.recipe.Source.Values
	switch b.recipe.Source.rendering() {
	case "confluent":
		of := "the spec"
		if v.Registry != "" {
			of = "subject " + v.Subject + " of registry " + v.Registry
		}
		return []string{fmt.Sprintf("values are datums of Avro with the number of their schema in front, of %d that %s names", len(v.Numbers), of)}
	case "json":
		return []string{"values are " + b.recipe.Source.made() + " as JSON, in one form: records that others wrote in other words are not told from what is missing"}
	case "plain":
		return []string{"values are the strings or bytes that " + b.recipe.Source.made() + " hold"}
	}
	return nil
}

// made is what values are made of.
func (s *Source) made() string {
	if s.Format == "parquet" {
		return "rows of Parquet"
	}
	return "datums of Avro"
}

// asTopic refuses to compare with the topic what may not be what it had.
func (s *Source) asTopic() error {
	switch s.rendering() {
	case "json", "confluent":
		return &Error{Code: CodeRendered, Title: "what a sink left out can not be told by values that were made of datums", Exit: exitUsage,
			Why:  "A record that the sink wrote under another schema, or that was JSON in other words, would be called left out.",
			Hint: "backstitch gaps list compares the other way round, and says where nothing can be told"}
	}
	return nil
}
