package notify

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Whoever may apply a dataset chooses both the reference and who gets the secret, so references reach only what was put there for
// notices: variables with one prefix, and files of one directory.

// EnvPrefix begins the names of all variables that a token may come from.
const EnvPrefix = "BACKSTITCH_NOTIFY_"

const maxToken = 8 << 10

// secrets finds tokens.
type secrets struct {
	env func(name string) (string, bool)
	dir string // "" for none
}

// token reads the secret that ref names, "" for no reference.
func (s secrets) token(ref string) (string, error) {
	kind, name, _ := strings.Cut(ref, ":")
	switch {
	case ref == "":
		return "", nil
	case kind == "env" && strings.HasPrefix(name, EnvPrefix):
		if v, ok := s.env(name); ok && v != "" {
			return v, nil
		}
		return "", fmt.Errorf("variable %s is not set on this node", name)
	case kind == "file" && s.dir == "":
		return "", errors.New("a token is in a file, and notify.secretDir is not set on this node")
	case kind == "file":
		return s.file(name)
	}
	return "", fmt.Errorf("token is neither env:%s... nor file:NAME", EnvPrefix)
}

// file reads a file that can not lie outside the directory, whatever its name or what it links to.
func (s secrets) file(name string) (string, error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return "", fmt.Errorf("notify.secretDir: %w", err)
	}
	defer root.Close()
	f, err := root.Open(name)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	v := strings.TrimRight(string(b), "\r\n")
	if v == "" || len(v) > maxToken || strings.ContainsAny(v, "\r\n\x00") {
		return "", fmt.Errorf("token in %s is empty, too long or not one line", name)
	}
	return v, nil
}
