package recovery

import (
	"context"
	"fmt"

	"backstitch/replay/datum"
	"backstitch/replay/gap"
	"backstitch/replay/sink/objects"
	"backstitch/replay/spec"
)

// Values as columns of a target's files. Before anything is read the registry says what the numbers in front of values stand for, and a plan
// keeps that with the schemas' texts: whoever carries it out asks no registry, and a record that names another schema is set aside.

// Columns is what spec.FileValues says, with what a registry has told.
type Columns struct {
	Registry string   `json:"registry,omitempty"`
	Subject  string   `json:"subject,omitempty"`
	Schemas  []Writer `json:"schemas,omitempty"` // that values name
	JSON     string   `json:"json,omitempty"`    // the schema of values that are JSON, "" where they name theirs
}

// newColumns takes over what a spec says.
func newColumns(v *spec.FileValues, topic string) *Columns {
	if v == nil {
		return nil
	}
	out := &Columns{Registry: v.Registry, Subject: v.Subject, JSON: v.Schema}
	if out.Subject == "" && out.Registry != "" {
		out.Subject = topic + "-value"
	}
	for _, s := range v.Schemas {
		out.Schemas = append(out.Schemas, Writer{ID: uint32(s.Number), Schema: compact(s.Schema)})
	}
	return out
}

// Parsed is c as the target takes it; nil for nil.
func (c *Columns) Parsed() (*objects.Columns, error) {
	if c == nil {
		return nil, nil
	}
	out := &objects.Columns{}
	if c.JSON != "" {
		s, err := datum.Parse(c.JSON)
		if err != nil {
			return nil, fmt.Errorf("schema of values: %w", err)
		}
		out.JSON = s
		return out, nil
	}
	out.Schemas = map[uint32]*datum.Schema{}
	for _, w := range c.Schemas {
		s, err := datum.Parse(w.Schema)
		if err != nil {
			return nil, fmt.Errorf("schema %d: %w", w.ID, err)
		}
		if _, there := out.Schemas[w.ID]; there {
			return nil, fmt.Errorf("schema %d is given twice", w.ID)
		}
		out.Schemas[w.ID] = s
	}
	return out, nil
}

// columns asks the registry, once, and makes sure that all schemas have columns.
func (b *builder) columns(ctx context.Context, clients Clients) error {
	c := b.recipe.Target.Columns
	if c == nil || !b.planning {
		return nil
	}
	if c.Registry != "" && len(c.Schemas) == 0 {
		now := *c // the spec's own stays as it is
		if err := now.ask(ctx, clients); err != nil {
			return err
		}
		c, b.recipe.Target.Columns = &now, &now
	}
	total := 0
	for _, w := range c.Schemas {
		total += len(w.Schema)
	}
	if total > maxWriterBytes || len(c.Schemas) > objects.MaxSchemas {
		return &Error{Code: CodeManyColumns, Title: "values have more schemas than a job takes along", Exit: exitUsage,
			Why:  fmt.Sprintf("%s of %s bytes in all; at most %d of %s bytes are kept.", plural(len(c.Schemas), "schema"), gap.Count(int64(total)), objects.MaxSchemas, gap.Count(maxWriterBytes)),
			Hint: "give those that the records of the range name: values.schemas"}
	}
	parsed, err := c.Parsed()
	if err != nil {
		return c.unknown(err)
	}
	format := objects.Format(b.recipe.Target.Format)
	if parsed.JSON != nil {
		return noColumns(format, "the schema of values", objects.Held(format, parsed.JSON, true))
	}
	for _, w := range c.Schemas {
		if err := objects.Held(format, parsed.Schemas[w.ID], false); err != nil {
			return noColumns(format, fmt.Sprintf("schema %d", w.ID), err)
		}
	}
	return nil
}

func (c *Columns) ask(ctx context.Context, clients Clients) error {
	reg, err := clients.Registry(c.Registry)
	if err != nil {
		return err
	}
	defer reg.Close()
	list, err := reg.Numbers(ctx, c.Subject)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return c.unknown(err)
	case len(list) == 0:
		return c.unknown(fmt.Errorf("subject %s of registry %s has no schema of Avro", c.Subject, c.Registry))
	}
	met := map[uint32]bool{}
	for _, n := range list {
		if met[n.ID] {
			continue
		}
		met[n.ID] = true
		text := n.Text.Schema
		if len(n.Text.References) > 0 {
			whole, err := datum.Parse(text, n.Text.Before()...)
			if err != nil {
				return c.unknown(fmt.Errorf("schema %d of subject %s: %w", n.ID, c.Subject, err))
			}
			text = whole.Text()
		}
		c.Schemas = append(c.Schemas, Writer{ID: n.ID, Schema: compact(text)})
	}
	return nil
}

func (c *Columns) unknown(err error) error {
	return &Error{Code: CodeColumns, Title: "what the columns of values are made of can not be told", Why: err.Error() + ".", Exit: exitUsage, Err: err,
		Hint: "name the subject of the values: values.subject; or give the schemas with their numbers: values.schemas"}
}

func noColumns(f objects.Format, what string, err error) error {
	if err == nil {
		return nil
	}
	hint := "leave values out, and values are written as their bytes"
	if f == objects.Parquet {
		hint = "format: avro, which has a form for every schema; or " + hint
	}
	return &Error{Code: CodeNoColumns, Title: what + " has no columns in " + string(f), Why: err.Error() + ".", Hint: hint, Exit: exitUsage, Err: err}
}

// noteColumns says what values become, and what becomes of those that do not.
func (b *builder) noteColumns() []string {
	c := b.recipe.Target.Columns
	if c == nil || !b.planning {
		return nil
	}
	of := "the schema of the spec, for values in JSON"
	if c.JSON == "" {
		of = plural(len(c.Schemas), "schema") + " of the spec"
	}
	if c.Registry != "" {
		of = plural(len(c.Schemas), "schema") + " of subject " + c.Subject + " of registry " + c.Registry
	}
	return []string{"values become columns, by " + of + "; a record whose value does not come back from them byte for byte is set aside, and write.maxQuarantine bounds how many. Files are as many times as many as schemas are named side by side"}
}
