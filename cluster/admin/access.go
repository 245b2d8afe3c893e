package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"backstitch/cluster/access"
	"backstitch/cluster/client"
	"backstitch/fsm"
)

// Tokens, policies, and what waits for a second person. A token's text is made here, is in one answer, and is kept nowhere.

func (s *Server) accessRoutes(api router) {
	write(api, "/v1/access/bootstrap", "bootstrap-access", "Make the first token; from then on roles decide", s.bootstrapAccess)
	read(api, "/v1/access", "show-access", "How the door stands, and who asks", s.showAccess)
	read(api, "/v1/access/login", "show-login", "With which identity provider people sign in", s.showLogin)
	read(api, "/v1/access/can-i", "can-i", "Whether somebody may do something", s.canI)
	read(api, "/v1/access/requests", "list-requests", "What waits for a second person's yes, and what has it", s.listRequests)
	write(api, "/v1/access/requests/{id}/approve", "approve-request", "Say yes to what somebody else wants to do", s.approveRequest)
	read(api, "/v1/tokens", "list-tokens", "All tokens without their texts, also those that have ended", s.listTokens)
	read(api, "/v1/tokens/{accessor}", "show-token", "One token without its text", s.showToken)
	write(api, "/v1/tokens", "create-token", "Make a token; this answer alone has its text", s.createToken)
	write(api, "/v1/tokens/{accessor}/revoke", "revoke-token", "Make a token good for nothing", s.revokeToken)
	read(api, "/v1/policies", "list-policies", "Which subject has which role where", s.listPolicies)
	write(api, "/v1/policies", "put-policy", "Give a subject a role in a namespace, or change that", s.putPolicy)
	register(api, operation(http.MethodDelete, "/v1/policies/{name}", "delete-policy", "Take a role away"), s.deletePolicy)
}

// made answers with a token that was just made. A request that the book has met before has made another one, whose text nobody has.
func (s *Server) made(ctx context.Context, t access.Token, index uint64) (*indexed[client.NewToken], error) {
	if err := s.applied(ctx, index); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.NewToken, error) {
		shown, err := describeToken(view, t.Accessor())
		if missing(err) {
			return client.NewToken{}, newProblem(http.StatusConflict, client.CodeTokenUnread, "this request has made a token already",
				"Its text was in the first answer and is kept nowhere.", "backstitch token list     revoke it, and make another one")
		}
		return client.NewToken{Token: shown, Secret: t.Reveal()}, err
	})
}

// bootstrapAccess makes the first token. Whoever lost it is let in again by writing a number into a file on the node's disk.
func (s *Server) bootstrapAccess(ctx context.Context, in *struct {
	Keyed
	Body client.Action
}) (*indexed[client.NewToken], error) {
	seen := uint64(0)
	if s.config.Recovery != nil {
		var err error
		if seen, err = s.config.Recovery(); err != nil {
			return nil, s.failed(err)
		}
	}
	t := access.NewToken()
	cmd := fsm.BootstrapAccess{Accessor: t.Accessor(), Hash: t.Hash()}
	view, err := s.node.View()
	if err != nil {
		return nil, s.failed(err)
	}
	first, err := view.BootstrapAt()
	view.Close()
	if err != nil {
		return nil, s.failed(err)
	}
	if first != 0 && seen != first {
		return nil, s.firstTokenAt(first) // not from the book: anybody may ask, and each refusal there would be in the trail
	}
	cmd.Seen = first
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	env := s.envelope(ctx, in.Keyed, "bootstrap", in.Body.Reason)
	result, err := s.node.Propose(ctx, env, cmd)
	switch {
	case err != nil:
		return nil, s.failed(err)
	case result.Code == fsm.WrongState: // somebody was quicker
		return nil, newProblem(http.StatusConflict, client.CodeFirstToken, "there is a first token already", result.Object+".", "backstitch access bootstrap     says how to be let in again")
	}
	if err := refused(result, cmd.Accessor); err != nil {
		return nil, err
	}
	return s.made(ctx, t, result.Index)
}

