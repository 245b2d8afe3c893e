package recovery

import (
	"fmt"

	"backstitch/replay/spec"
	"backstitch/replay/transform"
)

// examples refuses to plan with steps that do not do what their author says.
func (b *builder) examples() error {
	t := b.spec.Spec.Transform
	if t == nil || t.Values != nil { // what comes out of Avro is known when its schema is
		return nil
	}
	outcomes, err := transform.Try(t)
	if err != nil {
		return err
	}
	return judgeExamples(t, outcomes)
}

func judgeExamples(t *spec.Transform, outcomes []transform.Outcome) error {
	for _, o := range outcomes {
		if o.OK {
			continue
		}
		why := fmt.Sprintf("It gives %s, the spec says %s.", o.Got, o.Want)
		if o.Refused != "" {
			why = "Its value can not be changed: " + o.Refused + "."
		}
		return &Error{Code: CodeExample, Title: fmt.Sprintf("example %d of transform %s does not come out", o.Example, t.Version), Why: why, Exit: exitUsage,
			Hint: "mend steps or examples, then: backstitch transform test -f SPEC"}
	}
	return nil
}

// asTheyStand refuses a spec that changes records for what turns source and target round: steps have no inverse.
func asTheyStand(r *spec.Recovery) error {
	if err := repeatedAsTheyStand(r); err != nil {
		return err
	}
	t := r.Spec.Transform
	if v := r.Spec.Validate; t == nil && v != nil {
		return &Error{Code: CodeTransformed, Title: "a sink's archive is compared with its topic as records stand", Exit: exitUsage,
			Why:  "The spec has rules " + v.Version + ", which leave records of the archive out.",
			Hint: "leave validate out, or compare what keeps the rules with: backstitch gaps list -f SPEC"}
	}
	if t == nil {
		return nil
	}
	return &Error{Code: CodeTransformed, Title: "a sink's archive is compared with its topic as records stand", Exit: exitUsage,
		Why:  "The spec has transform " + t.Version + ", which changes records of the archive on their way into the topic. Nothing changes them back.",
		Hint: "leave transform out, or compare the changed records with: backstitch gaps list -f SPEC"}
}
