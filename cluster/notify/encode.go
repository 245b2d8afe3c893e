package notify

import (
	"encoding/json"
	"fmt"
	"strings"

	"backstitch/fsm"
)

// Message is what is posted to an endpoint.
type Message struct {
	ID          string // Event.ID, sent as Idempotency-Key
	URL         string
	ContentType string
	Body        []byte
}

// Encode makes the message for one endpoint. A format that has no word for the event's kind is an error: specs refuse it.
func Encode(to fsm.Endpoint, e Event) (Message, error) {
	m := Message{ID: e.ID, URL: to.URL, ContentType: "application/json"}
	var value any
	switch to.Format {
	case fsm.FormatAlertmanager:
		m.URL = strings.TrimRight(to.URL, "/") + "/api/v2/alerts"
		value = alerts(e)
	case fsm.FormatAlertWebhook:
		value = alertWebhook(to.Name, e)
	case fsm.FormatCloudEvents:
		m.ContentType = "application/cloudevents+json; charset=UTF-8"
		value = cloudEvent(e)
	case fsm.FormatOpenLineage:
		value = runEvent(e)
		if e.Flow != nil {
			value = flowRun(e)
		}
	default:
		return Message{}, fmt.Errorf("encode notice %s: %s is not known", e.ID, to.Format)
	}
	if alarm := to.Format == fsm.FormatAlertmanager || to.Format == fsm.FormatAlertWebhook; alarm && len(alarms(e)) == 0 {
		return Message{}, fmt.Errorf("encode notice %s: an alert has no word for %s", e.ID, e.Kind)
	}
	if to.Format == fsm.FormatOpenLineage && e.Flow == nil && lineageTypes[e.Kind] == "" {
		return Message{}, fmt.Errorf("encode notice %s: a run has no event for %s", e.ID, e.Kind)
	}
	body, err := json.Marshal(value)
	if err != nil {
		return Message{}, fmt.Errorf("encode notice %s: %w", e.ID, err)
	}
	m.Body = body
	return m, nil
}
