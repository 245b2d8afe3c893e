//go:build real

package realtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/process"
	"backstitch/chaos/testbed"
)

const orderOf = `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}%s]}`

// successions are pairs of schemas: what a registry has, and what comes next.
var successions = []struct {
	name, ending string
	old, next    string
}{
	{"a field with a default", "avsc", order(), order(`{"name":"note","type":["null","string"],"default":null}`)},
	{"a field without a default", "avsc", order(), order(`{"name":"must","type":"string"}`)},
	{"a field less", "avsc", order(`{"name":"must","type":"string"}`), order()},
	{"int to long", "avsc", order(`{"name":"n","type":"int"}`), order(`{"name":"n","type":"long"}`)},
	{"long to int", "avsc", order(`{"name":"n","type":"long"}`), order(`{"name":"n","type":"int"}`)},
	{"string to bytes", "avsc", order(`{"name":"n","type":"string"}`), order(`{"name":"n","type":"bytes"}`)},
	{"a wider union", "avsc", order(`{"name":"n","type":["null","int"]}`), order(`{"name":"n","type":["null","int","string"]}`)},
	{"a narrower union", "avsc", order(`{"name":"n","type":["null","int","string"]}`), order(`{"name":"n","type":["null","int"]}`)},
	{"a symbol more", "avsc", order(`{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}}`), order(`{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}}`)},
	{"a symbol more, and a default", "avsc", order(`{"name":"e","type":{"type":"enum","name":"E","symbols":["A"],"default":"A"}}`),
		order(`{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}}`)},
	{"a name with an alias", "avsc", order(`{"name":"old","type":"int"}`), order(`{"name":"new","aliases":["old"],"type":"int"}`)},
	{"another size", "avsc", order(`{"name":"f","type":{"type":"fixed","name":"F","size":4}}`), order(`{"name":"f","type":{"type":"fixed","name":"F","size":5}}`)},
	{"another record", "avsc", order(), strings.Replace(order(), "Order", "Purchase", 1)},
	{"an array of longs", "avsc", order(`{"name":"a","type":{"type":"array","items":"int"}}`), order(`{"name":"a","type":{"type":"array","items":"long"}}`)},
	{"a field more", "proto", message("int64 id = 1;"), message("int64 id = 1; string note = 2;")},
	{"another number's type", "proto", message("int64 id = 1; string n = 2;"), message("int64 id = 1; int32 n = 2;")},
	{"a number of the same group", "proto", message("int32 id = 1;"), message("int64 id = 1;")},
	{"another type of a property", "json", object(`"id":{"type":"string"}`), object(`"id":{"type":"number"}`)},
	{"integer to number", "json", object(`"id":{"type":"integer"}`), object(`"id":{"type":"number"}`)},
	{"number to integer", "json", object(`"id":{"type":"number"}`), object(`"id":{"type":"integer"}`)},
}

func order(more ...string) string {
	text := ""
	for _, m := range more {
		text += "," + m
	}
	return fmt.Sprintf(orderOf, text)
}

func message(fields string) string { return `syntax = "proto3"; message Order { ` + fields + ` }` }

func object(properties string) string {
	return `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","additionalProperties":false,"properties":{` + properties + `}}`
}

// disagreements are the questions to which the registry and we give different answers, each with the reason why ours stays.
var disagreements = map[string]string{
	"proto, a number of the same group, BACKWARD": "int32 and int64 are the same on the wire: the language guide says so, and so does Confluent's registry",
	"proto, a number of the same group, FORWARD":  "as backward",
	"proto, a field more, FORWARD":                "readers pass over numbers that they do not know",
}

// registered is how many of the successions are also registered; it is the same for all.
const registered = 3

