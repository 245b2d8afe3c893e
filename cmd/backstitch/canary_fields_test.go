package main

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"backstitch/chaos/canary"
	"backstitch/cmd/backstitch/config"
	"backstitch/replay/connect"
	"backstitch/replay/spec"
)

// canaries says which canary TestNoSecretComesOut puts behind each place of a configuration or a spec that says where a secret is.
var canaries = map[string]string{
	"tls.key":                                    "key of node-0",
	"gossip.keyFile":                             "gossip key",
	"proof.keyFile":                              "proof key",
	"notify.secretDir":                           "header of a step",
	"access.oidc.clientSecret":                   "oidc client secret",
	"tracing.headers.NAME":                       "header of the collector",
	"tracing.tls.key":                            "key of client connection",
	"connections.NAME.kafka.tls.key":             "key of client connection",
	"connections.NAME.kafka.sasl.user":           "sasl user",
	"connections.NAME.kafka.sasl.password":       "sasl password",
	"connections.NAME.s3.accessKey":              "s3 access key",
	"connections.NAME.s3.secretKey":              "s3 secret key",
	"connections.NAME.registry.tls.key":          "key of client connection",
	"connections.NAME.registry.user":             "registry user",
	"connections.NAME.registry.password":         "registry password",
	"connections.NAME.registry.token":            "registry token",
	"Dataset spec.notify[].token":                "token of an endpoint",
	"Flow spec.notify[].token":                   "token of a flow's endpoint",
	"Flow spec.steps[].http.headers[].secretRef": "header of a step",
	"Flow spec.steps[].databricks.authorization": "databricks token",
	"Flow spec.steps[].airflow.authorization":    "airflow password",
}

// flagged are the flags that name the file of a secret, and its canary.
var flagged = map[string]string{
	"token-file": "second token", "client-key": "key of client ana", "tls-key": "key of node-0", "gossip-key-file": "gossip key", "proof-key-file": "proof key",
	"notify-secret-dir": "header of a step",
}

// sounding are names behind which a secret, or where one is, may stand. A spec has many keys that are those of records.
var (
	sounding = regexp.MustCompile(`(?i)secret|password|passphrase|token|credential|authorization`)
	keys     = regexp.MustCompile(`(^|[a-z]-)(key|keyFile|key-file)$`)
)

// named holds the canaries that the tables name against those that there are.
func (a *aviary) named() {
	a.t.Helper()
	for _, table := range []map[string]string{canaries, flagged} {
		for place, name := range table {
			if !slices.ContainsFunc(a.secrets, func(s canary.Secret) bool { return s.Name == name }) {
				a.t.Errorf("%s has no canary: nothing is called %q", place, name)
			}
		}
	}
}

// TestEverySecretHasACanary fails when there is a new place for a secret, or for a reference to one, that TestNoSecretComesOut knows nothing of.
func TestEverySecretHasACanary(t *testing.T) {
	found := map[string]bool{}
	secretPlaces("", reflect.TypeFor[config.Agent](), found)
	for kind, of := range map[string]reflect.Type{"Recovery ": reflect.TypeFor[spec.Recovery](), "Dataset ": reflect.TypeFor[spec.Dataset](), "Flow ": reflect.TypeFor[spec.Flow]()} {
		secretPlaces(kind, of, found)
	}
	want := slices.Sorted(maps.Keys(canaries))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(found))); diff != "" {
		t.Errorf("places of secrets: give each a canary in the aviary, and a row in the table (-have +found):\n%s", diff)
	}
	flags := map[string]bool{}
	walk(tree(), func(cmd *cobra.Command) {
		look := func(f *pflag.Flag) {
			if (sounding.MatchString(f.Name) || keys.MatchString(f.Name)) && !slices.Contains(harmless, f.Name) {
				flags[f.Name] = true
			}
		}
		cmd.Flags().VisitAll(look)
		cmd.PersistentFlags().VisitAll(look)
	})
	if diff := cmp.Diff(slices.Sorted(maps.Keys(flagged)), slices.Sorted(maps.Keys(flags))); diff != "" {
		t.Errorf("flags that name secrets (-have +found):\n%s", diff)
	}
}

// harmless are flags that only sound so.
var harmless = []string{"key"}

// secretPlaces finds below t what is a reference to a secret by its type or by the form that its schema wants, or is called like one.
func secretPlaces(path string, t reflect.Type, found map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer:
		secretPlaces(path, t.Elem(), found)
	case reflect.Slice:
		secretPlaces(path+"[]", t.Elem(), found)
	case reflect.Map:
		secretPlaces(path+".NAME", t.Elem(), found)
	case reflect.String:
		if t == reflect.TypeFor[connect.Secret]() {
			found[path] = true
		}
	case reflect.Struct:
		for f := range t.Fields() {
			name := f.Tag.Get("yaml")
			configured := name != ""
			if !configured {
				name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
			}
			if name == "" || name == "-" {
				if f.Anonymous {
					secretPlaces(path, f.Type, found)
				}
				continue
			}
			below := path + name
			if path != "" && !strings.HasSuffix(path, " ") {
				below = path + "." + name
			}
			if f.Type.Kind() == reflect.String && (sounding.MatchString(name) || configured && keys.MatchString(name) || strings.Contains(f.Tag.Get("jsonschema"), "env:")) {
				found[below] = true
			}
			secretPlaces(below, f.Type, found)
		}
	}
}
