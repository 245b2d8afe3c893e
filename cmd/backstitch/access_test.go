package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/cluster/access"
	"backstitch/cluster/client"
)

// doorman is a node that writes down what it is shown, and answers as it is told.
type doorman struct {
	*httptest.Server
	shown  string // Authorization of the last request
	asked  int
	status int
	answer any
}

func newDoorman(t *testing.T) *doorman {
	d := &doorman{status: http.StatusOK}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.shown = r.Header.Get("Authorization")
		d.asked++
		w.WriteHeader(d.status)
		_ = json.NewEncoder(w).Encode(d.answer)
	}))
	t.Cleanup(d.Close)
	return d
}

// command runs one command against the doorman with an environment.
func (d *doorman) command(t *testing.T, env map[string]string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), append(args, "--addr", d.URL), strings.NewReader(""), &out, &errs, func(k string) string { return env[k] })
	return status, out.String(), errs.String()
}

// The token comes from the flag's file, else from the environment, else from the file that the environment names, and is printed by nobody.
func TestWhichTokenIsShown(t *testing.T) {
	d := newDoorman(t)
	d.answer = client.Access{Controlled: true, Subject: "token:x"}
	dir := t.TempDir()
	tokens := map[string]string{}
	for _, name := range []string{"flag", "env", "file"} {
		tokens[name] = access.NewToken().Reveal()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(tokens[name]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bad"), []byte("hunter2-hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, c := range map[string]struct {
		env    map[string]string
		args   []string
		shown  string
		status int
		code   string
	}{
		"none":                 {nil, nil, "", 0, ""},
		"the environment":      {map[string]string{"BACKSTITCH_TOKEN": tokens["env"], "BACKSTITCH_TOKEN_FILE": at("file")}, nil, "env", 0, ""},
		"its file":             {map[string]string{"BACKSTITCH_TOKEN_FILE": at("file")}, nil, "file", 0, ""},
		"the flag before both": {map[string]string{"BACKSTITCH_TOKEN": tokens["env"], "BACKSTITCH_TOKEN_FILE": at("file")}, []string{"--token-file", at("flag")}, "flag", 0, ""},
		"no token in the file": {nil, []string{"--token-file", at("bad")}, "", client.ExitUsage, client.CodeNoToken},
		"no file":              {nil, []string{"--token-file", at("gone")}, "", client.ExitUsage, client.CodeNoToken},
		"no token in the env":  {map[string]string{"BACKSTITCH_TOKEN": "hunter2-hunter2"}, nil, "", client.ExitUsage, client.CodeNoToken},
		"never a flag":         {nil, []string{"--token", "x"}, "", client.ExitUsage, "BST-E4001"},
		"not in the clear":     {map[string]string{"BACKSTITCH_TOKEN": tokens["env"]}, []string{"--addr", "192.0.2.1:7420"}, "", client.ExitUsage, client.CodeClearToken},
	} {
		d.shown, d.asked = "", 0
		status, stdout, stderr := d.command(t, c.env, append([]string{"access", "show"}, c.args...)...)
		want := ""
		if c.shown != "" {
			want = "Bearer " + tokens[c.shown]
		}
		if status != c.status || d.shown != want || !strings.Contains(stderr, c.code) || (c.status != 0) != (d.asked == 0) {
			t.Errorf("%s: exit status %d, want %d; the right token was shown: %t; asked %d times; %s", name, status, c.status, d.shown == want, d.asked, stderr)
		}
		for _, secret := range append([]string{"hunter2"}, tokens["flag"], tokens["env"], tokens["file"]) {
			if strings.Contains(stdout+stderr, secret) {
				t.Errorf("%s: a secret is printed", name)
			}
		}
	}
}

// A token that is written into a file is not shown, and one that can not be written down is not made.
func TestANewTokenIsShownOnceOrWrittenDown(t *testing.T) {
	d := newDoorman(t)
	made := access.NewToken()
	d.answer = client.NewToken{Token: client.Token{Accessor: made.Accessor(), Policies: []client.Policy{{Role: "viewer", Namespace: "*"}}}, Secret: made.Reveal()}
	create := []string{"token", "create", "ann"}
	if status, stdout, stderr := d.command(t, nil, create...); status != 0 || strings.Count(stdout, made.Reveal()) != 1 || strings.Contains(stderr, made.Reveal()) || !strings.Contains(stdout, "viewer in all namespaces") {
		t.Errorf("shown: %d %s %s", status, stdout, stderr)
	}
	file := filepath.Join(t.TempDir(), "token")
	for _, format := range []string{"text", "json"} {
		status, stdout, _ := d.command(t, nil, append(create, "--out", file+format, "-o", format)...)
		got, err := os.ReadFile(file + format)
		info, _ := os.Stat(file + format)
		if status != 0 || err != nil || string(got) != made.Reveal()+"\n" || info.Mode().Perm() != 0o600 || strings.Contains(stdout, made.Reveal()) || !strings.Contains(stdout, file) {
			t.Errorf("%s: %d, %v, %v, in the file %t\n%s", format, status, err, info.Mode(), string(got) == made.Reveal()+"\n", stdout)
		}
	}
	d.asked = 0
	if status, _, stderr := d.command(t, nil, append(create, "--out", file+"text")...); status != client.ExitUsage || d.asked != 0 || !strings.Contains(stderr, "was not made") {
		t.Errorf("over a file: %d, asked %d times\n%s", status, d.asked, stderr)
	}
	d.status, d.answer = http.StatusForbidden, client.Problem{Title: "not allowed", Status: 403, Code: client.CodeForbidden, Next: "an admin can allow it"}
	if status, _, _ := d.command(t, nil, append(create, "--out", file+"new")...); status != client.ExitNotAllowed {
		t.Errorf("refused: exit status %d", status)
	}
	if _, err := os.Stat(file + "new"); err == nil {
		t.Error("refused, and an empty file is left")
	}
	d.asked = 0
	if status, _, _ := d.command(t, nil, "access", "bootstrap"); status != client.ExitUsage || d.asked != 0 {
		t.Errorf("a first token without a yes: exit status %d, asked %d times", status, d.asked)
	}
}

func TestCanIEndsWithItsAnswer(t *testing.T) {
	d := newDoorman(t)
	for allowed, want := range map[bool]int{true: 0, false: client.ExitNotAllowed} {
		d.answer = client.Verdict{Allowed: allowed, Verb: "void-job", Why: "because", Two: "always"}
		status, stdout, stderr := d.command(t, nil, "can-i", "void-job", "--namespace", "shop")
		if status != want || !strings.Contains(stdout, "because") || stderr != "" || strings.Contains(stdout, "second person") != allowed {
			t.Errorf("allowed %t: exit status %d, want %d\n%s%s", allowed, status, want, stdout, stderr)
		}
	}
}

// Nobody is let in by a file that does not hold the number.
func TestTheRecoveryNumber(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]uint64{"": 0, "17\n": 17, " 17 ": 17, "seventeen": 0, "-1": 0} {
		if err := os.WriteFile(filepath.Join(dir, client.RecoveryFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := recoveryNumber(dir); got != want || err != nil {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	if got, err := recoveryNumber(t.TempDir()); got != 0 || err != nil {
		t.Errorf("no file: %d, %v", got, err)
	}
}
