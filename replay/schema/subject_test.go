package schema_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"backstitch/replay/schema"
	"backstitch/replay/schema/compat"
	"backstitch/replay/schema/schematest"

	"github.com/twmb/franz-go/pkg/sr"
)

// TestReferencesStayInTheirContext: the same names mean other subjects in another context.
func TestReferencesStayInTheirContext(t *testing.T) {
	fake := schematest.New(t)
	for space, typ := range map[string]string{"": "int", ":.pay:": "long"} {
		fake.Register(space+"units", sr.Schema{Schema: `{"type":"fixed","name":"a.Unit","size":4}`})
		fake.Register(space+"lines", sr.Schema{Schema: `{"type":"record","name":"a.Line","fields":[{"name":"n","type":"` + typ + `"},{"name":"u","type":"a.Unit"}]}`,
			References: []sr.SchemaReference{{Name: "a.Unit", Subject: "units", Version: 1}}})
		fake.Register(space+"orders-value", sr.Schema{Schema: `{"type":"record","name":"a.Order","fields":[{"name":"line","type":"a.Line"}]}`,
			References: []sr.SchemaReference{{Name: "a.Line", Subject: "lines", Version: 1}}})
	}
	r := open(t, fake.URL)
	for space, typ := range map[string]string{"": `"int"`, ":.pay:": `"long"`} {
		v, err := r.Version(t.Context(), space+"orders-value", 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := compat.Parse(v.Text); err != nil || !strings.Contains(v.Text.References[0].Text.Schema, typ) || len(v.Text.References[0].Text.References) != 1 {
			t.Errorf("%s: got %+v, %v, want the line with %s and its unit", v.Name(), v.Text, err, typ)
		}
	}
	a, _ := r.Version(t.Context(), "orders-value", 1)
	b, _ := r.Version(t.Context(), ":.pay:orders-value", 1)
	if a.Print == b.Print {
		t.Error("two orders whose lines differ have one fingerprint")
	}
}

// TestModeOfASubject: its own, else that of all; an answer that names none is no answer.
func TestModeOfASubject(t *testing.T) {
	for _, c := range []struct {
		name         string
		subject, all string // levels that the registry answers, "" for not found
		want         compat.Mode
		err          error
	}{
		{"its own", "FULL", "BACKWARD", compat.Full, nil},
		{"that of all", "", "FORWARD_TRANSITIVE", compat.ForwardTransitive, nil},
		{"neither", "", "", "", schema.ErrUnknown},
		{"one that nobody knows", "SIDEWAYS", "FULL", "", schema.ErrNoAnswer},
	} {
		fake := schematest.New(t)
		fake.Odd(func(w http.ResponseWriter, req *http.Request) bool {
			level, ok := map[string]string{"/config/orders-value": c.subject, "/config": c.all, "/config/": c.all}[req.URL.Path]
			if !ok {
				return false
			}
			if level == "" {
				w.WriteHeader(http.StatusNotFound)
				_, _ = w.Write([]byte(`{"error_code":40408}`))
				return true
			}
			_ = json.NewEncoder(w).Encode(map[string]string{"compatibilityLevel": level})
			return true
		})
		got, err := open(t, fake.URL).Mode(t.Context(), "orders-value")
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: got %s, %v, want %s, %v", c.name, got, err, c.want, c.err)
		}
	}
}

// TestARefusalIsAboutTheSchema, and not about a registry that is down: others may still be asked.
func TestARefusalIsAboutTheSchema(t *testing.T) {
	for status, code := range map[int]string{http.StatusConflict: "409", http.StatusUnprocessableEntity: "42201"} {
		fake := schematest.New(t)
		fake.Register("lines", sr.Schema{Schema: `"int"`})
		fake.Odd(func(w http.ResponseWriter, req *http.Request) bool {
			if req.Method != http.MethodPost {
				return false
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"error_code":` + code + `,"message":"hunter2"}`))
			return true
		})
		r := open(t, fake.URL)
		_, err := r.Register(t.Context(), "orders-value", sr.Schema{Schema: `"string"`})
		if !errors.Is(err, schema.ErrRefused) || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), code) {
			t.Errorf("%d: got %v, want %v with its number and nothing that it said", status, err, schema.ErrRefused)
		}
		if _, err := r.Versions(t.Context(), "lines"); err != nil {
			t.Errorf("%d: afterwards: %v", status, err)
		}
	}
}