// TestARegistryOfOthersAgrees asks Apicurio Registry, which has its own checks, and our schema check the same questions, and registers what
// both allow.
func TestARegistryOfOthersAgrees(t *testing.T) {
	t.Parallel()
	testbed.Program(t)
	g := newRegistry(t)
	asked := 0
	for i, s := range successions {
		for _, mode := range []string{"BACKWARD", "FORWARD"} {
			question := fmt.Sprintf("%s, %s, %s", s.ending, s.name, mode)
			subject := fmt.Sprintf("s%d-%s", i, strings.ToLower(mode))
			g.ask("POST", "/subjects/"+subject+"/versions", schemaOf(s.ending, s.old))
			g.ask("PUT", "/config/"+subject, map[string]string{"compatibility": mode})
			theirs := g.compatible(subject, schemaOf(s.ending, s.next))
			next := g.file(subject+"."+s.ending, s.next)
			out, status := g.run("schema", "check", next, "--subject", subject)
			asked++
			ours := status == 0
			if !ours && status != exitIncompatible {
				t.Errorf("%s: schema check ended with status %d, want an answer\n%s", question, status, out)
			}
			if why, known := disagreements[question]; known == (ours == theirs) {
				t.Errorf("%s: we say compatible: %v, the registry %v (known reason to differ: %q)\n%s", question, ours, theirs, why, out)
			}
			if i < registered {
				g.register(question, subject, next, theirs)
			}
		}
	}
	t.Logf("%d questions", asked)
}

// register registers what comes next if it may. If not, we refuse before the registry is asked; and when we are told not to, it refuses by itself.
func (g *registry) register(question, subject, next string, allowed bool) {
	g.t.Helper()
	out, status := g.run("schema", "register", next, "--subject", subject, "--yes")
	if allowed {
		var has []int
		g.get("/subjects/"+subject+"/versions", &has)
		if status != 0 || len(has) != 2 {
			g.t.Errorf("%s: schema register ended with status %d, the registry has versions %v, want 0 and two\n%s", question, status, has, out)
		}
		return
	}
	if status != exitIncompatible || !strings.Contains(out, "BST-E3310") {
		g.t.Errorf("%s: schema register ended with status %d, want %d and BST-E3310\n%s", question, status, exitIncompatible, out)
	}
	if out, status := g.run("schema", "register", next, "--subject", subject, "--yes", "--allow-incompatible"); status == 0 || !strings.Contains(out, "BST-E3314") {
		g.t.Errorf("%s, allowed: schema register ended with status %d, want BST-E3314\n%s", question, status, out)
	}
}

// exitIncompatible is the exit status of schema check for schemas that do not go together.
const exitIncompatible = 7

// registry is Apicurio Registry.
type registry struct {
	t   *testing.T
	dir string
	url string // of the door that speaks Confluent's protocol
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	port := testbed.FreePorts(t, 1)
	log := filepath.Join(t.ArtifactDir(), "registry.log")
	p := testbed.Start(t, process.Spec{Name: "registry", Path: filepath.Join(testbed.Scripts, "registry.sh"), Args: []string{"run", fmt.Sprint(port)}, Log: log})
	testbed.Listening(t, p, port)
	g := &registry{t, t.TempDir(), fmt.Sprintf("http://127.0.0.1:%d/apis/ccompat/v7", port)}
	testbed.Eventually(t, time.Minute, "the registry to answer", func() bool {
		resp, err := http.Get(g.url + "/subjects")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return g
}

func (g *registry) file(name, text string) string {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// get reads JSON.
func (g *registry) get(path string, into any) { g.t.Helper(); g.exchange("GET", path, nil, into) }

// ask sends JSON and reads JSON.
func (g *registry) ask(method, path string, body map[string]string) (out map[string]any) {
	g.t.Helper()
	g.exchange(method, path, body, &out)
	return out
}

func (g *registry) exchange(method, path string, body, into any) {
	g.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		g.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.url+path, bytes.NewReader(text))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		g.t.Fatalf("%s %s: status %d, %v\n%s", method, path, resp.StatusCode, err, answer)
	}
}

// schemaOf is a schema as registries take it.
func schemaOf(ending, text string) map[string]string {
	return map[string]string{"schema": text, "schemaType": map[string]string{"avsc": "AVRO", "json": "JSON", "proto": "PROTOBUF"}[ending]}
}

// compatible is the registry's own answer.
func (g *registry) compatible(subject string, schema map[string]string) bool {
	g.t.Helper()
	yes, ok := g.ask("POST", "/compatibility/subjects/"+subject+"/versions/latest", schema)["is_compatible"].(bool)
	if !ok {
		g.t.Fatalf("%s: no answer", subject)
	}
	return yes
}

func (g *registry) run(args ...string) (output string, status int) {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), testbed.Program(g.t), append(args, "--registry", g.url, "--color", "never")...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		g.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
