package recovery_test

import (
	"encoding/json"
	"errors"
	"io"
	"testing"

	"backstitch/replay/hashfile"
	"backstitch/replay/recovery"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecode reads plan files, with the hash that belongs to what is in them: that they were not changed says nothing of who made them. A plan that is taken
// is written and read again as the same; it is printed, and made into what is submitted, or refused, without a fall.
func FuzzDecode(f *testing.F) {
	p := mustBuild(f, newWorld(), "")
	text, err := p.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, false)
	doc, err := json.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc, true)
	f.Add([]byte(`{"version":1}`), true)
	f.Add([]byte(`{"version":1,"spec":{"spec":{"schedule":{"priority":1}}}}`), true)
	f.Add([]byte(`{"version":1,"spec":{"spec":{"schedule":{"priority":1}}},"partitions":[null],"slices":[{}]}`), true)
	form := hashfile.Form{Member: "plan", Version: recovery.PlanVersion, MaxBytes: 1 << 30}
	f.Fuzz(func(t *testing.T, text []byte, sealed bool) {
		if sealed {
			var compact any
			if json.Unmarshal(text, &compact) != nil {
				return
			}
			doc, err := json.Marshal(compact)
			if err != nil {
				t.Fatal(err)
			}
			if text, _, err = form.Encode(doc); err != nil {
				t.Fatal(err)
			}
		}
		got, err := recovery.Decode("orders.plan", text, "")
		if err != nil {
			var bad *recovery.Error
			if !errors.As(err, &bad) || bad.Code == "" || bad.Hint == "" {
				t.Errorf("refused with %.300v", err)
			}
			return
		}
		written, err := got.Encode()
		if err != nil {
			t.Fatalf("what was read can not be written: %v", err)
		}
		again, err := recovery.Decode("orders.plan", written, "")
		if err != nil {
			t.Fatalf("what was written is refused: %v", err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("read again (-first +again):\n%s", diff)
		}
		_ = got.WriteText(io.Discard, recovery.RenderOptions{})
		_ = got.Locks()
		_ = got.NeedsPerson()
		_, _ = got.Submission() // refused, or not
	})
}

// TestAPlanWithoutAWholeSpecIsNone: the hash of a plan says that it was not changed, and not that this program made it.
func TestAPlanWithoutAWholeSpecIsNone(t *testing.T) {
	for _, more := range []string{`{}`, `{"schedule":{"priority":1}}`, `{"schedule":{"priority":300},"select":{},"write":{},"slices":{}}`, `{"schedule":{"priority":-1},"select":{},"write":{},"slices":{}}`} {
		text, _, err := hashfile.Form{Member: "plan", Version: recovery.PlanVersion}.Encode([]byte(`{"version":1,"spec":{"spec":` + more + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		var bad *recovery.Error
		if _, err := recovery.Decode("orders.plan", text, ""); !errors.As(err, &bad) || bad.Code != recovery.CodeNotPlan {
			t.Errorf("%s: got %v, want %s", more, err, recovery.CodeNotPlan)
		}
	}
}
