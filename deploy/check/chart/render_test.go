package chart

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const directory = "../../helm/backstitch"

func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(directory)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render gives the files of a release, and errs as helm does: first come the values, held to the schema.
func render(t *testing.T, namespace string, values map[string]any) (map[string]string, error) {
	t.Helper()
	return renderAs(t, "backstitch", namespace, values)
}

func renderAs(t *testing.T, release, namespace string, values map[string]any) (map[string]string, error) {
	t.Helper()
	c := load(t)
	all, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.Render(c, all)
}

func must(t *testing.T, namespace string, values map[string]any) *objects {
	t.Helper()
	files, err := render(t, namespace, values)
	if err != nil {
		t.Fatalf("%v: %v", values, err)
	}
	return decode(t, files)
}

// objects are all that the chart can make, each once.
type objects struct {
	set      appsv1.StatefulSet
	headless corev1.Service
	client   corev1.Service
	config   corev1.ConfigMap
	account  corev1.ServiceAccount
	budget   policyv1.PodDisruptionBudget
	policy   *networkingv1.NetworkPolicy
}

// decode reads every file strictly: an unknown or misspelt field fails.
func decode(t *testing.T, files map[string]string) *objects {
	t.Helper()
	out := &objects{}
	strict := func(text string, into any) {
		t.Helper()
		if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	for name, text := range files {
		if strings.TrimSpace(text) == "" || path.Base(name) == "NOTES.txt" {
			continue
		}
		var kind struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal([]byte(text), &kind); err != nil {
			t.Fatal(err)
		}
		switch kind.APIVersion + " " + kind.Kind {
		case "apps/v1 StatefulSet":
			strict(text, &out.set)
		case "v1 ConfigMap":
			strict(text, &out.config)
		case "v1 ServiceAccount":
			strict(text, &out.account)
		case "policy/v1 PodDisruptionBudget":
			strict(text, &out.budget)
		case "networking.k8s.io/v1 NetworkPolicy":
			out.policy = &networkingv1.NetworkPolicy{}
			strict(text, out.policy)
		case "v1 Service":
			var s corev1.Service
			strict(text, &s)
			if s.Spec.ClusterIP == "None" {
				out.headless = s
			} else {
				out.client = s
			}
		default:
			t.Errorf("%s: %v was not to be expected", name, kind)
		}
	}
	return out
}

// manifest is everything in one file, in the order of the names of the templates.
func manifest(files map[string]string) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Base(name) != "NOTES.txt" && strings.TrimSpace(files[name]) != "" {
			fmt.Fprintf(&b, "---\n%s\n", strings.TrimSpace(files[name]))
		}
	}
	return b.Bytes()
}