// firstTokenAt refuses another first token, and says what somebody has to write who has lost the one that was made at index.
func (s *Server) firstTokenAt(index uint64) error {
	return newProblem(http.StatusConflict, client.CodeFirstToken, "there is a first token already", fmt.Sprintf("It was made at index %d.", index),
		fmt.Sprintf("is it lost? On the machine of node %s: echo %d > DATA-DIR/%s     then the same command again", s.node.Name(), index, client.RecoveryFile))
}

func (s *Server) createToken(ctx context.Context, in *struct {
	Keyed
	Body client.CreateToken
}) (*indexed[client.NewToken], error) {
	ttl, err := length("ttl", in.Body.TTL)
	if err != nil {
		return nil, err
	}
	if ttl <= 0 || ttl > fsm.MaxTokenLife {
		return nil, invalid(fmt.Sprintf("ttl %s is not between 1s and %s", ttl, fsm.MaxTokenLife), "--ttl 12h")
	}
	role, _ := fsm.ParseAccessRole(in.Body.Role) // the schema knows the words
	env := s.envelope(ctx, in.Keyed, "token", in.Body.Reason)
	t := access.NewToken()
	cmd := fsm.CreateToken{Accessor: t.Accessor(), Hash: t.Hash(), Namespaces: in.Body.Namespaces, Role: role, ExpiresUnixNanos: env.UnixNanos + int64(ttl)}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, env, cmd, cmd.Accessor)
	if err != nil {
		return nil, unbootstrapped(result, err)
	}
	return s.made(ctx, t, result.Index)
}

// unbootstrapped says what to type where there is no first token.
func unbootstrapped(result fsm.Result, err error) error {
	if result.Code != fsm.WrongState || !strings.Contains(result.Object, "not controlled") {
		return err
	}
	return newProblem(http.StatusConflict, client.CodeWrongState, "access is not controlled", "There is no first token, and everybody may do everything.", "backstitch access bootstrap")
}

func (s *Server) listTokens(context.Context, *struct{}) (*indexed[client.Tokens], error) {
	return reading(s, func(view *fsm.View) (client.Tokens, error) {
		out := client.Tokens{Tokens: []client.Token{}}
		tokens, err := view.Tokens()
		if err != nil {
			return out, err
		}
		for _, k := range tokens {
			shown, err := describeToken(view, k.Accessor)
			if err != nil {
				return out, err
			}
			out.Tokens = append(out.Tokens, shown)
		}
		return out, nil
	})
}

func (s *Server) showToken(_ context.Context, in *struct {
	Accessor string `path:"accessor" maxLength:"128"`
}) (*indexed[client.Token], error) {
	return reading(s, func(view *fsm.View) (client.Token, error) { return describeToken(view, in.Accessor) })
}

func (s *Server) revokeToken(ctx context.Context, in *struct {
	Accessor string `path:"accessor" maxLength:"128"`
	Keyed
	Body client.Action
}) (*indexed[client.Token], error) {
	cmd := fsm.EndToken{Accessor: in.Accessor}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "revoke", in.Body.Reason), cmd, in.Accessor)
	if err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.Token, error) { return describeToken(view, in.Accessor) })
}

func describeToken(view *fsm.View, accessor string) (client.Token, error) {
	k, ok, err := view.Token(accessor)
	if err == nil && !ok {
		err = notFound("token", accessor, "backstitch token list")
	}
	if err != nil {
		return client.Token{}, err
	}
	out := client.Token{
		Accessor: k.Accessor, Why: k.Why, Namespaces: append([]string{}, k.Namespaces...), State: "good", Expires: instant(k.ExpiresUnixNanos),
		By: k.CreatedBy, At: time.Unix(0, k.CreatedUnixNanos).UTC(), EndedBy: k.EndedBy, EndedWhy: k.EndedWhy, EndedAt: instant(k.EndedUnixNanos),
		Policies: []client.Policy{},
	}
	switch {
	case k.Expired:
		out.State = "expired"
	case k.EndedUnixNanos != 0:
		out.State = "revoked"
	}
	policies, err := view.AccessPolicies()
	for _, p := range policies {
		if p.Subject == fsm.TokenSubject(accessor) {
			out.Policies = append(out.Policies, describeAccessPolicy(p))
		}
	}
	return out, err
}

