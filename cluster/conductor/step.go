package conductor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/flow"
)

// Kinds of steps.
const (
	Recovery = "recovery" // Body is a recovery's spec, which the Planner reads
	HTTP     = "http"     // Body is a Call
	Manual   = "manual"   // Body is a Question
	Verify   = "verify"   // Body is {}: the gate is all that there is to it

	RunDatabricks = "databricks" // Body is a Databricks
	RunAirflow    = "airflow"    // Body is an Airflow

	WaitConsumers = "consumers" // Body is a Wait
	RollBack      = "rollback"  // Body is a TakeBack
	RunProgram    = "exec"      // Body is an Exec
)

// Call is one HTTP request, with the attempt's token as its Idempotency-Key.
type Call struct {
	Method  string   `json:"method"`
	URL     string   `json:"url"`
	Headers []Header `json:"headers,omitempty"`
	Body    string   `json:"body,omitempty"`
	// Once says that the other end does not know an Idempotency-Key: a call that may have been made is not made again.
	Once bool `json:"once,omitempty"`
}

// Header is one header, with its value or with where a secret value comes from.
type Header struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Secret string `json:"secret,omitempty"` // env:BACKSTITCH_NOTIFY_NAME or file:NAME
}

// Question is what a person is asked.
type Question struct {
	Prompt string `json:"prompt"`
}

// Planner makes the plan of a recovery step. It runs on the leader. A nil plan has nothing to write and nothing to compare. An error that is
// ErrRefused will be the same the next time. The terms are those of its job, nil for none; the conductor says when the loss was detected.
type Planner interface {
	Plan(ctx context.Context, spec []byte) (*fsm.MadePlan, *fsm.JobTerms, error)
}

// Check says why no conductor takes a step, nil when one does.
func Check(s flow.Step) error {
	switch s.Kind {
	case Recovery:
		if !json.Valid(s.Body) {
			return fmt.Errorf("step %s: its recovery is not JSON", s.Name)
		}
		return nil
	case HTTP:
		var c Call
		if err := strict(s.Body, &c); err != nil {
			return fmt.Errorf("step %s: %w", s.Name, err)
		}
		return c.check(s.Name)
	case RunDatabricks:
		var d Databricks
		if err := strict(s.Body, &d); err != nil {
			return fmt.Errorf("step %s: %w", s.Name, err)
		}
		if d.JobID <= 0 {
			return fmt.Errorf("step %s: it names no job", s.Name)
		}
		return checkRun(s.Name, d.URL, d.Authorization)
	case RunAirflow:
		var a Airflow
		if err := strict(s.Body, &a); err != nil {
			return fmt.Errorf("step %s: %w", s.Name, err)
		}
		if a.DAG == "" {
			return fmt.Errorf("step %s: it names no DAG", s.Name)
		}
		return checkRun(s.Name, a.URL, a.Authorization)
	case WaitConsumers:
		var w Wait
		if err := strict(s.Body, &w); err != nil {
			return fmt.Errorf("step %s: %w", s.Name, err)
		}
		return w.check(s.Name)
	case RunProgram:
		var e Exec
		if err := strict(s.Body, &e); err != nil {
			return fmt.Errorf("step %s: %w", s.Name, err)
		}
		return e.check(s.Name)
	case RollBack:
		var b TakeBack
		if err := strict(s.Body, &b); err != nil {
			return fmt.Errorf("step %s: %w", s.Name, err)
		}
		if b.Step == "" {
			return fmt.Errorf("step %s: it names no step whose job it takes back", s.Name)
		}
		return nil
	case Manual:
		return strict(s.Body, &Question{})
	case Verify:
		if s.Gate == "" {
			return fmt.Errorf("step %s verifies nothing: it has no gate", s.Name)
		}
		return strict(s.Body, &struct{}{})
	}
	return fmt.Errorf("step %s is of kind %q, which this program does not know", s.Name, s.Kind)
}

// Proves reports whether a step leaves a proof for gates.
func Proves(s flow.Step) bool { return s.Kind == Recovery }

func strict(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("there is more behind it")
	}
	return nil
}

// ours are headers that a call can not set: they are the conductor's, or the connection's.
var ours = []string{"Idempotency-Key", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Te", "Trailer", "Upgrade"}

// nameLetters are what names of headers are made of here.
const nameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func (c Call) check(step string) error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil:
		return fmt.Errorf("step %s: its URL is not http or https with a host and without a user", step) // what the parser says repeats the URL
	case c.Method != http.MethodGet && c.Method != http.MethodPost && c.Method != http.MethodPut && c.Method != http.MethodPatch && c.Method != http.MethodDelete:
		return fmt.Errorf("step %s: method %q", step, c.Method)
	}
	for _, h := range c.Headers {
		name := http.CanonicalHeaderKey(h.Name)
		for _, o := range ours {
			if name == o {
				return fmt.Errorf("step %s: header %s is not a step's to set", step, o)
			}
		}
		if h.Name == "" || strings.Trim(h.Name, nameLetters) != "" || strings.ContainsAny(h.Value, "\r\n\x00") || (h.Value == "") == (h.Secret == "") {
			return fmt.Errorf("step %s: header %q needs a name, and a value or a secret", step, h.Name)
		}
	}
	return nil
}

// outcome is what came of an attempt.
type outcome struct {
	class flow.Class // 0 for well
	why   string
	after time.Duration // the other end asks for a pause of this length
	made  *fsm.MadePlan // of a recovery step: it goes on
	terms *fsm.JobTerms // of its job, nil for none
}

func failed(class flow.Class, format string, args ...any) outcome {
	return outcome{class: class, why: strings.ToValidUTF8(fmt.Sprintf(format, args...), "?")}
}
