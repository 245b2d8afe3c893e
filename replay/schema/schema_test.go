package schema_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/schema/schematest"

	"github.com/twmb/franz-go/pkg/sr"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const order = `{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}`

// open makes a client that does not wait between attempts.
func open(t *testing.T, url string) *schema.Registry {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := schema.Open(url, url, client)
	if err != nil {
		t.Fatal(err)
	}
	r.Wait(func(ctx context.Context, _ time.Duration) error { return ctx.Err() })
	t.Cleanup(r.Close)
	return r
}

func number(id uint32) record.SchemaName { return record.SchemaName{ID: id} }

func guid(b byte) record.SchemaName { return record.SchemaName{ByGUID: true, GUID: [16]byte{15: b}} }

func learn(t *testing.T, r *schema.Registry, name record.SchemaName) record.Print {
	t.Helper()
	if err := r.Learn(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	print, ok := r.Known(name)
	if !ok {
		t.Fatalf("%s: not known after it was learnt", name)
	}
	return print
}

// TestPrintsAreOfWhatASchemaSays compares two registries that number, space and place their schemas differently.
func TestPrintsAreOfWhatASchemaSays(t *testing.T) {
	a, b := schematest.New(t), schematest.New(t)
	compact := strings.NewReplacer(" ", "", "\n", "").Replace(order)
	item := sr.Schema{Schema: `"string"`}
	other := sr.Schema{Schema: `"bytes"`}
	refers := func(subject string, version int) sr.Schema {
		return sr.Schema{Schema: `{"type":"array","items":"Item"}`, References: []sr.SchemaReference{{Name: "Item", Subject: subject, Version: version}}}
	}
	a.Register("item", item)
	b.Register("x", other)
	b.Register("x", item)
	a.Put(1, sr.Schema{Schema: order})
	b.Put(101, sr.Schema{Schema: compact})
	b.PutGUID(guid(1).Text(), sr.Schema{Schema: order})
	a.Put(2, sr.Schema{Schema: strings.Replace(order, "long", "int", 1)})
	a.Put(3, refers("item", 1))
	b.Put(103, refers("x", 2))
	b.Put(104, refers("x", 1))
	b.Put(105, sr.Schema{Schema: compact, Type: sr.TypeJSON})
	ra, rb := open(t, a.URL), open(t, b.URL)
	if x, y := learn(t, ra, number(1)), learn(t, rb, number(101)); x != y {
		t.Errorf("the same schema: got %v and %v, want one print", x, y)
	}
	if x, y := learn(t, ra, number(1)), learn(t, rb, guid(1)); x != y {
		t.Errorf("the same schema by number and by GUID: got %v and %v, want one print", x, y)
	}
	if x, y := learn(t, ra, number(3)), learn(t, rb, number(103)); x != y {
		t.Errorf("the same schema, referring to another place: got %v and %v, want one print", x, y)
	}
	for name, id := range map[string]uint32{"references of another schema": 104, "another type": 105} {
		if x := learn(t, rb, number(id)); x == learn(t, ra, number(3)) || x == learn(t, ra, number(1)) {
			t.Errorf("%s: got the same print, want another", name)
		}
	}
	if learn(t, ra, number(1)) == learn(t, ra, number(2)) {
		t.Error("another field type: got the same print, want another")
	}
}

// TestReferencesAreBounded: a registry can make schemas refer to each other as often and as deep as it likes.
func TestReferencesAreBounded(t *testing.T) {
	fake := schematest.New(t)
	link := func(n int) sr.Schema {
		ref := sr.SchemaReference{Name: "x", Subject: fmt.Sprintf("s%d", n), Version: 1}
		return sr.Schema{Schema: `"x"`, References: []sr.SchemaReference{ref, ref}} // a diamond each: 2^n ways
	}
	const deep = schema.MaxDepth
	fake.Register("s0", sr.Schema{Schema: `"string"`})
	for n := 1; n <= deep+1; n++ {
		fake.Register(fmt.Sprintf("s%d", n), link(n-1))
	}
	fake.Put(1, link(deep-1))
	fake.Put(2, link(deep))
	fake.Register("loop", sr.Schema{Schema: `"x"`, References: []sr.SchemaReference{{Name: "x", Subject: "loop", Version: 1}}})
	fake.Put(3, sr.Schema{Schema: `"x"`, References: []sr.SchemaReference{{Name: "x", Subject: "loop", Version: 1}}})
	r := open(t, fake.URL)
	learn(t, r, number(1))
	if got, want := fake.Asked(), deep+1; got != want {
		t.Errorf("questions: got %d, want %d: one for each schema", got, want)
	}
	// That half of it is known changes nothing.
	for _, reg := range []*schema.Registry{r, open(t, fake.URL)} {
		for _, id := range []uint32{2, 3} {
			if err := reg.Learn(t.Context(), number(id)); !errors.Is(err, schema.ErrNoAnswer) || !strings.Contains(err.Error(), "deep") {
				t.Errorf("schema %d: got %v, want a refusal of its depth", id, err)
			}
		}
	}
}

func TestWhatARegistryDoesNotSayIsAnError(t *testing.T) {
	fake := schematest.New(t)
	fake.Put(1, sr.Schema{Schema: order})
	fake.Put(4, sr.Schema{Schema: order, References: []sr.SchemaReference{{Name: "x", Subject: "gone", Version: 7}}})
	r := open(t, fake.URL)
	for _, name := range []record.SchemaName{number(9), guid(9)} {
		if err := r.Learn(t.Context(), name); !errors.Is(err, schema.ErrUnknown) || !strings.Contains(err.Error(), name.Text()) {
			t.Errorf("unknown name: got %v, want %v that names %s", err, schema.ErrUnknown, name)
		}
	}
	if err := r.Learn(t.Context(), number(4)); !errors.Is(err, schema.ErrUnknown) || !strings.Contains(err.Error(), "schema 4 refers to version 7 of subject gone") {
		t.Errorf("unknown reference: got %v, want %v that names both", err, schema.ErrUnknown)
	}
	asked := fake.Asked()
	if err := r.Learn(t.Context(), number(9)); !errors.Is(err, schema.ErrUnknown) || fake.Asked() != asked {
		t.Errorf("asked again: got %v and %d more questions, want %v and none", err, fake.Asked()-asked, schema.ErrUnknown)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Learn(ctx, number(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gave up: got %v, want %v", err, context.Canceled)
	}
	learn(t, r, number(1)) // what was given up is asked again
	fake.SetDown(true)
	learn(t, r, number(1)) // known, so nobody is asked
	asked = fake.Asked()
	if err := r.Learn(t.Context(), number(2)); !errors.Is(err, schema.ErrNoAnswer) || fake.Asked()-asked != schema.Attempts {
		t.Errorf("registry that is down: got %v and %d questions, want %v and %d", err, fake.Asked()-asked, schema.ErrNoAnswer, schema.Attempts)
	}
	asked = fake.Asked()
	if err := r.Learn(t.Context(), number(3)); !errors.Is(err, schema.ErrNoAnswer) || fake.Asked() != asked {
		t.Errorf("registry that was down: got %v and %d more questions, want %v and none", err, fake.Asked()-asked, schema.ErrNoAnswer)
	}
	for _, address := range []string{"registry:8081", "ftp://registry", "http://user:secret@registry", "http://registry?token=secret", "http://registry#secret", ""} {
		if _, err := schema.Open("x", address, &http.Client{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q): got %v, want a refusal that repeats no secret", address, err)
		}
	}
}

func TestAPassingFailureIsTriedAgain(t *testing.T) {
	fake := schematest.New(t)
	fake.Put(1, sr.Schema{Schema: order})
	left := schema.Attempts - 1
	fake.Odd(func(w http.ResponseWriter, _ *http.Request) bool {
		if left--; left < 0 {
			return false
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	learn(t, open(t, fake.URL), number(1))
}

// TestOddAnswersCostOneSchema: each of these is about one question, so other schemas are still told.
func TestOddAnswersCostOneSchema(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   string
	}{
		"not JSON":        {func(w http.ResponseWriter) { fmt.Fprint(w, "<html>hunter2</html>") }, "not the JSON of a registry"},
		"other JSON":      {func(w http.ResponseWriter) { fmt.Fprint(w, `{"status":"hunter2"}`) }, "no schema in it"},
		"null":            {func(w http.ResponseWriter) { fmt.Fprint(w, `null`) }, "no schema in it"},
		"a list":          {func(w http.ResponseWriter) { fmt.Fprint(w, `["hunter2"]`) }, "not the JSON of a registry"},
		"unknown type":    {func(w http.ResponseWriter) { fmt.Fprint(w, `{"schema":"x","schemaType":"hunter2"}`) }, "can not be read"},
		"other not found": {func(w http.ResponseWriter) { http.Error(w, "hunter2", http.StatusNotFound) }, "404 Not Found"},
		"forbidden":       {func(w http.ResponseWriter) { http.Error(w, "hunter2", http.StatusForbidden) }, "refuses the login"},
		"redirect": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://169.254.169.254/hunter2")
			w.WriteHeader(http.StatusFound)
		}, "redirects are not followed"},
		"too long": {func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"schema":"`)
			chunk := strings.Repeat("x", 1<<20)
			for range schema.MostBytes>>20 + 1 {
				fmt.Fprint(w, chunk)
			}
			fmt.Fprint(w, `"}`)
		}, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := schematest.New(t)
			fake.Put(1, sr.Schema{Schema: order})
			fake.Odd(func(w http.ResponseWriter, req *http.Request) bool {
				odd := strings.HasSuffix(req.URL.Path, "/2")
				if odd {
					c.answer(w)
				}
				return odd
			})
			r := open(t, fake.URL)
			err := r.Learn(t.Context(), number(2))
			if !errors.Is(err, schema.ErrNoAnswer) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "schema 2 of") {
				t.Errorf("got %v, want %v that names schema 2 and says %q", err, schema.ErrNoAnswer, c.want)
			}
			if strings.Contains(fmt.Sprint(err), "hunter2") {
				t.Errorf("got %v, want nothing of the answer in it", err)
			}
			learn(t, r, number(1))
		})
	}
}

