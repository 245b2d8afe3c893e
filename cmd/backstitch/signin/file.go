package signin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Login is somebody's at one cluster.
type Login struct {
	Addresses []string `json:"addresses"` // host:port of the nodes that it is shown to
	Issuer    string   `json:"issuer"`
	ClientID  string   `json:"clientId"`
	Scopes    []string `json:"scopes"`
	IDToken   string   `json:"idToken"`
	Refresh   string   `json:"refreshToken,omitempty"` // "" where the provider gives none
}

// Until is when the login ends by what it says, the zero time when it does not.
func (l Login) Until() time.Time {
	var claims struct {
		Until float64 `json:"exp"`
	}
	parts := strings.Split(l.IDToken, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(b, &claims) != nil || claims.Until <= 0 || claims.Until > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Until), 0)
}

// ErrOpen says that others may read the file.
var ErrOpen = errors.New("others may read it")

// File keeps logins, one for each set of addresses.
type File struct{ Path string }

type kept struct {
	Logins []Login `json:"logins"`
}

func (f File) load() (kept, error) {
	var k kept
	info, err := os.Stat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return k, fmt.Errorf("%s: %w", f.Path, ErrOpen)
	}
	b, err := os.ReadFile(f.Path)
	if err != nil {
		return k, err
	}
	if json.Unmarshal(b, &k) != nil { // its error may have some of what is in it
		return kept{}, fmt.Errorf("%s is not what backstitch login writes", f.Path)
	}
	return k, nil
}

// Find returns the login that is shown to all of the addresses; ok is false when there is none.
func (f File) Find(addresses []string) (l Login, ok bool, err error) {
	k, err := f.load()
	if err != nil {
		return Login{}, false, err
	}
	want := places(addresses)
	for _, l := range k.Logins {
		has := func(a string) bool { return slices.Contains(l.Addresses, a) }
		if len(want) > 0 && !slices.ContainsFunc(want, func(a string) bool { return !has(a) }) {
			return l, true, nil
		}
	}
	return Login{}, false, nil
}

// Put keeps a login, in the place of those that are shown to one of its addresses.
func (f File) Put(l Login) error {
	k, err := f.load()
	if err != nil {
		return err
	}
	l.Addresses = places(l.Addresses)
	k.Logins = append(without(k.Logins, l.Addresses), l)
	return f.write(k)
}

// Remove forgets the logins that are shown to one of the addresses, and returns them.
func (f File) Remove(addresses []string) ([]Login, error) {
	k, err := f.load()
	if err != nil {
		return nil, err
	}
	rest := without(k.Logins, places(addresses))
	var gone []Login
	for _, l := range k.Logins {
		if !slices.ContainsFunc(rest, func(r Login) bool { return slices.Equal(r.Addresses, l.Addresses) }) {
			gone = append(gone, l)
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	k.Logins = rest
	return gone, f.write(k)
}

func without(all []Login, addresses []string) []Login {
	return slices.DeleteFunc(slices.Clone(all), func(l Login) bool {
		return slices.ContainsFunc(l.Addresses, func(a string) bool { return slices.Contains(addresses, a) })
	})
}

// write puts a whole file in the place of the old one, so that a command that reads meanwhile finds one or the other.
func (f File) write(k kept) error {
	dir := filepath.Dir(f.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	b, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".login-*") // for its owner alone
	if err != nil {
		return err
	}
	_, err = tmp.Write(append(b, '\n'))
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), f.Path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

// places are addresses as host:port, in order.
func places(addresses []string) []string {
	var out []string
	for _, a := range addresses {
		if u, err := url.Parse(a); err == nil && u.Host != "" {
			a = u.Host
		}
		if _, _, err := net.SplitHostPort(a); err != nil {
			a = net.JoinHostPort(strings.Trim(a, "[]"), "7420")
		}
		out = append(out, strings.ToLower(a))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
