package fsm

import "fmt"

// PutDataset makes or replaces a dataset, and with it the schedules of its scans. It names the version that it replaces, so that of two
// people who change one, the second learns of the first. An endpoint keeps how far it has been told under its name; a new one hears of
// what happens from now on. Its policy is notify: PutDatasetWithPolicy says another one; nothing of it is counted by the hour, which PutDatasetWithWatch says.
//
// Since: 3. Proposed by: the API. Refused: WrongState (Seen is not the present version), Invalid (among others: too many
// datasets or schedules, a first scan that would be due already). The same content again is OK and changes nothing, whatever Seen is,
// the next due time included.
type PutDataset struct {
	Name        DatasetName
	Document    []byte
	Annotations []Annotation // by key
	Reference   Place
	Targets     []Place
	Endpoints   []Endpoint
	Orders      []ScanOrder
	EveryNanos  int64
	Cron        string // five fields, in UTC; the book does not read it
	// NextUnixNanos is when the first scans are due, 0 without a schedule.
	NextUnixNanos int64
	Seen          uint64 // ModifyIndex of the version that is replaced, 0 for a new dataset
}

// Op returns 60.
func (PutDataset) Op() uint16 { return 60 }

func (c PutDataset) subject() string { return "dataset " + string(c.Name) }

func (c PutDataset) apply(t *tx) Result { return t.putDataset(c, Policy{Dataset: c.Name}, nil, nil) }

// putDataset puts a dataset with its policy, the terms of its jobs, and what is counted of it; nil for none and for nothing.
func (t *tx) putDataset(c PutDataset, policy Policy, terms *JobTerms, watch *Watch) Result {
	d := Dataset{
		Name: c.Name, Document: c.Document, Annotations: c.Annotations, Reference: c.Reference, Targets: c.Targets, Endpoints: c.Endpoints,
		Orders: c.Orders, EveryNanos: c.EveryNanos, Cron: c.Cron,
		CreatedBy: t.env.Actor, CreatedUnixNanos: t.env.UnixNanos, CreateIndex: t.index,
	}
	if why := d.invalid(t.kindsTold()); why != "" {
		return t.refuse(Invalid, why)
	}
	if why := policy.invalid(); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	wanted, had := d.schedules(c.NextUnixNanos), t.scheduled(d.Name)
	have, known := t.dataset(c.Name)
	switch {
	case known && c.same(t, have) && t.policy(c.Name) == policy && t.sameTerms(c.Name, terms) && len(had) == len(wanted) && t.sameWatch(c.Name, watch):
		return t.ok()
	case known && have.ModifyIndex != c.Seen:
		return t.refuse(WrongState, fmt.Sprintf("%s is at index %d", c.subject(), have.ModifyIndex))
	case !known && c.Seen != 0:
		return t.refuse(WrongState, fmt.Sprintf("%s is not there any more", c.subject()))
	case !known && len(t.keys(key(kindDataset))) >= MaxDatasets:
		return t.refuse(Invalid, fmt.Sprintf("there are %d datasets already", MaxDatasets))
	case len(t.keys(key(kindSchedule)))-len(had)+len(wanted) > MaxSchedules:
		return t.refuse(Invalid, fmt.Sprintf("with those of %s there would be more than %d schedules", c.subject(), MaxSchedules))
	case known:
		d.CreatedBy, d.CreatedUnixNanos, d.CreateIndex = have.CreatedBy, have.CreatedUnixNanos, have.CreateIndex
	}
	for _, s := range wanted {
		if why := s.invalid(t.env.UnixNanos); why != "" {
			return t.refuse(Invalid, fmt.Sprintf("%s: %s", s.subject(), why))
		}
	}
	d.ChangedBy, d.ChangedUnixNanos, d.ModifyIndex = t.env.Actor, t.env.UnixNanos, t.index
	t.write(datasetKey(d.Name), &d)
	t.matchDeliveries(d.audience())
	t.forgetSettled(d.audience())
	t.matchSchedules(had, wanted)
	if t.policy(d.Name) != policy {
		t.putPolicy(policy)
	}
	t.keepTerms(datasetTermsKey(d.Name), terms)
	t.putWatch(d.Name, watch)
	t.withdraw(d, policy)
	return t.ok()
}

// same reports whether d is what c puts.
func (c PutDataset) same(t *tx, d Dataset) bool {
	c.Seen, c.NextUnixNanos = 0, 0
	return t.hash(&c) == t.hash(&PutDataset{
		Name: d.Name, Document: d.Document, Annotations: d.Annotations, Reference: d.Reference, Targets: d.Targets, Endpoints: d.Endpoints,
		Orders: d.Orders, EveryNanos: d.EveryNanos, Cron: d.Cron,
	})
}

// matchSchedules writes the wanted schedules, which are valid, and removes those of targets that are gone. One that stays as it was
// keeps its next due time.
func (t *tx) matchSchedules(had []string, wanted []PutSchedule) {
	keep := map[string]bool{}
	for _, s := range wanted {
		keep[s.Name] = true
		s.apply(t)
	}
	for _, name := range had {
		if !keep[name] {
			t.remove(scheduleKey(name))
		}
	}
}

// matchDeliveries begins a delivery for each new endpoint and ends those of endpoints that are gone.
func (t *tx) matchDeliveries(of audience) {
	wanted := map[string]bool{}
	for _, e := range of.endpoints {
		wanted[e.Name] = true
		k := deliveryKey(of.name, e.Name)
		if !t.read(k, new(Delivery)) {
			t.write(k, &Delivery{Dataset: of.name, Endpoint: e.Name, Settled: t.index, UnixNanos: t.env.UnixNanos})
		}
	}
	for _, k := range t.keys(key(kindDelivery, ended(of.name))) {
		var have Delivery
		if t.read(k, &have); !wanted[have.Endpoint] {
			t.remove(k)
		}
	}
}
