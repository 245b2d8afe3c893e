package fsm

// PutDatasetWithPolicy makes or replaces a dataset, and says what the cluster does by itself about what is missing of it. PutDataset, which does
// not say it, means notify. Plans that wait for a person are withdrawn when the policy makes none any more, or when the dataset compares
// another pair.
//
// Since: 4. Proposed by: the API. Refused: as PutDataset is, and Invalid for a policy that contradicts itself.
type PutDatasetWithPolicy struct {
	Dataset    PutDataset
	Act        PolicyAct
	MaxRecords int64 // see Policy
	MaxBytes   int64
}

// Op returns 63.
func (PutDatasetWithPolicy) Op() uint16 { return 63 }

func (c PutDatasetWithPolicy) subject() string { return c.Dataset.subject() }

func (c PutDatasetWithPolicy) apply(t *tx) Result {
	return t.putDataset(c.Dataset, c.policy(), nil, nil)
}

func (c PutDatasetWithPolicy) policy() Policy {
	return Policy{Dataset: c.Dataset.Name, Act: c.Act, MaxRecords: c.MaxRecords, MaxBytes: c.MaxBytes}
}
