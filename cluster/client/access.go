package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// RecoveryFile is the file in a node's data directory that lets somebody in who has lost the first token.
const RecoveryFile = "access-reset"

// Token is a token without its text, which nobody has but whom it was shown to.
type Token struct {
	Accessor   string     `json:"accessor"`
	Why        string     `json:"why,omitempty" doc:"whom or what it is for"`
	Namespaces []string   `json:"namespaces" doc:"in which it can be used, whatever policies say; empty for all"`
	State      string     `json:"state" doc:"good, revoked or expired"`
	Expires    *time.Time `json:"expires,omitempty" doc:"none for the first token"`
	By         string     `json:"by"`
	At         time.Time  `json:"at"`
	EndedBy    string     `json:"endedBy,omitempty"`
	EndedWhy   string     `json:"endedWhy,omitempty"`
	EndedAt    *time.Time `json:"endedAt,omitempty"`
	Policies   []Policy   `json:"policies"`
}

// Tokens is GET /v1/tokens, by accessor.
type Tokens struct {
	Tokens []Token `json:"tokens"`
}

// CreateToken is the body of POST /v1/tokens.
type CreateToken struct {
	Reason     string   `json:"reason" minLength:"1" maxLength:"1024" doc:"whom or what it is for"`
	Role       string   `json:"role,omitempty" enum:"viewer,operator,approver,admin" doc:"in each of its namespaces, or without any in all; none leaves it to policies"`
	Namespaces []string `json:"namespaces,omitempty" maxItems:"32"`
	TTL        string   `json:"ttl" doc:"how long it is good for" example:"12h"`
}

// NewToken is the answer to POST /v1/tokens and POST /v1/access/bootstrap: the only one that has a token's text.
type NewToken struct {
	Token
	Secret string `json:"secret" doc:"the text; it is shown once and kept nowhere"`
}

// Policy gives a subject a role in a namespace.
type Policy struct {
	Name      string    `json:"name"`
	Subject   string    `json:"subject" doc:"token:ACCESSOR, cert:NAME of a client's certificate, or oidc:ISSUER/PERSON of somebody who signs in"`
	Role      string    `json:"role" enum:"viewer,operator,approver,admin"`
	Namespace string    `json:"namespace" doc:"* for all"`
	By        string    `json:"by"`
	Why       string    `json:"why,omitempty"`
	At        time.Time `json:"at"`
}

// Policies is GET /v1/policies, by name.
type Policies struct {
	Policies []Policy `json:"policies"`
}

// PutPolicy is the body of POST /v1/policies.
type PutPolicy struct {
	Name      string `json:"name" minLength:"1" maxLength:"128"`
	Subject   string `json:"subject" maxLength:"136"`
	Role      string `json:"role" enum:"viewer,operator,approver,admin"`
	Namespace string `json:"namespace" minLength:"1" maxLength:"128"`
	Reason    string `json:"reason,omitempty" maxLength:"1024"`
}

// Access is GET /v1/access: how the door stands, and who asks.
type Access struct {
	Controlled bool     `json:"controlled" doc:"whether roles decide; otherwise everybody may do everything"`
	Required   bool     `json:"required" doc:"whether this node serves nobody while there is no first token"`
	FirstIndex uint64   `json:"firstIndex,omitempty" doc:"at which the present first token was made"`
	Subject    string   `json:"subject,omitempty" doc:"who asks"`
	Policies   []Policy `json:"policies" doc:"of who asks"`
	Namespaces []string `json:"namespaces" doc:"that the token is bound to; empty for all"`
	// Expires is when the token or the login of who asks comes to its end; nil for the first token, and for who shows neither.
	Expires *time.Time `json:"expires,omitempty" doc:"when the token or the login ends that was shown"`
}

// SignIn is GET /v1/access/login: how people sign in.
type SignIn struct {
	Issuer   string   `json:"issuer,omitempty" doc:"of the identity provider; none when nobody signs in"`
	ClientID string   `json:"clientId,omitempty" doc:"with which a command line signs in; none when it can not"`
	Scopes   []string `json:"scopes" doc:"to ask for"`
	Web      bool     `json:"web" doc:"whether browsers sign in at /ui/login"`
}

