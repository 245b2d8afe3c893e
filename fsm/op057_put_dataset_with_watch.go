package fsm

import "fmt"

// PutDatasetWithWatch makes or replaces a dataset with its policy, and says which of its topics are counted by the hour. PutDataset and
// PutDatasetWithPolicy, which do not say it, mean none. What was learned of a topic that is still counted stays.
//
// Since: 8. Proposed by: the API. Refused: as PutDatasetWithPolicy is, and Invalid for a watch that contradicts itself, and for terms as
// PutDatasetOnTerms is.
type PutDatasetWithWatch struct {
	Dataset PutDatasetWithPolicy
	Topics  []WatchedTopic
	Scan    bool // see Watch
	// Terms are those of the jobs that its policy starts, nil for none; see PutDatasetOnTerms.
	Terms *JobTerms
}

// Op returns 57.
func (PutDatasetWithWatch) Op() uint16 { return 57 }

func (c PutDatasetWithWatch) subject() string { return c.Dataset.subject() }

func (c PutDatasetWithWatch) apply(t *tx) Result {
	put := c.Dataset.Dataset
	w := Watch{Dataset: put.Name, Topics: c.Topics, Scan: c.Scan}
	if why := w.invalid(Dataset{Targets: put.Targets, Orders: put.Orders}); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	if c.Terms != nil {
		if why := c.Dataset.invalidTerms(*c.Terms); why != "" {
			return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
		}
	}
	return t.putDataset(put, c.Dataset.policy(), c.Terms, &w)
}
