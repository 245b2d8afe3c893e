package admin

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition/due"
)

type DatasetPath struct {
	Namespace string `path:"namespace" maxLength:"128"`
	Name      string `path:"name" maxLength:"128"`
}

func (p DatasetPath) name() fsm.DatasetName { return fsm.DatasetName(p.Namespace + "/" + p.Name) }

func (s *Server) listDatasets(ctx context.Context, _ *struct{}) (*indexed[client.Datasets], error) {
	return reading(s, func(view *fsm.View) (client.Datasets, error) {
		out := client.Datasets{Datasets: []client.Dataset{}}
		all, err := view.Datasets()
		if err != nil {
			return out, err
		}
		for _, d := range all {
			if namespace, _ := d.Name.Split(); !sees(ctx, namespace) {
				continue
			}
			shown, err := describeDataset(view, d)
			if err != nil {
				return out, err
			}
			out.Datasets = append(out.Datasets, shown)
		}
		return out, nil
	})
}

func (s *Server) showDataset(_ context.Context, in *DatasetPath) (*indexed[client.Dataset], error) {
	return reading(s, func(view *fsm.View) (client.Dataset, error) {
		d, ok, err := view.Dataset(in.name())
		if err != nil {
			return client.Dataset{}, err
		}
		if !ok {
			return client.Dataset{}, unknownDataset(in.name())
		}
		return describeDataset(view, d)
	})
}

func unknownDataset(n fsm.DatasetName) error {
	return notFound("dataset", string(n), "backstitch dataset list")
}

type putDatasetInput struct {
	Keyed
	Body client.PutDataset
}

// putDataset makes or replaces a dataset. When the first scan is due is computed here, as for any other schedule.
func (s *Server) putDataset(ctx context.Context, in *putDatasetInput) (*indexed[client.Dataset], error) {
	b := in.Body
	cmd := fsm.PutDataset{
		Name: fsm.DatasetName(b.Namespace + "/" + b.Name), Document: b.Document, Reference: fsm.Place(b.Reference), Cron: b.Cron, Seen: b.Seen,
	}
	cmd.Annotations = annotationFacts(b.Annotations)
	for _, t := range b.Targets {
		cmd.Targets = append(cmd.Targets, fsm.Place(t))
	}
	for _, o := range b.Orders {
		cmd.Orders = append(cmd.Orders, orderFact(o))
	}
	for _, e := range b.Endpoints {
		made, err := endpointFact(e, "Dataset")
		if err != nil {
			return nil, err
		}
		cmd.Endpoints = append(cmd.Endpoints, made)
	}
	env := s.envelope(ctx, in.Keyed, "dataset", b.Reason)
	if b.Every != "" || b.Cron != "" {
		rule := due.Rule{Cron: b.Cron}
		if b.Every != "" {
			var err error
			if rule.Every, err = time.ParseDuration(b.Every); err != nil {
				return nil, invalid(err.Error(), "e.g. schedule: {every: 6h}")
			}
		}
		now := time.Unix(0, env.UnixNanos)
		next, err := rule.Next(now, now)
		if err != nil {
			return nil, invalid(err.Error(), "e.g. schedule: {every: 6h}, or schedule: {cron: '0 3 * * *'}")
		}
		cmd.EveryNanos, cmd.NextUnixNanos = int64(rule.Every), next.UnixNano()
	}
	put, err := s.counted(cmd, b.Policy, b.Terms, b.Watch)
	if err != nil {
		return nil, err
	}
	if err := s.allows(put); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, env, put, string(cmd.Name))
	if err != nil {
		return nil, overtaken(cmd.Name, result, err)
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return s.showDataset(ctx, &DatasetPath{Namespace: b.Namespace, Name: b.Name})
}

// counted is the command for a dataset whose topics are counted by the hour; the ones that an older cluster knows mean that none is.
func (s *Server) counted(put fsm.PutDataset, policy *client.DatasetPolicy, terms *client.Terms, w *client.DatasetWatch) (fsm.Command, error) {
	cmd, err := s.policed(put, policy, terms)
	if err != nil || w == nil {
		return cmd, err
	}
	out := fsm.PutDatasetWithWatch{Dataset: fsm.PutDatasetWithPolicy{Dataset: put}, Scan: w.Scan}
	switch c := cmd.(type) {
	case fsm.PutDatasetWithPolicy:
		out.Dataset = c
	case fsm.PutDatasetOnTerms:
		out.Dataset, out.Terms = c.Put, &c.Terms
	}
	for _, x := range w.Topics {
		out.Topics = append(out.Topics, fsm.WatchedTopic{Target: uint32(x.Target), Topic: x.Topic, Recipe: x.Recipe, RateBytes: x.RateBytes, MaxBytes: uint32(x.MaxBytes)})
	}
	return out, nil
}

// policed is the command for a dataset with its policy and the terms of its jobs. The one that an older cluster knows means notify.
func (s *Server) policed(put fsm.PutDataset, policy *client.DatasetPolicy, terms *client.Terms) (fsm.Command, error) {
	if policy == nil {
		policy = &client.DatasetPolicy{Act: fsm.PolicyNotify.String()}
	}
	act, ok := fsm.ParsePolicyAct(policy.Act)
	if !ok {
		return nil, invalid(fmt.Sprintf("there is no policy %q", policy.Act), "backstitch spec explain --kind Dataset spec.policy")
	}
	if terms != nil {
		x, err := s.jobTerms(terms)
		return fsm.PutDatasetOnTerms{Put: fsm.PutDatasetWithPolicy{Dataset: put, Act: act, MaxRecords: policy.MaxRecords, MaxBytes: policy.MaxBytes}, Terms: x}, err
	}
	if act == fsm.PolicyNotify && policy.MaxRecords == 0 && policy.MaxBytes == 0 {
		return put, nil
	}
	return fsm.PutDatasetWithPolicy{Dataset: put, Act: act, MaxRecords: policy.MaxRecords, MaxBytes: policy.MaxBytes}, nil
}

