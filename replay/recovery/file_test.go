package recovery

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestAPlanIsNotSavedOverSomethingElse: -o with the name of the spec must not destroy the spec.
func TestAPlanIsNotSavedOverSomethingElse(t *testing.T) {
	dir := t.TempDir()
	plan := &Plan{Version: PlanVersion}
	spec, file := filepath.Join(dir, "orders.yaml"), filepath.Join(dir, "orders.plan")
	for name, text := range map[string]string{spec: "apiVersion: backstitch.dev/v1\n", filepath.Join(dir, "short"): "x"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		var refused *Error
		if err := plan.WriteFile(name); !errors.As(err, &refused) || refused.Code != CodeOverwrite {
			t.Errorf("%s: got %v, want %s", name, err, CodeOverwrite)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("%s: got %q, %v, want what was there", name, got, err)
		}
	}
	for range 2 { // new, and over an older plan
		if err := plan.WriteFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(file, 0); err != nil { // as mktemp leaves it
		t.Fatal(err)
	}
	if err := plan.WriteFile(file); err != nil {
		t.Fatal(err)
	}
}

// TestASpecThatIsRunAsAPlanIsNotOverwritten: the hint must not tell a person to save a plan under the spec's name.
func TestASpecThatIsRunAsAPlanIsNotOverwritten(t *testing.T) {
	_, err := Decode("orders.yaml", []byte("apiVersion: backstitch.dev/v1\n"), "")
	var refused *Error
	if !errors.As(err, &refused) || refused.Code != CodeNotPlan || refused.Next() != "if it is a spec: backstitch run -f orders.yaml" {
		t.Errorf("got %+v", refused)
	}
}
