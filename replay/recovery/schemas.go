package recovery

import (
	"fmt"
	"strings"

	"backstitch/replay/gap"
	"backstitch/replay/schema"
	"backstitch/replay/spec"
)

// Where records name their schemas, each side has names of its own. A comparison asks both registries what they stand for. A plan can not:
// what it writes are the reference's bytes, and under them the target's registry has another schema.

// numbers refuses to plan where numbers of schemas differ.
func (b *builder) numbers() error {
	recipe, _, err := NewRecipe(b.spec)
	if err != nil || recipe.Source.Registry == "" {
		return err
	}
	return &Error{
		Code: CodeNumbers, Title: "what is missing can not be written: the two sides number their schemas differently", Exit: exitUsage,
		Why: "The spec names registry " + recipe.Source.Registry + " for the source and " + recipe.Target.Registry + " for the target. A record of the source that is " +
			"written as it is names another schema there, and who reads it fails or reads something else.",
		Hint: "backstitch gaps list says what is missing; if both sides have the same numbers, leave registry out on both",
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
	for _, name := range []string{recipe.Source.Registry, recipe.Target.Registry} {
		if strings.Contains(name, ":") {
			return &Error{Code: CodeRegistry, Title: "agents ask only the registries of their configuration", Exit: exitUsage,
				Why:  name + " is an address. Who may send a spec shall not choose which addresses agents ask, and with which login.",
				Hint: "add connections.NAME.registry to the configuration of every agent, and name it: registry: NAME, or --registry NAME"}
		}
	}
	return nil
}
