package schema_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"backstitch/replay/schema"
)

// answering is a registry that says one thing to every question.
type answering struct {
	status int
	body   []byte
	asked  int
}

func (a *answering) RoundTrip(req *http.Request) (*http.Response, error) {
	a.asked++
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Header: http.Header{}, Request: req, Body: io.NopCloser(bytes.NewReader(a.body))}, nil
}

// FuzzAnswers lets what sits at the address of a registry say one thing to every question. Each question has an end and an error of those that callers know, and a
// schema that is known is one that was there.
func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"schema":"{\"type\":\"string\"}","id":1,"version":1,"subject":"s"}`))
	f.Add(200, []byte(`{"schema":"{\"type\":\"string\"}","references":[{"name":"a","subject":"a","version":1},{"name":"b","subject":"b","version":2}]}`))
	f.Add(200, []byte(`[1,2,3]`))
	f.Add(200, []byte(`["a","b"]`))
	f.Add(200, []byte(`[{"subject":"a","version":1}]`))
	f.Add(200, []byte(`{"schema":" "}`))
	f.Add(200, []byte(`{"id":4294967296,"schema":"x","schemaType":"PROTOBUF"}`))
	f.Add(404, []byte(`{"error_code":40403,"message":"Schema not found"}`))
	f.Add(404, []byte(`<html>`))
	f.Add(401, []byte(``))
	f.Add(422, []byte(`{"error_code":42201,"message":"x"}`))
	f.Add(429, []byte(`{}`))
	f.Add(302, []byte(``))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 999 {
			return // no answer of HTTP
		}
		says := &answering{status: status, body: body}
		for what, ask := range map[string]func(*schema.Registry) error{
			"a schema": func(r *schema.Registry) error {
				err := r.Learn(t.Context(), number(1))
				if _, known := r.Known(number(1)); known != (err == nil) {
					t.Errorf("%v, and known %t", err, known)
				}
				if err == nil && !bytes.Contains(bytes.ToLower(body), []byte("schema")) && !bytes.Contains(body, []byte(`\u`)) {
					t.Errorf("a schema was learnt of %q", body)
				}
				return err
			},
			"one of a GUID": func(r *schema.Registry) error { return r.Learn(t.Context(), guid(1)) },
			"whether it has one": func(r *schema.Registry) error {
				_, err := r.Has(t.Context(), number(1))
				return err
			},
			"the subjects": func(r *schema.Registry) error {
				_, err := r.Subjects(t.Context())
				return err
			},
			"the versions of one": func(r *schema.Registry) error {
				_, err := r.All(t.Context(), "s")
				return err
			},
			"who uses it": func(r *schema.Registry) error {
				_, err := r.Usages(t.Context(), 1)
				return err
			},
			"the numbers": func(r *schema.Registry) error {
				_, err := r.Numbers(t.Context(), "s")
				return err
			},
		} {
			says.asked = 0
			r, err := schema.Open("r", "http://r:8081", &http.Client{Transport: says, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }})
			if err != nil {
				t.Fatal(err)
			}
			r.Wait(func(ctx context.Context, _ time.Duration) error { return ctx.Err() })
			if err := ask(r); err != nil && !errors.Is(err, schema.ErrNoAnswer) && !errors.Is(err, schema.ErrUnknown) && !errors.Is(err, schema.ErrRefused) {
				t.Errorf("asked for %s: an error of no kind: %v", what, err)
			} else if err != nil && len(err.Error()) > 2000 {
				t.Errorf("asked for %s: an error of %d bytes", what, len(err.Error()))
			}
			if most := 10 + 3*len(body); says.asked > most {
				t.Errorf("asked for %s: %d questions over an answer of %d bytes", what, says.asked, len(body))
			}
			r.Close()
		}
	})
}
