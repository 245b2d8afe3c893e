package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"backstitch/replay/expr"
	"backstitch/replay/tree"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// Validate says what a record has to be before it is written. It sees records as the transform leaves them.
type Validate struct {
	// Version of these rules, which plan, report and proof show: a name of yours, such as r1.
	Version string `json:"version" jsonschema:"minLength=1,maxLength=32,pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$"`
	// Rules for each record, in order. A record is set aside by the first one that it breaks.
	Rules []Rule `json:"rules,omitempty" jsonschema:"maxItems=64"`
	// How many records may lack a value. More than that, and there is no plan.
	NullRate []NullRate `json:"nullRate,omitempty" jsonschema:"maxItems=64"`
	// How many records may be set aside or be unreadable, such as 0.1% or 100 records. More than that, and there is no plan. Left out, a plan says how many there are and writes the others.
	MaxQuarantine Share `json:"maxQuarantine,omitempty"`
}

// Rule is one thing that has to be so of each record. It has a name and exactly one kind.
type Rule struct {
	// What the rule is called where a record has broken it: lower-case letters, digits and dashes.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=63,pattern=^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"`
	// A CEL expression that is true of a good record. It sees key, value, headers, timestamp, partition and offset.
	Expr string `json:"expr,omitempty" jsonschema:"minLength=1,maxLength=8192"`
	// Members that have to be there and not null, as names joined by dots.
	Required []Path `json:"required,omitempty" jsonschema:"minItems=1,maxItems=64"`
	// Bounds of a number, compared by its digits.
	Range *Bounds `json:"range,omitempty"`
	// The type of a member.
	Type *TypeRule `json:"type,omitempty"`
	// A JSON Schema for the whole value.
	Schema *SchemaRule `json:"schema,omitempty"`
}

// Bounds are those of a number. A record without the member, or with a null there, keeps them.
type Bounds struct {
	// Member to look at, as names joined by dots.
	Field Path `json:"field"`
	// Least number that is allowed.
	Min Number `json:"min,omitempty"`
	// Greatest number that is allowed.
	Max Number `json:"max,omitempty"`
}

// TypeRule is the type of a member. A record without the member keeps it.
type TypeRule struct {
	// Member to look at, as names joined by dots.
	Field Path `json:"field"`
	// Type that its value has to have. An integer is a number that says a whole one, however it is spelt.
	Is string `json:"is" jsonschema:"enum=string,enum=integer,enum=number,enum=boolean,enum=object,enum=array"`
	// Whether a null is allowed, too.
	OrNull bool `json:"orNull,omitempty"`
}

// SchemaRule is a JSON Schema, here or in a file.
type SchemaRule struct {
	// The schema itself. It refers to nothing outside of it.
	Inline Value `json:"inline,omitempty"`
	// A file with the schema, in JSON, beside the spec. What it says becomes a part of the plan.
	File string `json:"file,omitempty" jsonschema:"minLength=1"`
}

// NullRate bounds how many of all records that have a value may lack this one.
type NullRate struct {
	// Member that counts as lacking where it is null or not there, as names joined by dots.
	Field Path `json:"field"`
	// Greatest share, such as 1%.
	Max Percent `json:"max"`
}

// Number is a number as it is spelt.
type Number string

// MarshalJSON returns the number.
func (n Number) MarshalJSON() ([]byte, error) { return json.Marshal(json.Number(n)) }

// UnmarshalJSON keeps the spelling.
func (n *Number) UnmarshalJSON(text []byte) error {
	var v json.Number
	err := json.Unmarshal(text, &v)
	*n = Number(v)
	return err
}

// Percent is a share of the whole, such as 1% or 0.05%.
type Percent string

// Share is a part of the whole: 0.1%, or a number of records.
type Share string

const (
	percentPattern = `^[0-9]{1,3}(\.[0-9]{1,6})?%$`
	sharePattern   = `^([0-9]{1,3}(\.[0-9]{1,6})?%|[0-9]{1,15} records?)$`
	rulePattern    = `^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`
)

// Of is the greatest number of records that is not more than p of n.
func (p Percent) Of(n int64) int64 {
	share, ok := new(big.Rat).SetString(strings.TrimSuffix(string(p), "%"))
	if !ok {
		return 0
	}
	share.Mul(share, big.NewRat(n, 100))
	return new(big.Int).Quo(share.Num(), share.Denom()).Int64()
}

// Of is the greatest number of records of n that s allows.
func (s Share) Of(n int64) int64 {
	if count, ok := strings.CutSuffix(strings.TrimSuffix(string(s), "s"), " record"); ok {
		k, _ := new(big.Int).SetString(count, 10) // the form has been checked, and 15 digits fit
		return k.Int64()
	}
	return Percent(s).Of(n)
}

// maxSchemaBytes bounds the file of a schema.
const maxSchemaBytes = 256 << 10

// Compile makes the schema ready for use. It may refer to itself, and to nothing else: nobody loads anything.
func (s *SchemaRule) Compile() (*validator.Schema, error) {
	doc, err := validator.UnmarshalJSON(bytes.NewReader(s.Inline))
	if err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	const at = "backstitch:///schema.json"
	c := validator.NewCompiler()
	c.UseLoader(nowhere{})
	if err := c.AddResource(at, doc); err != nil {
		return nil, err
	}
	return c.Compile(at)
}

type nowhere struct{}

var errElsewhere = errors.New("a schema refers to nothing outside of it: write it in under $defs")

func (nowhere) Load(string) (any, error) { return nil, errElsewhere }

