package connect

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/schema/schematest"

	"github.com/twmb/franz-go/pkg/sr"
)

// The secrets of these tests. None of them may be in an error.
const (
	secretUser, secretPassword, secretToken = "ana-hunter2", "pass-hunter2", "token-hunter2"
)

func secrets(name string) (string, bool) {
	v, ok := map[string]string{"USER": secretUser, "PASSWORD": secretPassword, "TOKEN": secretToken, "BROKEN": secretToken + "\nX-More: 1"}[name]
	return v, ok
}

// pingRegistry makes a client and asks.
func pingRegistry(t *testing.T, r Registry) (*schema.Registry, error) {
	t.Helper()
	cl, err := r.Client("schemas", secrets)
	if err == nil {
		t.Cleanup(cl.Close)
		err = PingRegistry(t.Context(), cl)
	}
	if err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, err), "hunter2") {
		t.Errorf("got %v, which shows a secret", err)
	}
	return cl, err
}

func TestARegistryTakesALogin(t *testing.T) {
	trust := schematest.NewAuthority(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(secretUser+":"+secretPassword))
	ours := &TLS{CAFile: trust.CA, CertFile: trust.Cert, KeyFile: trust.Key}
	for name, c := range map[string]struct {
		tls     bool
		require string
		say     Registry
		want    string // code, "" for an answer
	}{
		"nobody asks":           {say: Registry{}},
		"basic":                 {require: basic, say: Registry{User: "env:USER", Password: "env:PASSWORD"}},
		"token":                 {require: "Bearer " + secretToken, say: Registry{Token: "env:TOKEN"}},
		"no login":              {require: basic, say: Registry{}, want: CodeRegistryLogin},
		"wrong login":           {require: basic, say: Registry{User: "env:PASSWORD", Password: "env:USER"}, want: CodeRegistryLogin},
		"wrong token":           {require: "Bearer other", say: Registry{Token: "env:TOKEN"}, want: CodeRegistryLogin},
		"secret is not there":   {say: Registry{Token: "env:NOBODY"}, want: CodeSecret},
		"token of two lines":    {say: Registry{Token: "env:BROKEN"}, want: CodeSecret},
		"TLS, client and token": {tls: true, require: "Bearer " + secretToken, say: Registry{TLS: ours, Token: "env:TOKEN"}},
		"TLS, no authority":     {tls: true, say: Registry{}, want: CodeRegistryTLS},
		"TLS, another name":     {tls: true, say: Registry{TLS: &TLS{CAFile: trust.CA, CertFile: trust.Cert, KeyFile: trust.Key, ServerName: "other"}}, want: CodeRegistryTLS},
		"TLS, no client":        {tls: true, say: Registry{TLS: &TLS{CAFile: trust.CA}}, want: CodeRegistryTLS},
		"TLS, no file":          {tls: true, say: Registry{TLS: &TLS{CAFile: "/nowhere/ca.pem"}}, want: CodeRegistryTLS},
	} {
		t.Run(name, func(t *testing.T) {
			fake := schematest.New(t)
			if c.tls {
				fake = schematest.NewTLS(t, trust.Server.Clone())
			}
			fake.Require(c.require)
			fake.Put(1, sr.Schema{Schema: `"string"`})
			c.say.URL = fake.URL
			cl, err := pingRegistry(t, c.say)
			if c.want != "" {
				wantCode(t, err, c.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := cl.Learn(t.Context(), record.SchemaName{ID: 1}); err != nil {
				t.Error(err)
			}
			if cl.Name() != "schemas" {
				t.Errorf("got name %q, want that of the connection", cl.Name())
			}
		})
	}
}

// TestWhatARegistryIsNot refuses connections before anything is dialled or looked up.
func TestWhatARegistryIsNot(t *testing.T) {
	for name, r := range map[string]Registry{
		"no address":           {},
		"no scheme":            {URL: "registry:8081"},
		"login in address":     {URL: "https://ana-hunter2:pass-hunter2@registry"},
		"token in address":     {URL: "https://registry?token=token-hunter2"},
		"half a login":         {URL: "https://registry", User: "env:USER"},
		"two logins":           {URL: "https://registry", User: "env:USER", Password: "env:PASSWORD", Token: "env:TOKEN"},
		"login in the open":    {URL: "http://registry:8081", Token: "env:TOKEN"},
		"TLS without TLS":      {URL: "http://registry:8081", TLS: &TLS{}},
		"secret, not its name": {URL: "https://registry", Token: "token-hunter2"},
	} {
		_, err := pingRegistry(t, r)
		var e *Error
		if !errors.As(err, &e) || (e.Code != CodeConfig && e.Code != CodeSecret) || e.Hint == "" {
			t.Errorf("%s: got %v, want a refusal that says what to write", name, err)
		}
	}
}

// TestARedirectDoesNotTakeTheLogin: what a registry answers does not choose who hears the login.
func TestARedirectDoesNotTakeTheLogin(t *testing.T) {
	other, fake := schematest.New(t), schematest.New(t)
	fake.Redirect(other.URL)
	_, err := pingRegistry(t, Registry{URL: fake.URL, Token: "env:TOKEN"})
	wantCode(t, err, CodeRegistryDown)
	if got := other.Asked(); got != 0 {
		t.Errorf("the other place was asked %d times, want 0", got)
	}
}

func TestARegistryThatIsDownIsNamed(t *testing.T) {
	fake := schematest.New(t)
	fake.SetDown(true)
	_, err := pingRegistry(t, Registry{URL: fake.URL})
	wantCode(t, err, CodeRegistryDown)
	if !strings.Contains(err.Error(), "schemas") || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v, want name and status in it", err)
	}
}

func TestATokenComesFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secretToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fake := schematest.New(t)
	fake.Require("Bearer " + secretToken)
	if _, err := pingRegistry(t, Registry{URL: fake.URL, Token: Secret("file:" + file)}); err != nil {
		t.Error(err)
	}
}
