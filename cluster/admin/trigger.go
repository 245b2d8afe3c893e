package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"backstitch/cluster/client"
	"backstitch/cluster/notify"
	"backstitch/fsm"
	"backstitch/partition"
)

// An Alertmanager calls here as it calls any other webhook. It repeats a group for as long as it fires, and calls again after an answer
// of 5xx, so everything here has to be harmless the second time: the id of a scan is made of what fired and when.

const (
	// triggerLabel names the dataset that an alert is about: NAME or NAMESPACE/NAME. The label "namespace" is not used, because
	// alerts of a Kubernetes cluster have one that means something else.
	triggerLabel     = "backstitch_dataset"
	maxTrigger       = 1 << 20 // bytes
	maxTriggerAlerts = 1000
)

// alertGroup is as much of payload version 4 as is used. Unknown members are none of our business: others write them.
type alertGroup struct {
	Version string       `json:"version"`
	Alerts  []firedAlert `json:"alerts"`
}

type firedAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	StartsAt     time.Time         `json:"startsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// decodeAlerts reads one payload and refuses what does not look like one.
func decodeAlerts(body []byte) (alertGroup, error) {
	var g alertGroup
	if len(body) > maxTrigger {
		return g, fmt.Errorf("%d bytes, at most %d are allowed", len(body), maxTrigger)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&g); err != nil {
		return g, fmt.Errorf("not the JSON of an Alertmanager: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return g, errors.New("something follows the JSON")
	}
	switch {
	case g.Version != "4":
		return g, fmt.Errorf("payload version %q, want 4", g.Version)
	case len(g.Alerts) == 0 || len(g.Alerts) > maxTriggerAlerts:
		return g, fmt.Errorf("%d alerts, want 1 to %d", len(g.Alerts), maxTriggerAlerts)
	}
	for i, a := range g.Alerts {
		switch {
		case a.Status != "firing" && a.Status != "resolved":
			return g, fmt.Errorf("alert %d has status %q", i+1, a.Status)
		case a.Fingerprint == "" || len(a.Fingerprint) > 64:
			return g, fmt.Errorf("alert %d has a fingerprint of %d characters", i+1, len(a.Fingerprint))
		case a.StartsAt.IsZero():
			return g, fmt.Errorf("alert %d does not say since when", i+1)
		}
	}
	return g, nil
}

// dataset returns the dataset that the alert names, "" for none.
func (a firedAlert) dataset() fsm.DatasetName {
	name := a.Labels[triggerLabel]
	if name == "" || strings.Contains(name, "/") {
		return fsm.DatasetName(name)
	}
	return fsm.DatasetOf("", name)
}

type triggerInput struct{ RawBody []byte }

// trigger starts a scan of each dataset that a firing alert names.
func (s *Server) trigger(ctx context.Context, in *triggerInput) (*indexed[client.TriggerResults], error) {
	group, err := decodeAlerts(in.RawBody)
	if err != nil {
		return nil, invalid(err.Error(), "point a webhook_config of an Alertmanager here")
	}
	out := client.TriggerResults{Alerts: []client.Triggered{}}
	var wrong []client.ProblemField
	for i, a := range group.Alerts {
		t := client.Triggered{Fingerprint: a.Fingerprint, Dataset: string(a.dataset())}
		switch {
		case a.Status == "resolved":
			t.Result = "resolved"
		case t.Dataset == "":
			t.Result = "unlabelled"
		case notify.Raised(a.GeneratorURL) || notify.Ours(a.Labels["alertname"]):
			// What a scan or a repair tells must not start the next one: it would be told, too, and so on, also round two clusters.
			t.Result = "own"
		default:
			var why string
			if why, err = s.scanFor(ctx, a, &t); err != nil {
				return nil, err
			}
			if why != "" {
				wrong = append(wrong, client.ProblemField{Location: fmt.Sprintf("alerts[%d].labels.%s", i, triggerLabel), Message: why, Value: t.Dataset})
			}
		}
		out.Alerts = append(out.Alerts, t)
	}
	if len(wrong) > 0 {
		// The others have been started; an Alertmanager does not repeat what was answered with 4xx.
		p := newProblem(http.StatusUnprocessableEntity, client.CodeInvalid, "an alert names what can not be scanned",
			fmt.Sprintf("%d of %d alerts; scans for the others were started", len(wrong), len(group.Alerts)), "backstitch dataset list")
		p.Errors = wrong
		return nil, p
	}
	return &indexed[client.TriggerResults]{Leader: string(s.node.Leader()), Body: out}, nil
}

// scanFor starts the scans that one alert asks for, and says why it can not.
func (s *Server) scanFor(ctx context.Context, a firedAlert, t *client.Triggered) (why string, err error) {
	view, err := s.node.View()
	if err != nil {
		return "", s.failed(err)
	}
	defer view.Close()
	name := a.dataset()
	d, ok, err := view.Dataset(name)
	switch {
	case err != nil:
		return "", s.failed(err)
	case !ok:
		return "there is no such dataset", nil
	case len(d.Orders) == 0:
		return "the dataset has no scans", nil
	}
	scans, err := s.scanTargets(ctx, view, d,
		func(i int) partition.JobID { return fsm.TriggeredScanID(name, i, a.Fingerprint, a.StartsAt.UnixNano()) },
		func(int) fsm.Envelope {
			return s.envelope(ctx, Keyed{}, "", printable(fmt.Sprintf("alert %s fires since %s", a.Labels["alertname"], a.StartsAt.UTC().Format(time.RFC3339)), 256))
		})
	if err != nil {
		return "", err
	}
	t.Result = scanKnown
	for _, x := range scans {
		if t.Scans = append(t.Scans, x.ID); x.How == scanStarted || t.Result == scanKnown {
			t.Result = x.How
		}
	}
	return "", nil
}