// read takes the files of schemas in, so that whoever gets the spec needs none of them.
func (c *checker) read(v *Validate) {
	if v == nil {
		return
	}
	for i := range v.Rules {
		s := v.Rules[i].Schema
		if s == nil || s.File == "" || len(s.Inline) > 0 {
			continue
		}
		path := fmt.Sprintf("spec.validate.rules.%d.schema.file", i)
		if c.opts.ReadFile == nil {
			c.add(CodeValue, path, "there are no files here: "+s.File, "write the schema in: inline")
			continue
		}
		text, err := c.opts.ReadFile(s.File)
		switch {
		case err != nil:
			c.add(CodeValue, path, err.Error(), "a file beside the spec")
		case len(text) > maxSchemaBytes:
			c.add(CodeValue, path, fmt.Sprintf("%s has %d bytes, a schema has at most %d", s.File, len(text), maxSchemaBytes), "")
		case !json.Valid(text):
			c.add(CodeValue, path, s.File+" is not JSON", "write the schema in JSON")
		default:
			v.Rules[i].Schema = &SchemaRule{Inline: text}
		}
	}
}

// validate finds what is wrong with rules besides their form.
func (c *checker) validate(r *Recovery) {
	v := r.Spec.Validate
	if v == nil {
		return
	}
	const hint = "rules look into JSON, and the number of a schema stands in front of other forms: leave registry out"
	if url, at := r.Spec.Source.registry(); url != "" && r.Spec.Transform == nil {
		c.add(CodeTogether, "spec.source."+at, "rules and a registry exclude each other", hint)
	}
	if len(v.Rules) == 0 && len(v.NullRate) == 0 && v.MaxQuarantine == "" {
		c.add(CodeOneOf, "spec.validate", "spec.validate asks for nothing", "write rules, nullRate or maxQuarantine, or leave it out")
	}
	if w := r.Spec.Write; w != nil && w.MaxQuarantine > 0 && v.MaxQuarantine != "" {
		c.add(CodeTogether, "spec.validate.maxQuarantine", "spec.validate.maxQuarantine and spec.write.maxQuarantine exclude each other", "keep one of them")
	}
	seen := map[string]bool{}
	for i := range v.Rules {
		path := fmt.Sprintf("spec.validate.rules.%d", i)
		if n := v.Rules[i].Name; seen[n] {
			c.add(CodeTwice, path+".name", fmt.Sprintf("two rules are called %q", n), "each rule has a name of its own")
		}
		seen[v.Rules[i].Name] = true
		c.rule(path, &v.Rules[i])
	}
	for i, n := range v.NullRate {
		c.path(fmt.Sprintf("spec.validate.nullRate.%d.field", i), n.Field)
	}
}

func (c *checker) rule(path string, r *Rule) {
	kinds := 0
	for _, set := range []bool{r.Expr != "", r.Required != nil, r.Range != nil, r.Type != nil, r.Schema != nil} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		c.add(CodeOneOf, path, fmt.Sprintf("rule %q has %d kinds", r.Name, kinds), "write exactly one of expr, range, required, schema, type")
		return
	}
	switch {
	case r.Expr != "":
		_, err := expr.Predicate(r.Expr)
		c.expr(path+".expr", err)
	case r.Range != nil:
		c.path(path+".range.field", r.Range.Field)
		c.bound(path+".range", r.Range)
	case r.Type != nil:
		c.path(path+".type.field", r.Type.Field)
	case r.Schema != nil:
		c.shape(path+".schema", r.Schema)
	}
	for i, p := range r.Required {
		c.path(fmt.Sprintf("%s.required.%d", path, i), p)
	}
}

// path refuses what names no member.
func (c *checker) path(at string, p Path) {
	if _, err := p.Parse(); err != nil {
		c.add(CodeValue, at, err.Error(), unitHints[pathPattern])
	}
}

func (c *checker) bound(at string, b *Bounds) {
	if b.Min == "" && b.Max == "" {
		c.add(CodeOneOf, at, at+" has neither min nor max", "write one of them, or both")
		return
	}
	low, okLow := tree.ParseDecimal([]byte(b.Min))
	high, okHigh := tree.ParseDecimal([]byte(b.Max))
	switch {
	case b.Min != "" && !okLow, b.Max != "" && !okHigh:
		c.add(CodeValue, at, "the exponent of a bound is beyond what can be compared", "write a smaller number")
	case b.Min != "" && b.Max != "" && low.Compare(high) > 0:
		c.add(CodeEmpty, at+".max", fmt.Sprintf("no number is from %s to %s", b.Min, b.Max), "max must not be less than min")
	}
}

func (c *checker) shape(at string, s *SchemaRule) {
	switch {
	case (len(s.Inline) > 0) == (s.File != ""):
		c.add(CodeOneOf, at, at+" has to say inline or file", "write one of them")
	case s.File != "":
		// What is wrong with the file has been said.
	default:
		if _, err := s.Compile(); err != nil {
			c.add(CodeValue, at, "not a JSON Schema: "+oneLine(err), "https://json-schema.org says what one is")
		}
	}
}

// oneLine is the innermost reason of an error, on a line of its own.
func oneLine(err error) string {
	lines := strings.Split(err.Error(), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// expr reports what is wrong with an expression, at its place in the text.
func (c *checker) expr(at string, err error) {
	if err == nil {
		return
	}
	p := Problem{Code: CodeExpression, Path: at, Message: err.Error(), Hint: "expressions are CEL, see docs/rules.md"}
	var e *expr.Error
	if errors.As(err, &e) && e.Line > 0 {
		p.within.line, p.within.column = e.Line, e.Column
	}
	c.problems = append(c.problems, p)
}