func describeAccessPolicy(p fsm.AccessPolicy) client.Policy {
	return client.Policy{Name: p.Name, Subject: p.Subject, Role: p.Role.String(), Namespace: p.Namespace, By: p.PutBy, Why: p.Why, At: time.Unix(0, p.PutUnixNanos).UTC()}
}

func (s *Server) listPolicies(context.Context, *struct{}) (*indexed[client.Policies], error) {
	return reading(s, func(view *fsm.View) (client.Policies, error) {
		out := client.Policies{Policies: []client.Policy{}}
		policies, err := view.AccessPolicies()
		for _, p := range policies {
			out.Policies = append(out.Policies, describeAccessPolicy(p))
		}
		return out, err
	})
}

func (s *Server) putPolicy(ctx context.Context, in *struct {
	Keyed
	Body client.PutPolicy
}) (*indexed[client.Policy], error) {
	b := in.Body
	role, _ := fsm.ParseAccessRole(b.Role)
	cmd := fsm.PutAccessPolicy{Name: b.Name, Subject: b.Subject, Role: role, Namespace: b.Namespace}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "policy", b.Reason), cmd, b.Name)
	if err != nil {
		if result.Code == fsm.UnknownToken {
			return nil, notFound("token", strings.TrimPrefix(b.Subject, "token:"), "backstitch token list")
		}
		return nil, unbootstrapped(result, err)
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.Policy, error) {
		policies, err := view.AccessPolicies()
		for _, p := range policies {
			if p.Name == b.Name {
				return describeAccessPolicy(p), err
			}
		}
		if err == nil {
			err = notFound("policy", b.Name, "backstitch policy list")
		}
		return client.Policy{}, err
	})
}

func (s *Server) deletePolicy(ctx context.Context, in *struct {
	Name string `path:"name" maxLength:"128"`
	Keyed
}) (*indexed[client.Done], error) {
	cmd := fsm.PutAccessPolicy{Name: in.Name}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "policy", ""), cmd, in.Name)
	if err != nil {
		return nil, unbootstrapped(result, err)
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.Done]{Index: result.Index, Leader: string(s.node.Leader())}, nil
}

func (s *Server) showAccess(ctx context.Context, _ *struct{}) (*indexed[client.Access], error) {
	c := callerOf(ctx)
	return reading(s, func(view *fsm.View) (client.Access, error) {
		first, err := view.BootstrapAt()
		out := client.Access{
			Controlled: c.controlled, Required: s.config.AccessRequired, FirstIndex: first, Subject: actorOf(ctx), Policies: []client.Policy{},
			Namespaces: append([]string{}, c.id.Bound()...), Expires: moment(c.id.Expires()),
		}
		for _, p := range c.id.Policies() {
			out.Policies = append(out.Policies, describeAccessPolicy(p))
		}
		return out, err
	})
}

// showLogin says how a command line signs in. Nobody is known before he has.
func (s *Server) showLogin(context.Context, *struct{}) (*struct{ Body client.SignIn }, error) {
	out := client.SignIn{Scopes: []string{}}
	if s.config.Logins != nil {
		cfg := s.config.Logins.Config()
		out.Issuer, out.ClientID, out.Web, out.Scopes = cfg.Issuer, cfg.CommandLine(), cfg.RedirectURL != "", append(out.Scopes, cfg.Scopes...)
	}
	return &struct{ Body client.SignIn }{out}, nil
}

