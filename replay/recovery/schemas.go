package recovery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"backstitch/replay/gap"
	"backstitch/replay/schema"
	"backstitch/replay/spec"
)

// Where records name their schemas, each side has names of its own. A comparison asks both registries what they stand for. What a plan
// writes are the reference's bytes, and what its job proves is compared as bytes: so there is a plan only where each name means the same on
// both sides, as it does with one registry for both, or one that is a copy with its numbers, or where the plan is to give records the
// target's names (remap.go). The trap: a plan has no registry any more, and
// nobody who carries it out could tell that one has changed its mind. Numbers and GUIDs of a registry are for ever.

// numbers refuses to plan where names of schemas differ, once the records were read and it is known what they name.
func (b *builder) numbers(ctx context.Context, in *gap.Input) error {
	if !b.planning || in.ReferenceSchemas == nil {
		return nil
	}
	var err error
	if b.names != nil {
		if err := b.pinNames(ctx, in); err != nil {
			return err
		}
	} else {
		err = schema.SameNames(ctx, in.ReferenceSchemas, in.TargetSchemas)
	}
	switch {
	case err == nil:
		if b.readable, err = readableBy(ctx, in.ReferenceSchemas, in.TargetSchemas); err != nil {
			return err
		}
		b.recipe.Source.Registry, b.recipe.Target.Registry = "", ""
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	sides := "The spec names registry " + b.recipe.Source.Registry + " for the source and " + b.recipe.Target.Registry + " for the target"
	if !errors.Is(err, schema.ErrNames) {
		return &Error{
			Code: CodeNumbers, Title: "whether what is missing can be written is not known: a schema registry does not say it", Exit: exitFailed, Err: err,
			Why: sides + ": " + err.Error() + ".", Hint: "check the registries (backstitch doctor --registry), and plan again",
		}
	}
	return &Error{
		Code: CodeNumbers, Title: "what is missing can not be written: the two sides name their schemas differently", Exit: exitUsage, Err: err,
		Why: sides + ", and " + err.Error() + ". A record of the source that is written as it is would name another schema there, or differ in bytes from one " +
			"that says the same; and a job proves bytes.",
		Hint: "spec.target.kafka.schemas: remap writes records under the target's names; backstitch gaps list says what is missing; if both sides have the same numbers, " +
			"leave registry out on both",
	}
}

// noteRegistries says by what schemas are compared. It is known before anything is read, so all parts of a scan say the same.
func (b *builder) noteRegistries() []string {
	if b.recipe.Source.Registry == "" {
		return nil
	}
	return []string{fmt.Sprintf("compared by schema and not by its number or GUID: registry %s tells those of the reference, %s those of the target",
		b.recipe.Source.Registry, b.recipe.Target.Registry)}
}

// registries adds what both sides' schemas are called to a comparison. It asks them nothing yet.
func (b *builder) registries(in *gap.Input, clients Clients) (closeAll func(), err error) {
	var opened []*schema.Registry
	closeAll = func() {
		for _, r := range opened {
			r.Close()
		}
	}
	if b.recipe.Source.Registry == "" {
		return closeAll, nil
	}
	if b.names != nil {
		// What the reference gives has the target's names already.
		in.ReferenceSchemas, in.TargetSchemas = schema.NewSide(b.names.to, b.recipe.Target.Topic), schema.NewSide(b.names.to, b.recipe.Target.Topic)
		schema.Pair(in.ReferenceSchemas, in.TargetSchemas)
		return closeAll, nil
	}
	for _, side := range []struct {
		name, topic string
		to          **schema.Side
	}{
		{b.recipe.Source.Registry, b.recipe.Source.Topic, &in.ReferenceSchemas},
		{b.recipe.Target.Registry, b.recipe.Target.Topic, &in.TargetSchemas},
	} {
		reg, err := clients.Registry(side.name)
		if err != nil {
			closeAll()
			return nil, err
		}
		opened = append(opened, reg)
		*side.to = schema.NewSide(reg, side.topic)
	}
	schema.Pair(in.ReferenceSchemas, in.TargetSchemas)
	return closeAll, nil
}

// ForAgents refuses what agents do not do for whoever sends them a spec: ask a registry that their configuration does not name.
func ForAgents(r *spec.Recovery) error {
	recipe, _, err := NewRecipe(r.WithDefaults())
	if err != nil {
		return err
	}
	names := []string{recipe.Source.Registry, recipe.Target.Registry}
	if v := recipe.Source.Values; v != nil {
		names = append(names, v.Registry)
	}
	if c := recipe.Target.Columns; c != nil {
		names = append(names, c.Registry)
	}
	if t := recipe.Source.Transform; t != nil {
		names = append(names, t.Values.asked()...)
	}
	for _, name := range names {
		if strings.Contains(name, ":") {
			return &Error{Code: CodeRegistry, Title: "agents ask only the registries of their configuration", Exit: exitUsage,
				Why:  name + " is an address. Who may send a spec shall not choose which addresses agents ask, and with which login.",
				Hint: "add connections.NAME.registry to the configuration of every agent, and name it: registry: NAME, or --registry NAME"}
		}
	}
	return nil
}
