package reach

import (
	"context"
	"fmt"

	"backstitch/replay/datum"
	"backstitch/replay/ocf"
	"backstitch/replay/recovery"
	"backstitch/replay/schema/compat"
)

// number asks the registry that s names what it calls the schemas of values, once, before anything is read.
func (c *Clients) number(ctx context.Context, s *recovery.Source) error {
	if s.Values == nil || s.Values.Registry == "" || len(s.Values.Numbers) > 0 {
		return nil
	}
	v := *s.Values // the spec's own stays as it is
	reg, err := c.Registry(v.Registry)
	if err != nil {
		return err
	}
	defer reg.Close()
	list, err := reg.Numbers(ctx, v.Subject)
	if err != nil {
		return unnumbered(err)
	}
	for _, n := range list {
		parsed, err := whole(n.Text)
		if err != nil {
			return unnumbered(fmt.Errorf("schema %d of subject %s: %w", n.ID, v.Subject, err))
		}
		v.Numbers = append(v.Numbers, recovery.NewNumber(n.ID, parsed))
	}
	s.Values = &v
	return nil
}

// whole is a schema with what it refers to, as objects have it.
func whole(t compat.Text) (*ocf.Schema, error) {
	if len(t.References) == 0 {
		return ocf.ParseSchema([]byte(t.Schema))
	}
	parsed, err := datum.Parse(t.Schema, t.Before()...)
	if err != nil {
		return nil, err
	}
	return ocf.ParseSchema([]byte(parsed.Text()))
}

// unnumbered makes a registry that does not tell the numbers a thing that a person can act on.
func unnumbered(err error) error {
	return &recovery.Error{
		Code: recovery.CodeValues, Title: "what the values of the archive began with can not be told", Why: err.Error(), Exit: exitUsage, Err: err,
		Hint: "name the subject: values.subject; or give the schemas with their numbers: values.schemas",
	}
}
