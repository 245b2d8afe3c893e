package chaosmesh

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name        string            `yaml:"name"`
		Namespace   string            `yaml:"namespace"`
		Annotations map[string]string `yaml:"annotations"`
	} `yaml:"metadata"`
	Spec spec `yaml:"spec"`
}

// spec has the fields that the objects use, of each kind: an unknown one is refused.
type spec struct {
	Action      string    `yaml:"action"`
	Mode        string    `yaml:"mode"`
	Duration    string    `yaml:"duration"`
	GracePeriod *int      `yaml:"gracePeriod"`
	Selector    *selector `yaml:"selector"`
	Direction   string    `yaml:"direction"`
	Target      *struct {
		Mode     string    `yaml:"mode"`
		Selector *selector `yaml:"selector"`
	} `yaml:"target"`
	Delay any `yaml:"delay"` // of NetworkChaos an object, of IOChaos a length of time
	Loss  *struct {
		Loss string `yaml:"loss"`
	} `yaml:"loss"`
	VolumePath string   `yaml:"volumePath"`
	Path       string   `yaml:"path"`
	Methods    []string `yaml:"methods"`
	Percent    int      `yaml:"percent"`
	TimeOffset string   `yaml:"timeOffset"`
	ClockIDs   []string `yaml:"clockIds"`
	Stressors  *struct {
		CPU struct {
			Workers int `yaml:"workers"`
			Load    int `yaml:"load"`
		} `yaml:"cpu"`
	} `yaml:"stressors"`

	Schedule          string `yaml:"schedule"`
	HistoryLimit      int    `yaml:"historyLimit"`
	ConcurrencyPolicy string `yaml:"concurrencyPolicy"`
	Type              string `yaml:"type"`
	PodChaos          *spec  `yaml:"podChaos"`
}

type selector struct {
	Namespaces     []string          `yaml:"namespaces"`
	LabelSelectors map[string]string `yaml:"labelSelectors"`
}

// means is what a story's timeline says when an object of that kind and action tells it.
var means = map[string]string{
	"PodChaos pod-kill": "kill", "NetworkChaos partition": "partition", "NetworkChaos delay": "delay", "NetworkChaos loss": "loss",
	"IOChaos latency": "disk slow", "TimeChaos ": "clock skew", "StressChaos ": "cpu",
}

func TestTheObjectsTellTheirStories(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d objects, %v", len(files), err)
	}
	told := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var o object
		if err := yaml.UnmarshalWithOptions(text, &o, yaml.Strict()); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if o.APIVersion != "chaos-mesh.org/v1alpha1" || o.Metadata.Name != "backstitch-"+strings.TrimSuffix(file, ".yaml") {
			t.Errorf("%s: %s named %q", file, o.APIVersion, o.Metadata.Name)
		}
		does, kind := o.Spec, o.Kind
		if kind == "Schedule" {
			if o.Spec.PodChaos == nil || o.Spec.ConcurrencyPolicy != "Forbid" {
				t.Errorf("%s: a schedule that does nothing, or twice at once", file)
				continue
			}
			does, kind = *o.Spec.PodChaos, o.Spec.Type
		}
		check(t, file, kind, does)
		story := o.Metadata.Annotations["backstitch.dev/story"]
		library, err := os.ReadFile(filepath.Join("../../chaos/scenario/library", story+".yaml"))
		if err != nil {
			t.Errorf("%s tells %q, and there is no such story", file, story)
			continue
		}
		word, ok := means[kind+" "+does.Action]
		if _, timeline, _ := strings.Cut(string(library), "timeline:"); !ok || !regexp.MustCompile(`(?m)^  - .*\b`+word+`\b`).MatchString(timeline) {
			t.Errorf("%s: %s %s is not what %s does", file, kind, does.Action, story)
		}
		told[kind] = true
	}
	for _, kind := range []string{"PodChaos", "NetworkChaos", "IOChaos", "TimeChaos", "StressChaos"} {
		if !told[kind] {
			t.Errorf("no object is a %s", kind)
		}
	}
}

func check(t *testing.T, file, kind string, s spec) {
	t.Helper()
	aims := []*selector{s.Selector}
	if s.Target != nil {
		aims = append(aims, s.Target.Selector)
	}
	for _, a := range aims {
		if a == nil || len(a.Namespaces) != 1 || a.Namespaces[0] != "backstitch-staging" || a.LabelSelectors["app.kubernetes.io/name"] != "backstitch" ||
			a.LabelSelectors["backstitch.dev/environment"] != "staging" {
			t.Errorf("%s: does not aim at agents of staging alone: %+v", file, a)
		}
	}
	if s.Mode != "one" && s.Mode != "all" {
		t.Errorf("%s: mode %q", file, s.Mode)
	}
	if kind == "PodChaos" {
		if s.GracePeriod == nil || *s.GracePeriod != 0 {
			t.Errorf("%s: a pod that is given time to end is not killed", file)
		}
		return
	}
	if d, err := time.ParseDuration(s.Duration); err != nil || d <= 0 {
		t.Errorf("%s: has no end: %q", file, s.Duration)
	}
}