// overtaken says it plainly when somebody else was quicker.
func overtaken(n fsm.DatasetName, result fsm.Result, err error) error {
	if result.Code != fsm.WrongState {
		return err
	}
	return newProblem(http.StatusConflict, client.CodeCheckIndex, "the dataset has changed since you looked", result.Object,
		"backstitch dataset show "+string(n)+"     then the same command again")
}

func annotationFacts(m map[string]string) (out []fsm.Annotation) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fsm.Annotation{Key: k, Value: m[k]})
	}
	return out
}

// endpointFact is an endpoint of what a spec of that kind says.
func endpointFact(e client.DatasetEndpoint, kind string) (fsm.Endpoint, error) {
	out := fsm.Endpoint{Name: e.Name, URL: e.URL, Token: e.Token}
	var ok bool
	if out.Format, ok = fsm.ParseEndpointFormat(e.Format); !ok {
		return out, invalid(fmt.Sprintf("endpoint %q has format %q, which there is not", e.Name, e.Format), "backstitch spec explain --kind "+kind+" spec.notify.format")
	}
	for _, word := range e.On {
		k, ok := fsm.ParseNoticeKind(word)
		if !ok {
			return out, invalid(fmt.Sprintf("endpoint %q is told of %q, which there is not", e.Name, word), "backstitch spec explain --kind "+kind+" spec.notify.on")
		}
		out.On |= 1 << k
	}
	return out, nil
}

type deleteDatasetInput struct {
	DatasetPath
	Keyed
	Seen uint64 `query:"seen" doc:"modifyIndex of the version that is deleted"`
}

func (s *Server) deleteDataset(ctx context.Context, in *deleteDatasetInput) (*indexed[client.Done], error) {
	cmd := fsm.DeleteDataset{Name: in.name(), Seen: in.Seen}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "delete-dataset", ""), cmd, string(in.name()))
	if err != nil {
		return nil, overtaken(in.name(), result, err)
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.Done]{Index: result.Index, Leader: string(s.node.Leader())}, nil
}

func describeDataset(view *fsm.View, d fsm.Dataset) (client.Dataset, error) {
	namespace, name := d.Name.Split()
	out := client.Dataset{
		Namespace: namespace, Name: name, Document: d.Document, Reference: client.Place(d.Reference), Targets: []client.Place{},
		Cron: d.Cron, Scannable: len(d.Orders) > 0,
		Plans:     []client.DatasetPlan{},
		CreatedBy: d.CreatedBy, CreatedAt: time.Unix(0, d.CreatedUnixNanos).UTC(),
		ChangedBy: d.ChangedBy, ChangedAt: time.Unix(0, d.ChangedUnixNanos).UTC(), Index: d.ModifyIndex,
	}
	if d.EveryNanos != 0 {
		out.Every = due.Length(time.Duration(d.EveryNanos))
	}
	next, err := view.NextScan(d.Name)
	if err != nil {
		return out, err
	}
	out.NextScanAt = instant(next)
	for _, a := range d.Annotations {
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
		out.Annotations[a.Key] = a.Value
	}
	for _, t := range d.Targets {
		out.Targets = append(out.Targets, client.Place(t))
	}
	policy, err := view.Policy(d.Name)
	if err != nil {
		return out, err
	}
	out.Policy = describePolicy(policy)
	terms, ok, err := view.DatasetTerms(d.Name)
	if err != nil {
		return out, err
	}
	if ok {
		out.Terms = describeJobTerms(terms)
	}
	if out.Hours, out.Anomalies, err = describeCounted(view, d.Name); err != nil {
		return out, err
	}
	plans, err := view.Plans(d.Name)
	if err != nil {
		return out, err
	}
	for _, p := range plans {
		shown, err := describePlan(view, p)
		if err != nil {
			return out, err
		}
		out.Plans = append(out.Plans, shown)
	}
	out.Endpoints, out.Deliveries, err = describeEndpoints(view, d.Name, d.Endpoints)
	return out, err
}

// describeEndpoints are those who hear of a dataset or a flow, and how far they have been told.
func describeEndpoints(view *fsm.View, of fsm.DatasetName, all []fsm.Endpoint) (endpoints []client.DatasetEndpoint, deliveries []client.Delivery, err error) {
	endpoints, deliveries = []client.DatasetEndpoint{}, []client.Delivery{}
	waiting, err := view.Notices(of)
	if err != nil {
		return endpoints, deliveries, err
	}
	told, err := view.Deliveries(of)
	if err != nil {
		return endpoints, deliveries, err
	}
	for _, e := range all {
		shown := client.DatasetEndpoint{Name: e.Name, Format: e.Format.String(), URL: e.URL, Token: e.Token, On: []string{}}
		for _, k := range fsm.NoticeKinds() {
			if e.Hears(k) {
				shown.On = append(shown.On, k.String())
			}
		}
		endpoints = append(endpoints, shown)
		for _, t := range told {
			if t.Endpoint == e.Name {
				deliveries = append(deliveries, describeDelivery(e, t, waiting))
			}
		}
	}
	return endpoints, deliveries, nil
}

func describeDelivery(e fsm.Endpoint, t fsm.Delivery, waiting []fsm.Notice) client.Delivery {
	out := client.Delivery{Endpoint: e.Name, Sent: t.Sent, Dropped: t.Dropped, Why: t.Why, At: instant(t.UnixNanos)}
	for _, n := range waiting {
		if n.Index > t.Settled && e.Hears(n.Kind) {
			out.Waiting++
		}
	}
	return out
}