// Verdict is GET /v1/access/can-i.
type Verdict struct {
	Allowed   bool   `json:"allowed"`
	Subject   string `json:"subject"`
	Verb      string `json:"verb"`
	Namespace string `json:"namespace,omitempty"`
	Needs     string `json:"needs" doc:"role"`
	Why       string `json:"why"`
	Two       string `json:"two,omitempty" doc:"when a second person has to say yes beside that"`
}

// Request is what waits for a second person's yes, or has it.
type Request struct {
	ID        string     `json:"id"`
	Verb      string     `json:"verb"`
	Object    string     `json:"object"`
	Namespace string     `json:"namespace"`
	AskedBy   string     `json:"askedBy"`
	AskedAt   time.Time  `json:"askedAt"`
	SaidBy    string     `json:"saidBy,omitempty" doc:"who said yes"`
	SaidAt    *time.Time `json:"saidAt,omitempty"`
	Until     time.Time  `json:"until" doc:"when it is too late for a yes, or when the yes is not good any more"`
}

// Requests is GET /v1/access/requests.
type Requests struct {
	Requests []Request `json:"requests"`
}

// Bootstrap makes the first token. It is never repeated by itself: a second answer would have no token.
func (c *Client) Bootstrap(ctx context.Context, reason string) (NewToken, error) {
	one := &Client{bases: c.bases[:1], cfg: c.cfg, http: c.http, usual: c.usual}
	out, _, err := call[NewToken](ctx, one, request{method: http.MethodPost, path: "/v1/access/bootstrap", body: Action{Reason: reason}, once: true})
	return out, err
}

// Access asks how the door stands, and who asks.
func (c *Client) Access(ctx context.Context) (Access, error) {
	return get[Access](ctx, c, "/v1/access", nil)
}

// SignIn asks how people sign in.
func (c *Client) SignIn(ctx context.Context) (SignIn, error) {
	return get[SignIn](ctx, c, "/v1/access/login", nil)
}

// CanI asks whether a subject may do something; "" is who asks.
func (c *Client) CanI(ctx context.Context, verb, namespace, as string) (Verdict, error) {
	q := url.Values{"verb": {verb}}
	if namespace != "" {
		q.Set("namespace", namespace)
	}
	if as != "" {
		q.Set("as", as)
	}
	return get[Verdict](ctx, c, "/v1/access/can-i", q)
}

// CreateToken makes a token. It is never repeated by itself.
func (c *Client) CreateToken(ctx context.Context, t CreateToken) (NewToken, error) {
	out, _, err := call[NewToken](ctx, c, request{method: http.MethodPost, path: "/v1/tokens", body: t, once: true})
	return out, err
}

// Tokens lists all tokens, also those that have ended.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	out, err := get[Tokens](ctx, c, "/v1/tokens", nil)
	return out.Tokens, err
}

// Token reads one token.
func (c *Client) Token(ctx context.Context, accessor string) (Token, error) {
	return get[Token](ctx, c, "/v1/tokens/"+url.PathEscape(accessor), nil)
}

// RevokeToken makes a token good for nothing.
func (c *Client) RevokeToken(ctx context.Context, accessor, reason string) (Token, error) {
	return post[Token](ctx, c, "/v1/tokens/"+url.PathEscape(accessor)+"/revoke", Action{Reason: reason})
}

// Policies lists all policies.
func (c *Client) Policies(ctx context.Context) ([]Policy, error) {
	out, err := get[Policies](ctx, c, "/v1/policies", nil)
	return out.Policies, err
}

// PutPolicy gives a subject a role in a namespace, or changes that.
func (c *Client) PutPolicy(ctx context.Context, p PutPolicy) (Policy, error) {
	return post[Policy](ctx, c, "/v1/policies", p)
}

// DeletePolicy takes a role away.
func (c *Client) DeletePolicy(ctx context.Context, name string) error {
	_, _, err := call[Done](ctx, c, request{method: http.MethodDelete, path: "/v1/policies/" + url.PathEscape(name)})
	return err
}

// Requests lists what waits for a second person's yes, and what has it.
func (c *Client) Requests(ctx context.Context) ([]Request, error) {
	out, err := get[Requests](ctx, c, "/v1/access/requests", nil)
	return out.Requests, err
}

// ApproveRequest says yes to what somebody else wants to do.
func (c *Client) ApproveRequest(ctx context.Context, id, reason string) (Request, error) {
	return post[Request](ctx, c, "/v1/access/requests/"+url.PathEscape(id)+"/approve", Action{Reason: reason})
}
