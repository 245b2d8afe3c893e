package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"backstitch/cluster/access/login"
	"backstitch/fsm"
	"backstitch/replay/connect"
)

// OIDC is about people who sign in with an identity provider. Only a file can say it. It has to be the same on all nodes.
type OIDC struct {
	Issuer       string         `yaml:"issuer" json:"issuer"`                       // of the provider, as it stands in its logins
	ClientID     string         `yaml:"clientID" json:"clientID"`                   // of this cluster, at the provider
	ClientSecret connect.Secret `yaml:"clientSecret" json:"clientSecret,omitempty"` // of ClientID, "" for a public client
	CLIClientID  string         `yaml:"cliClientID" json:"cliClientID,omitempty"`   // of the command line, where ClientID has a secret
	RedirectURL  string         `yaml:"redirectURL" json:"redirectURL,omitempty"`   // where browsers come back to, "" when they show tokens alone
	Scopes       []string       `yaml:"scopes" json:"scopes"`                       // to ask for
	Algorithms   []string       `yaml:"algorithms" json:"algorithms"`               // that a login may be signed with
	PersonClaim  string         `yaml:"personClaim" json:"personClaim"`             // that says who somebody is
	GroupsClaim  string         `yaml:"groupsClaim" json:"groupsClaim"`             // that says which groups he is in
	CA           string         `yaml:"ca" json:"ca,omitempty"`                     // PEM file with the authority of the provider's certificate, "" for the system's
	Roles        []GroupRole    `yaml:"roles" json:"roles"`                         // of groups
}

// GroupRole is what the people of a group may do.
type GroupRole struct {
	Group     string `yaml:"group" json:"group"`
	Role      string `yaml:"role" json:"role"`           // viewer, operator, approver or admin
	Namespace string `yaml:"namespace" json:"namespace"` // * for all
}

// fill puts defaults where the file says nothing.
func (o *OIDC) fill() {
	if o == nil {
		return
	}
	if o.Scopes == nil {
		o.Scopes = []string{"openid", "profile"}
	}
	if o.Algorithms == nil {
		o.Algorithms = []string{"RS256"}
	}
	if o.PersonClaim == "" {
		o.PersonClaim = "sub"
	}
	if o.GroupsClaim == "" {
		o.GroupsClaim = "groups"
	}
	if o.Roles == nil {
		o.Roles = []GroupRole{}
	}
}

// check finds what is wrong with o, which may be nil.
func (o *OIDC) check() []Problem {
	if o == nil {
		return nil
	}
	var out []Problem
	add := func(key, why, next string) { out = append(out, Problem{"access.oidc." + key, why, next}) }
	const example = "access.oidc.issuer: https://login.example.com/realms/ops"
	if err := address(o.Issuer); err != nil {
		add("issuer", err.Error(), example)
	}
	if o.ClientID == "" {
		add("clientID", "is not set", "access.oidc.clientID: backstitch     as the provider knows this cluster")
	}
	if o.ClientSecret.Check() != nil {
		add("clientSecret", "is not a reference", "access.oidc.clientSecret: file:/run/secrets/oidc     or env:NAME")
	}
	if o.RedirectURL != "" {
		u, err := url.Parse(o.RedirectURL)
		if bad := address(o.RedirectURL); bad != nil {
			add("redirectURL", bad.Error(), "access.oidc.redirectURL: https://backstitch.example.com:7420"+login.CallbackPath)
		} else if err != nil || u.Path != login.CallbackPath {
			add("redirectURL", fmt.Sprintf("%q does not end in %s", o.RedirectURL, login.CallbackPath), "access.oidc.redirectURL: "+u.Scheme+"://"+u.Host+login.CallbackPath)
		}
	}
	if !slices.Contains(o.Scopes, "openid") {
		add("scopes", "has no openid, without which no provider signs a login", "access.oidc.scopes: [openid, profile]")
	}
	if i := slices.IndexFunc(o.Algorithms, func(a string) bool { return !slices.Contains(login.Algorithms, a) }); i >= 0 || len(o.Algorithms) == 0 {
		why := "is empty"
		if i >= 0 {
			why = fmt.Sprintf("%q is not one that logins are taken with", o.Algorithms[i])
		}
		add("algorithms", why, "access.oidc.algorithms: ["+strings.Join(login.Algorithms, ", ")+"]")
	}
	return append(out, o.roles()...)
}

func (o *OIDC) roles() []Problem {
	var out []Problem
	for i, r := range o.Roles {
		path := fmt.Sprintf("access.oidc.roles[%d]", i)
		const example = "roles: [{group: oncall, role: approver, namespace: payments}]"
		switch _, ok := fsm.ParseAccessRole(r.Role); {
		case r.Group == "":
			out = append(out, Problem{path + ".group", "is not set", example})
		case !ok:
			out = append(out, Problem{path + ".role", fmt.Sprintf("%q is not known", r.Role), "viewer, operator, approver or admin"})
		case r.Namespace == "" || strings.ContainsAny(r.Namespace, " \t\n"):
			out = append(out, Problem{path + ".namespace", fmt.Sprintf("%q is no namespace", r.Namespace), example + "     or '*' for all"})
		case slices.Contains(o.Roles[:i], r):
			out = append(out, Problem{path, "is there twice", "take one of them out"})
		}
	}
	return out
}

// address checks one that a provider or a browser is sent to.
func address(s string) error {
	if s == "" {
		return errors.New("is not set")
	}
	if err := login.CheckAddress(s); err != nil {
		return err // not with the address: it may have a password in it
	}
	if u, err := url.Parse(s); err != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("has a query or a fragment")
	}
	return nil
}

// Login is what cluster/access/login wants, apart from what it does its work with. A secret that is not there is found missing when it is needed.
func (o *OIDC) Login(env connect.Env) login.Config {
	out := login.Config{
		Issuer: o.Issuer, ClientID: o.ClientID, CLIClientID: o.CLIClientID, RedirectURL: o.RedirectURL, Scopes: o.Scopes, Algorithms: o.Algorithms,
		PersonClaim: o.PersonClaim, GroupsClaim: o.GroupsClaim,
	}
	if o.ClientSecret != "" {
		out.Secret = func() (string, error) { return o.ClientSecret.Resolve(env) }
	}
	for _, r := range o.Roles {
		role, _ := fsm.ParseAccessRole(r.Role) // check knows the words
		out.Roles = append(out.Roles, login.Role{Group: r.Group, Role: role, Namespace: r.Namespace})
	}
	return out
}
