package connect

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Secret says where a secret is: "env:NAME" or "file:PATH". The empty Secret names none.
type Secret string

// Env looks up an environment variable, as os.LookupEnv does.
type Env func(name string) (string, bool)

// Check reports whether s has the form of a reference.
func (s Secret) Check() error {
	kind, rest, ok := strings.Cut(string(s), ":")
	if s == "" || (ok && rest != "" && (kind == "env" || kind == "file")) {
		return nil
	}
	// What was given may be the secret itself, so it is not printed.
	return &Error{Code: CodeSecret, Object: "secret", Err: errors.New("want env:NAME or file:PATH"),
		Hint: "put the secret into a file or an environment variable and name that here"}
}

// Resolve reads the secret. A file's last line break is not part of it.
func (s Secret) Resolve(env Env) (string, error) {
	if err := s.Check(); err != nil || s == "" {
		return "", err
	}
	kind, rest, _ := strings.Cut(string(s), ":")
	if kind == "env" {
		v, ok := env(rest)
		if !ok || v == "" {
			return "", &Error{Code: CodeSecret, Object: string(s), Err: fmt.Errorf("environment variable %s is not set", rest),
				Hint: "set " + rest + " for the process that runs this, on each node"}
		}
		return v, nil
	}
	b, err := os.ReadFile(rest)
	if err != nil {
		return "", &Error{Code: CodeSecret, Object: string(s), Err: err, Hint: "the file must be there and readable on each node"}
	}
	v := strings.TrimRight(string(b), "\r\n")
	if v == "" {
		return "", &Error{Code: CodeSecret, Object: string(s), Err: errors.New("the file is empty"), Hint: "write the secret into it"}
	}
	return v, nil
}

// LogValue shows the reference if it is one, and nothing of what may be a secret itself.
func (s Secret) LogValue() slog.Value {
	if s.Check() != nil {
		return slog.StringValue("(not a reference)")
	}
	return slog.StringValue(string(s))
}
