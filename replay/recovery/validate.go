package recovery

import (
	"fmt"

	"backstitch/replay/gap"
)

// What is judged of all records together: a plan says how it came out, or there is none. A job meets the same records, because the plan
// pins them; what it may set aside beyond is the rest of what the spec allows.

// maxAside is how many records a recipe names that the plan has left out.
const maxAside = 1000

// blind refuses rules that look at what the reference does not hold: each of its records would break them, or none.
func (b *builder) blind() error {
	set, err := b.recipe.Source.Rules.Set()
	if err != nil || set == nil {
		return err
	}
	name, lacks := set.Blind(b.fields)
	if name == "" {
		return nil
	}
	return &Error{Code: CodeBlind, Title: fmt.Sprintf("rule %s looks at %s, which the reference does not hold", name, fieldsText(lacks)), Exit: exitUsage,
		Why:  fmt.Sprintf("%s holds %s of each record.", sourceName(b.recipe.Source), fieldsText(b.fields)),
		Hint: "leave the rule out, or read from a reference that holds them"}
}

// validate lists what the plan leaves out and judges the whole.
func (b *builder) validate(p *Plan) error {
	left := b.aside(p)
	v := b.spec.Spec.Validate
	if v == nil {
		return nil
	}
	if v.MaxQuarantine != "" {
		all := p.Totals.Compared + left
		allowed := v.MaxQuarantine.Of(all)
		if left > allowed {
			return &Error{Code: CodeAside, Title: fmt.Sprintf("%s of %s would be set aside, at most %s are allowed", gap.Count(left), plural(int(all), "record"), gap.Count(allowed)),
				Exit: exitFailed, Why: fmt.Sprintf("validate.maxQuarantine is %s. %s", v.MaxQuarantine, b.firstAside(p)),
				Hint: "backstitch gaps list -f SPEC names them; mend the reference, the steps or the rules, or allow more"}
		}
		p.Checks = append(p.Checks, Check{Name: "quarantine", Status: "ok", Text: fmt.Sprintf("%s of %s left out, at most %s (%s) allowed",
			gap.Count(left), plural(int(all), "record"), gap.Count(allowed), v.MaxQuarantine)})
		p.Recipe.Write.MaxQuarantine = allowed - left
	}
	return b.nulls(p)
}

// aside lists the records that a step or a rule has refused, and counts them with what can not be read.
func (b *builder) aside(p *Plan) (left int64) {
	names := p.Recipe.Source.Rules.Names()
	for _, f := range b.report.Findings {
		if f.Kind != gap.Corrupt {
			continue
		}
		left += max(f.Count, f.Range.Len(), 1)
		switch {
		case f.Code == "":
			continue
		case len(p.Recipe.Aside) == maxAside:
			p.Recipe.AsideMore++
			continue
		}
		a := Aside{Partition: f.Partition, Offset: f.Range.From, Code: f.Code}
		if f.Rule > 0 && f.Rule <= len(names) {
			a.Rule = names[f.Rule-1]
		}
		p.Recipe.Aside = append(p.Recipe.Aside, a)
	}
	return left + b.setBehind(p)
}

func (b *builder) firstAside(p *Plan) string {
	for _, f := range b.report.Findings {
		if f.Kind == gap.Corrupt {
			return fmt.Sprintf("The first is in %s: %s.", p.name(f.Partition), f.Reason)
		}
	}
	return ""
}

// nulls judges how often values are lacking.
func (b *builder) nulls(p *Plan) error {
	if b.tally == nil {
		return nil
	}
	total, nulls := b.tally.Counts()
	for i, n := range b.spec.Spec.Validate.NullRate {
		allowed := n.Max.Of(total)
		text := fmt.Sprintf("%s is null or not there in %s of %s, at most %s (%s) allowed", n.Field, gap.Count(nulls[i]), plural(int(total), "record"), gap.Count(allowed), n.Max)
		if nulls[i] > allowed {
			return &Error{Code: CodeNulls, Title: text, Exit: exitFailed, Why: "Counted are all records of the range that have a value, as the steps leave them.",
				Hint: "look at what wrote them; mend the reference or the steps, or allow more"}
		}
		p.Recipe.Nulls[i].Allowed = allowed
		p.Checks = append(p.Checks, Check{Name: "null rate", Status: "ok", Text: text})
	}
	return nil
}