func TestARefusedLoginIsNotTriedAgain(t *testing.T) {
	fake := schematest.New(t)
	fake.Require("Bearer right")
	r := open(t, fake.URL)
	for range 2 {
		if err := r.Learn(t.Context(), number(1)); !errors.Is(err, schema.ErrLogin) || !errors.Is(err, schema.ErrNoAnswer) {
			t.Errorf("got %v, want %v", err, schema.ErrLogin)
		}
	}
	if got := fake.Asked(); got != 1 {
		t.Errorf("questions: got %d, want 1: a login that is tried often is locked", got)
	}
}

// TestASlowRegistryIsGivenUp ends each attempt as its timeout would.
func TestASlowRegistryIsGivenUp(t *testing.T) {
	attempts := 0
	client := &http.Client{Transport: timesOut{&http.Transport{}, &attempts}}
	r, err := schema.Open("slow", "http://slow.invalid", client)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Wait(func(ctx context.Context, _ time.Duration) error { return ctx.Err() })
	if err := r.Learn(t.Context(), number(1)); !errors.Is(err, schema.ErrNoAnswer) || attempts != schema.Attempts {
		t.Errorf("got %v after %d attempts, want %v after %d", err, attempts, schema.ErrNoAnswer, schema.Attempts)
	}
}

type timesOut struct {
	*http.Transport
	attempts *int
}

func (x timesOut) RoundTrip(req *http.Request) (*http.Response, error) {
	*x.attempts++
	if _, ok := req.Context().Deadline(); !ok {
		return nil, errors.New("a question without a deadline")
	}
	return nil, context.DeadlineExceeded
}

func TestAQuestionIsAskedOnce(t *testing.T) {
	fake := schematest.New(t)
	fake.Put(7, sr.Schema{Schema: order})
	r := open(t, fake.URL)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := r.Learn(t.Context(), number(7)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := fake.Asked(); got != 1 {
		t.Errorf("questions: got %d, want 1", got)
	}
}
