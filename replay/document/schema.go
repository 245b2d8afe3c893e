package document

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"backstitch/replay/framed"
	"backstitch/replay/source"
	"backstitch/replay/transform"
	"backstitch/replay/tree"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is a JSON Schema, as a framed.Schema.
type Schema struct {
	whole framed.Text
	valid *jsonschema.Schema
}

// maxText bounds a schema with what it refers to, in bytes.
const maxText = 1 << 20

// nowhere loads nothing: schemas must not make us read files or ask the network.
type nowhere struct{}

func (nowhere) Load(address string) (any, error) {
	return nil, fmt.Errorf("%s is not among the schema's references", address)
}

// Parse reads a schema. One that does not say its draft is of draft 7, as the clients of registries take it.
func Parse(t framed.Text) (*Schema, error) {
	size := len(t.Schema)
	for _, r := range t.References {
		size += len(r.Schema)
	}
	if size > maxText {
		return nil, fmt.Errorf("a schema of %d bytes, at most %d are read", size, maxText)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{})
	c.DefaultDraft(jsonschema.Draft7)
	root, err := jsonschema.UnmarshalJSON(strings.NewReader(t.Schema))
	if err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	base, err := address(root)
	if err != nil {
		return nil, err
	}
	added := map[string]bool{base.String(): true}
	if err := c.AddResource(base.String(), root); err != nil {
		return nil, err
	}
	for _, r := range t.References {
		if err := refer(c, added, base, r); err != nil {
			return nil, fmt.Errorf("reference %q: %w", r.Name, err)
		}
	}
	out := &Schema{whole: t}
	if out.valid, err = c.Compile(base.String()); err != nil {
		return nil, err
	}
	return out, nil
}

// refer adds a schema under its own address and under the names that others may have for it.
func refer(c *jsonschema.Compiler, added map[string]bool, base *url.URL, r framed.Reference) error {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(r.Schema))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	own, err := address(doc)
	if err != nil {
		return err
	}
	name, err := url.Parse(r.Name)
	if err != nil {
		return fmt.Errorf("its name is no address: %w", err)
	}
	for _, at := range []string{own.String(), base.ResolveReference(name).String()} {
		if added[at] {
			continue
		}
		added[at] = true
		if err := c.AddResource(at, doc); err != nil {
			return err
		}
	}
	return nil
}

// address is that of a schema: what it says itself, below a place that no network has.
func address(root any) (*url.URL, error) {
	base := &url.URL{Scheme: "registry", Path: "/schema.json"}
	object, _ := root.(map[string]any)
	for _, word := range []string{"$id", "id"} {
		if id, ok := object[word].(string); ok {
			own, err := url.Parse(id)
			if err != nil {
				return nil, fmt.Errorf("its %s is no address: %w", word, err)
			}
			base = base.ResolveReference(own)
			break
		}
	}
	base.Fragment = ""
	return base, nil
}

// Whole is framed.Schema's.
func (s *Schema) Whole() framed.Text { return s.whole }

// Payload is framed.Schema's: JSON is its own payload. What steps take need not fit any schema.
func (s *Schema) Payload(text []byte) ([]byte, error) { return text, nil }

// JSON is framed.Schema's.
func (s *Schema) JSON(payload []byte) ([]byte, error) { return bytes.Clone(payload), nil }

// Fits says why a text does not fit s, nil where it does. The text is not repeated.
func (s *Schema) Fits(text []byte) error {
	if why := s.fits(text, new(tree.Parser)); why != nil {
		return why
	}
	return nil
}

// fits says why a text does not fit s.
func (s *Schema) fits(text []byte, p *tree.Parser) *transform.Refused {
	doc, err := p.Parse(text)
	switch {
	case errors.Is(err, tree.ErrNotUTF8):
		return framed.Refuse(source.CodeNotUTF8, "the value is not UTF-8")
	case err != nil:
		return framed.Refuse(source.CodeNotJSON, "the value is %w", err)
	case doc.Twice:
		return framed.Refuse(source.CodeAmbiguous, "there are two members of one name")
	case doc.Wide:
		return framed.Refuse(source.CodeNotFitting, "there is a number of more than 1,000 digits")
	}
	var invalid *jsonschema.ValidationError
	if err = s.valid.Validate(doc.Root); errors.As(err, &invalid) {
		return framed.Refuse(source.CodeNotFitting, "what comes out does not fit the output schema: %s", leaf(invalid))
	}
	if err != nil {
		return framed.Refuse(source.CodeNotFitting, "what comes out can not be held against the output schema: %w", err)
	}
	return nil
}

// leaf names the place of the first thing that is wrong, and the word of the schema which says so. The value itself is not repeated.
func leaf(e *jsonschema.ValidationError) string {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	return fmt.Sprintf("%.300s", "/"+strings.Join(e.InstanceLocation, "/")+" by "+strings.Join(e.ErrorKind.KeywordPath(), "/"))
}
