package admin

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
)

// A window is set, shown with the jobs that it concerns, and removed; a job says which window it rests in, and until when.
func TestMaintenance(t *testing.T) {
	h := api(t, upgraded(t))
	var j client.Job
	if w := ask(t, h, http.MethodPost, "/v1/jobs", "", plan("bs-a", "orders", "kafka:c/t/0", 1), &j); w.Code != http.StatusOK || j.Hours != nil {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	ask(t, h, http.MethodPost, "/v1/jobs", "", plan("bs-b", "bills", "kafka:d/u/0", 1), nil)
	from := testNow.Add(-time.Minute)
	put := client.PutMaintenance{Name: "kafka-upgrade", Scope: "target/kafka:c", From: &from, DurationMs: 3_600_000, Reason: "INC-4211"}
	var all client.MaintenanceWindows
	if w := ask(t, h, http.MethodPost, "/v1/maintenance", "k1", text(t, put), &all); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	ends := from.Add(time.Hour)
	if w := all.Windows; len(w) != 1 || w[0].On == nil || !w[0].On.Equal(ends) || len(w[0].Jobs) != 1 || w[0].Jobs[0] != "bs-a" || w[0].Why != "INC-4211" || w[0].Timezone != "" {
		t.Errorf("windows: %+v", all)
	}
	ask(t, h, http.MethodGet, "/v1/jobs/bs-a", "", "", &j)
	if j.Hours == nil || j.Hours.Maintenance != "kafka-upgrade" || j.Hours.Blackout == nil || !j.Hours.Blackout.Equal(ends) {
		t.Errorf("hours of a job that it concerns: %+v", j.Hours)
	}
	var other client.Job
	if ask(t, h, http.MethodGet, "/v1/jobs/bs-b", "", "", &other); other.Hours != nil {
		t.Errorf("hours of a job that it does not concern: %+v", other.Hours)
	}
	weekly := client.PutMaintenance{Name: "weekly", Scope: "namespace/default", Timezone: "Europe/Berlin", Cron: "0 2 * * SUN", DurationMs: 7_200_000}
	if ask(t, h, http.MethodPost, "/v1/maintenance", "", text(t, weekly), &all); len(all.Windows) != 2 || all.Windows[1].Next == nil || all.Windows[1].Timezone != "Europe/Berlin" {
		t.Errorf("windows: %+v", all)
	}
	if ask(t, h, http.MethodPost, "/v1/maintenance", "", text(t, client.PutMaintenance{Name: "kafka-upgrade", Off: true}), &all); len(all.Windows) != 1 {
		t.Errorf("windows after one was removed: %+v", all)
	}
}

// What nobody can have meant is refused with the field, what meets another window of the scope with its name, and all of it by an older cluster.
func TestMaintenanceThatIsRefused(t *testing.T) {
	hour, ago := int64(3_600_000), testNow.Add(-2*time.Hour)
	soon := testNow.Add(time.Hour)
	good := client.PutMaintenance{Name: "weekly", Scope: "cluster", Cron: "0 2 * * SUN", DurationMs: 2 * hour}
	var p client.Problem
	if ask(t, api(t, newFake(t)), http.MethodPost, "/v1/maintenance", "", text(t, good), &p); p.Code != client.CodeNeedsVersion {
		t.Errorf("by a cluster of version 1: %+v", p)
	}
	h := api(t, upgraded(t))
	if w := ask(t, h, http.MethodPost, "/v1/maintenance", "", text(t, good), nil); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, row := range []struct {
		put       client.PutMaintenance
		code, why string
	}{
		{client.PutMaintenance{Name: "x", Scope: "cluster", Cron: "0 2 * *", DurationMs: hour}, client.CodeWindow, "cron: cron line"},
		{client.PutMaintenance{Name: "x", Scope: "cluster", DurationMs: hour}, client.CodeWindow, "cron: want either"},
		{client.PutMaintenance{Name: "x", Scope: "cluster", Cron: "0 2 * * *", From: &soon, DurationMs: hour}, client.CodeWindow, "cron: want either"},
		{client.PutMaintenance{Name: "x", Scope: "cluster", Timezone: "Berlin", Cron: "0 2 * * *", DurationMs: hour}, client.CodeWindow, "timezone: there is no"},
		{client.PutMaintenance{Name: "x", Scope: "cluster", Timezone: "UTC", From: &soon, DurationMs: hour}, client.CodeWindow, "timezone: it is for cron"},
		{client.PutMaintenance{Name: "x", Scope: "cluster", From: &ago, DurationMs: hour}, client.CodeWindow, "from: it is over"},
		{client.PutMaintenance{Name: "x", Scope: "cluster", Cron: "0 2 * * *", DurationMs: 24 * hour}, client.CodeWindow, "duration: it begins again"},
		{client.PutMaintenance{Name: "x", Scope: "cluster", Cron: "30 3 * * *", DurationMs: hour}, client.CodeWindowsMeet, "weekly"},
		{client.PutMaintenance{Name: "x", Scope: "target/orders", Cron: "0 2 * * *", DurationMs: hour}, client.CodeInvalid, "no place"},
		{client.PutMaintenance{Name: "weekly", Off: true, DurationMs: hour}, client.CodeInvalid, ""},
		{client.PutMaintenance{Name: "wekly", Off: true}, client.CodeNotFound, "wekly"},
	} {
		p = client.Problem{}
		if ask(t, h, http.MethodPost, "/v1/maintenance", "", text(t, row.put), &p); p.Code != row.code || !strings.Contains(p.Title+p.Detail, row.why) {
			t.Errorf("%+v: got %+v, want %s with %q", row.put, p, row.code, row.why)
		}
	}
	good.Cron = "30 3 * * SUN" // meets itself as it was, which it replaces
	if w := ask(t, h, http.MethodPost, "/v1/maintenance", "", text(t, good), nil); w.Code != http.StatusOK {
		t.Errorf("a window that replaces itself: %d %s", w.Code, w.Body)
	}
	good.Name, good.Scope = "other", "namespace/shop"
	if w := ask(t, h, http.MethodPost, "/v1/maintenance", "", text(t, good), nil); w.Code != http.StatusOK {
		t.Errorf("a window of another scope at the same time: %d %s", w.Code, w.Body)
	}
}
