package main

import (
	"errors"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/replay/spec"

	"github.com/google/go-cmp/cmp"
)

// TestWhichPlanACommandIsAbout: the one that is named, or the only one that waits; never one of two.
func TestWhichPlanACommandIsAbout(t *testing.T) {
	plan := func(id, state string) client.DatasetPlan { return client.DatasetPlan{ID: id, State: state} }
	one := client.Dataset{Namespace: "shop", Name: "orders", Plans: []client.DatasetPlan{plan("bs-c", "making"), plan("bs-b", "waiting"), plan("bs-a", "rejected")}}
	two := one
	two.Plans = append([]client.DatasetPlan{plan("bs-d", "waiting")}, one.Plans...)
	for name, row := range map[string]struct {
		d    client.Dataset
		args []string
		want string // an id, or a part of the title of a refusal
	}{
		"the one that waits":  {one, []string{"orders"}, "bs-b"},
		"one that is named":   {one, []string{"orders", "bs-a"}, "bs-a"},
		"one of two":          {two, []string{"orders", "bs-d"}, "bs-d"},
		"two":                 {two, []string{"orders"}, "2 plans of shop/orders wait"},
		"none":                {client.Dataset{Namespace: "shop", Name: "orders"}, []string{"orders"}, "no plan of shop/orders waits"},
		"one that is not its": {one, []string{"orders", "bs-x"}, "shop/orders has no plan bs-x"},
	} {
		p, err := planOf(row.d, row.args)
		got := p.ID
		if f := (*failure)(nil); errors.As(err, &f) {
			got = f.Title
			if f.Exit != client.ExitNotFound || f.Next != "backstitch dataset plans shop/orders" {
				t.Errorf("%s: exit %d, next %q", name, f.Exit, f.Next)
			}
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}

func TestAPolicyGoesToTheClusterWithItsLimits(t *testing.T) {
	d, err := spec.ParseDataset("x", []byte(datasetText+"  policy: run\n  limits: {maxRecords: 20000, maxBytes: 1GiB}\n"), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put, err := datasetSubmission(d.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	if want := (client.DatasetPolicy{Act: "run", MaxRecords: 20_000, MaxBytes: 1 << 30}); put.Policy == nil || *put.Policy != want {
		t.Fatalf("got %+v, want %+v", put.Policy, want)
	}
	if text := policyText(*put.Policy); text != "run, up to 20,000 records and 1.0 GiB in one plan" {
		t.Errorf("got %q", text)
	}
	if on := strings.Join(put.Endpoints[0].On, ","); on != "succeeded,failed,found,planned" {
		t.Errorf("the endpoint hears of %s", on)
	}
}

// Hours and a deadline go to the cluster as a recovery's do, are shown, and let endpoints hear of deadlines.
func TestADatasetsTermsGoToTheCluster(t *testing.T) {
	d, err := spec.ParseDataset("x", []byte(datasetText+`  policy: planAndWait
  hours: {timezone: Europe/Berlin, blackout: [{cron: "0 7 * * MON-FRI", duration: 12h}]}
  sla: {recoverWithin: 6h}
`), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put, err := datasetSubmission(d.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	want := &client.Terms{Timezone: "Europe/Berlin", Blackout: []client.Window{{Cron: "0 7 * * MON-FRI", DurationMs: 12 * 3_600_000}},
		SLA: &client.SLA{RecoverWithinMs: 6 * 3_600_000, AlertPercent: 75, CompletePPM: 1_000_000}}
	if diff := cmp.Diff(put.Terms, want); diff != "" {
		t.Fatalf("terms (-got +want):\n%s", diff)
	}
	if on := strings.Join(put.Endpoints[0].On, ","); on != "succeeded,failed,found,planned,sla-at-risk,sla-missed" {
		t.Errorf("the endpoint hears of %s", on)
	}
	var shown strings.Builder
	if err := showDataset(&shown, client.Dataset{Terms: put.Terms}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"hours      0 with a limit and 1 in which nothing runs, in Europe/Berlin", "sla        100 % within 6h0m of the detection, alert after 75 %"} {
		if !strings.Contains(shown.String(), line) {
			t.Errorf("no %q in:\n%s", line, shown.String())
		}
	}
}
