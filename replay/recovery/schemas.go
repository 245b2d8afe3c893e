package recovery

import (
	"backstitch/replay/gap"
	"backstitch/replay/schema"
)

// Where records name their schemas by number, each side has numbers of its own. A comparison asks both registries what they stand for. A
// plan can not: what it writes are the reference's bytes, and under them the target's registry has another schema.

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

// registries adds what both sides' schemas are called to a comparison.
func (b *builder) registries(in *gap.Input) (closeAll func(), err error) {
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
		url, topic string
		to         **schema.Side
	}{
		{b.recipe.Source.Registry, b.recipe.Source.Topic, &in.ReferenceSchemas},
		{b.recipe.Target.Registry, b.recipe.Target.Topic, &in.TargetSchemas},
	} {
		reg, err := schema.Open(side.url)
		if err != nil {
			closeAll()
			return nil, &Error{Code: CodeNumbers, Title: "not a schema registry", Why: err.Error(), Hint: "write it as https://HOST:8081", Exit: exitUsage, Err: err}
		}
		opened = append(opened, reg)
		*side.to = schema.NewSide(reg, side.topic)
	}
	schema.Pair(in.ReferenceSchemas, in.TargetSchemas)
	return closeAll, nil
}
