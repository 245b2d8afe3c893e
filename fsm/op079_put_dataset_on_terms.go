package fsm

import "fmt"

// PutDatasetOnTerms makes or replaces a dataset whose jobs have terms: those that its policy starts keep to these hours and have this deadline, from the end
// of the scan on that found the loss. PutDataset and PutDatasetWithPolicy, which do not say any, mean none. Jobs that are there keep theirs.
//
// Since: 8. Proposed by: the API. Refused: as PutDatasetWithPolicy is, and Invalid for terms that can not be meant, that say when a loss was detected, or
// of a policy that starts nothing.
type PutDatasetOnTerms struct {
	Put   PutDatasetWithPolicy
	Terms JobTerms
}

// Op returns 79.
func (PutDatasetOnTerms) Op() uint16 { return 79 }

func (c PutDatasetOnTerms) subject() string { return c.Put.subject() }

func (c PutDatasetOnTerms) apply(t *tx) Result {
	if why := c.Put.invalidTerms(c.Terms); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	return t.putDataset(c.Put.Dataset, c.Put.policy(), &c.Terms, nil)
}

// invalidTerms says why jobs of a policy can not have terms.
func (c PutDatasetWithPolicy) invalidTerms(terms JobTerms) string {
	why := terms.invalid()
	switch {
	case why == "" && terms.DetectedUnixNanos != 0:
		why = "terms of jobs that are not there, with the time of a loss"
	case why == "" && c.Act == PolicyNotify:
		why = "policy notify starts nothing and has terms"
	}
	return why
}
