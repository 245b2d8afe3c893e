package signin

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A login is found by the addresses for which somebody has signed in, however they are written, and by no others.
func TestALoginIsOfItsAddresses(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "a", "login.json")}
	for _, l := range []Login{
		{Addresses: []string{"node-a:7420", "https://Node-B"}, IDToken: "prod"}, {Addresses: []string{"127.0.0.1:7420"}, IDToken: "dev"},
		{Addresses: []string{"[::1]:7420"}, IDToken: "six"},
	} {
		if err := f.Put(l); err != nil {
			t.Fatal(err)
		}
	}
	for addresses, want := range map[string]string{
		"node-a:7420": "prod", "NODE-A": "prod", "https://node-b:7420": "prod", "node-b,node-a": "prod", "http://127.0.0.1:7420": "dev", "[::1]:7420": "six",
		"node-a,node-c": "", "node-a,127.0.0.1:7420": "", "node-a:7421": "", "node-c": "", "": "",
	} {
		var list []string
		if addresses != "" {
			list = strings.Split(addresses, ",")
		}
		l, ok, err := f.Find(list)
		if err != nil || ok != (want != "") || l.IDToken != want {
			t.Errorf("%s: got %q %t, %v, want %q", addresses, l.IDToken, ok, err, want)
		}
	}
	if err := f.Put(Login{Addresses: []string{"node-b:7420"}, IDToken: "new"}); err != nil {
		t.Fatal(err)
	}
	if l, _, _ := f.Find([]string{"node-b"}); l.IDToken != "new" {
		t.Errorf("signed in again: got %q", l.IDToken)
	}
	if _, ok, _ := f.Find([]string{"node-a"}); ok {
		t.Error("one address has two logins")
	}
	gone, err := f.Remove([]string{"127.0.0.1"})
	if _, ok, _ := f.Find([]string{"127.0.0.1"}); err != nil || len(gone) != 1 || gone[0].IDToken != "dev" || ok {
		t.Errorf("removed %v, %v, and it is found %t", len(gone), err, ok)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(f.Path), "*")); len(left) != 1 {
		t.Errorf("files: %v", left)
	}
}

func TestUntilIsWhatALoginSays(t *testing.T) {
	text := func(payload string) string {
		return "h." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".s"
	}
	for login, want := range map[string]int64{text(`{"exp":1700000000}`): 1_700_000_000, text(`{"exp":1700000000.5}`): 1_700_000_000, text(`{}`): 0, text(`{"exp":"x"}`): 0, text(`{"exp":1e300}`): 0, "": 0, "a.!.c": 0} {
		got := Login{IDToken: login}.Until()
		if want == 0 && !got.IsZero() || want != 0 && !got.Equal(time.Unix(want, 0)) {
			t.Errorf("%s: got %v", login, got)
		}
	}
}