// canI answers about who asks; about others, for those who may see all policies anyway.
func (s *Server) canI(ctx context.Context, in *struct {
	Verb      string `query:"verb" required:"true" maxLength:"64" example:"cancel-job"`
	Namespace string `query:"namespace" maxLength:"128"`
	As        string `query:"as" maxLength:"136" doc:"accessor of a token, or a subject"`
}) (*indexed[client.Verdict], error) {
	verb, ok := access.FindVerb(in.Verb)
	if !ok {
		return nil, newProblem(http.StatusNotFound, client.CodeNotFound, "no such verb", fmt.Sprintf("The API does nothing that is called %q.", in.Verb), "docs/access.md has them all")
	}
	c := callerOf(ctx)
	if in.As != "" && c.controlled {
		if err := c.id.Check(access.Verb{Name: "can-i for others", Needs: fsm.AccessAdmin, Scope: access.ScopeCluster}, ""); err != nil {
			return nil, s.refuse(ctx, err)
		}
	}
	return reading(s, func(view *fsm.View) (client.Verdict, error) {
		id := c.id
		out := client.Verdict{Subject: actorOf(ctx), Verb: verb.Name, Needs: verb.Needs.String(), Two: verb.Two, Namespace: in.Namespace}
		if in.As != "" {
			subject := in.As
			if !strings.Contains(subject, ":") {
				subject = fsm.TokenSubject(subject)
			}
			known, ok, err := access.OfSubject(view, subject)
			if err != nil {
				return out, err
			}
			if id, out.Subject = known, subject; !ok {
				out.Why = subject + " is not known, or has ended"
				return out, nil
			}
		}
		if !c.controlled {
			out.Allowed, out.Why, out.Two = true, "access is not controlled: everybody may do everything", ""
			return out, nil
		}
		if verb.Scope == access.ScopeObject && out.Namespace == "" {
			out.Namespace = fsm.EveryNamespace
		}
		if verb.Scope != access.ScopeObject {
			out.Namespace = ""
		}
		if err := id.Check(verb, out.Namespace); err != nil {
			if out.Why = err.Error(); in.As != "" && fsm.IsLogin(id.Subject) {
				out.Why += "; what its groups allow is known when it signs in"
			}
			return out, nil
		}
		out.Allowed, out.Why = true, id.Subject+" is known, and that is enough"
		if verb.Needs != fsm.AccessNone {
			out.Why = fmt.Sprintf("%s needs the role %s, which %s has there", verb.Name, verb.Needs, id.Subject)
		}
		return out, nil
	})
}

type consentInput struct {
	ID string `path:"id" maxLength:"128"`
	Keyed
	Body client.Action
}

func (s *Server) listRequests(ctx context.Context, _ *struct{}) (*indexed[client.Requests], error) {
	now := s.clock().UnixNano()
	return reading(s, func(view *fsm.View) (client.Requests, error) {
		out := client.Requests{Requests: []client.Request{}}
		consents, err := view.Consents()
		for _, c := range consents {
			if c.ExpiresUnixNanos > now && sees(ctx, c.Namespace) {
				out.Requests = append(out.Requests, describeConsent(c))
			}
		}
		return out, err
	})
}

func describeConsent(c fsm.Consent) client.Request {
	return client.Request{
		ID: c.ID, Verb: c.Verb, Object: c.Object, Namespace: c.Namespace, AskedBy: c.AskedBy, AskedAt: time.Unix(0, c.AskedUnixNanos).UTC(),
		SaidBy: c.SaidBy, SaidAt: instant(c.SaidUnixNanos), Until: time.Unix(0, c.ExpiresUnixNanos).UTC(),
	}
}

func (s *Server) approveRequest(ctx context.Context, in *consentInput) (*indexed[client.Request], error) {
	cmd := fsm.PutConsent{ID: in.ID, Say: true}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "approve", in.Body.Reason), cmd, in.ID)
	if result.Code == fsm.NotAllowed && strings.Contains(result.Object, "asked for by") {
		return nil, ownRequest("request "+in.ID, actorOf(ctx))
	}
	if err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.Request, error) {
		c, ok, err := view.Consent(in.ID)
		if err == nil && !ok {
			err = notFound("request", in.ID, "backstitch access requests")
		}
		return describeConsent(c), err
	})
}

// ownRequest refuses a yes of whoever asked for it.
func ownRequest(object, subject string) error {
	return newProblem(http.StatusForbidden, client.CodeOwnRequest, "a second person has to say yes", fmt.Sprintf("%s is of %s, who says yes to it.", object, subject),
		"ask another approver: backstitch access requests")
}
