package fsm

import "fmt"

// DeleteDataset forgets a dataset, the schedules of its scans, and what its endpoints have not been told yet, its policy, the plans
// that were made by it, and what was learned of its hours. Jobs about it stay, those that run as well.
//
// Since: 3. Proposed by: the API. Refused: UnknownDataset, WrongState (Seen is not the present version).
type DeleteDataset struct {
	Name DatasetName
	Seen uint64 // ModifyIndex of the version that is deleted
}

// Op returns 61.
func (DeleteDataset) Op() uint16 { return 61 }

func (c DeleteDataset) subject() string { return "dataset " + string(c.Name) }

func (c DeleteDataset) apply(t *tx) Result {
	d, ok := t.dataset(c.Name)
	switch {
	case !ok:
		return t.refuse(UnknownDataset, string(c.Name))
	case d.ModifyIndex != c.Seen:
		return t.refuse(WrongState, fmt.Sprintf("%s is at index %d", c.subject(), d.ModifyIndex))
	}
	for _, k := range append(t.keys(key(kindNotice, ended(c.Name))), t.keys(key(kindDelivery, ended(c.Name)))...) {
		t.remove(k)
	}
	t.matchSchedules(t.scheduled(c.Name), nil)
	t.forgetAllPlans(c.Name)
	for _, k := range t.keys(key(kindSchema, ended(c.Name))) {
		t.remove(k)
	}
	t.putWatch(c.Name, nil)
	t.remove(datasetKey(c.Name))
	return t.ok()
}
