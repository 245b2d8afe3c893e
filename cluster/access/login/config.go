package login

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"backstitch/fsm"
)

// Leeway is how far a provider's clock may be from the node's.
const Leeway = time.Minute

// MaxLife is how long after it was issued a login is good, whatever its provider says: nobody can take one back before its end.
const MaxLife = 24 * time.Hour

// Algorithms are those that a configuration may name. All take a private key that only the provider has: with HS256 whoever can check could sign.
var Algorithms = []string{"RS256", "ES256"}

// Config says which provider is believed, and what for. All fields are required but those that say otherwise.
type Config struct {
	Issuer string
	// ClientID is the client of browsers, CLIClientID that of the command line, which has no secret; "" where there is none.
	ClientID    string
	CLIClientID string
	// Secret reads the secret of ClientID each time that a browser signs in; nil for a client without one.
	Secret func() (string, error)
	// RedirectURL is where the provider sends browsers back to, "" when none sign in.
	RedirectURL string
	Scopes      []string
	Algorithms  []string
	PersonClaim string
	GroupsClaim string // "" for roles by policies alone
	Roles       []Role
	// Client asks the provider: NewClient.
	Client *http.Client
	Clock  func() time.Time
	Logger *slog.Logger
}

// Role is what a group may do.
type Role struct {
	Group     string
	Role      fsm.AccessRole
	Namespace string // fsm.EveryNamespace for all
}

// audiences are the clients whose logins are taken.
func (c Config) audiences() []string {
	return slices.DeleteFunc([]string{c.ClientID, c.CLIClientID}, func(id string) bool { return id == "" })
}

// CommandLine is the client that the command line signs in with, "" when it can not: a secret can not be handed to everybody.
func (c Config) CommandLine() string {
	if c.CLIClientID == "" && c.Secret == nil {
		return c.ClientID
	}
	return c.CLIClientID
}

// place is the issuer as it stands in subjects.
func (c Config) place() string {
	_, rest, _ := strings.Cut(c.Issuer, "://")
	return strings.TrimSuffix(rest, "/")
}
