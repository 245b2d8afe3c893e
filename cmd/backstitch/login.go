package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/access"
	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/signin"
)

// renewFor bounds how long a command waits for a login to be renewed before it does its work, and renewBefore how long before its end that is.
const (
	renewFor    = 15 * time.Second
	renewBefore = 10 * time.Second
)

// loginFile is where logins are kept; its path is "" for somebody without a home.
func (a *app) loginFile() signin.File {
	if file := a.getenv("BACKSTITCH_LOGIN_FILE"); file != "" {
		return signin.File{Path: file}
	}
	dir := a.getenv("XDG_CONFIG_HOME")
	if home := a.getenv("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".config")
	}
	if dir == "" {
		return signin.File{}
	}
	return signin.File{Path: filepath.Join(dir, "backstitch", "login.json")}
}

// loggedIn is the login that is kept for the nodes of --addr, the zero value for none. It is looked for once: a command that goes on from there to each
// node of the cluster by its own address shows it to those, too.
func (a *app) loggedIn() (access.Token, error) {
	if a.looked {
		return a.shown, nil
	}
	a.looked = true
	file := a.loginFile()
	if file.Path == "" {
		return access.Token{}, nil
	}
	l, ok, err := file.Find(a.addr)
	if err != nil {
		return access.Token{}, badLogin(err)
	}
	if ok && a.now != nil && time.Until(l.Until()) < renewBefore {
		l, ok = a.renew(file, l)
	}
	if !ok {
		return access.Token{}, nil
	}
	if a.shown, err = access.ParseShown(l.IDToken); err != nil || !a.shown.IsLogin() {
		a.shown = access.Token{}
		return a.shown, badLogin(fmt.Errorf("%s has no login for %s", file.Path, strings.Join(a.addr, ", ")))
	}
	return a.shown, nil
}

// renew makes a new login of one that comes to its end; ok is false when there is none to show, which it says. The command goes on without: a cluster that
// does not control access wants none, and another one says what to type.
func (a *app) renew(file signin.File, l signin.Login) (next signin.Login, ok bool) {
	if l.Refresh == "" {
		a.say("Your login has ended.  Next: backstitch login")
		return l, false
	}
	ctx, cancel := context.WithTimeout(a.now, renewFor)
	defer cancel()
	p, err := signin.Ask(ctx, client.SignIn{Issuer: l.Issuer, ClientID: l.ClientID, Scopes: l.Scopes})
	if err == nil {
		defer p.Close()
		if next, err = p.Renew(ctx, l); err == nil {
			err = file.Put(next)
		}
	}
	if err == nil {
		return next, true
	}
	// Another command may have renewed it meanwhile, and the provider takes the same one back once.
	if other, found, e := file.Find(a.addr); e == nil && found && other.IDToken != l.IDToken {
		return other, true
	}
	a.say("Your login has ended, and could not be renewed: %v  Next: backstitch login", err)
	return l, false
}

func badLogin(err error) error {
	f := &failure{Code: client.CodeNoToken, Title: "the login that is kept can not be used", Detail: err.Error(), Exit: client.ExitUsage, Err: err,
		Next: "remove the file, and: backstitch login"}
	if errors.Is(err, signin.ErrOpen) {
		f.Next = "chmod 600 that file; if somebody may have read it: backstitch logout"
	}
	return f
}

func newLogin(a *app) *cobra.Command {
	browser := false
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in as the person you are, with the cluster's identity provider",
		Long: `Sign in with the identity provider that the cluster names (access.oidc). Where the provider offers it you type a code into a page, on any machine;
otherwise, and with --browser, you open an address in a browser on this machine. What the provider signs for you is kept in
~/.config/backstitch/login.json (or the file that BACKSTITCH_LOGIN_FILE names), which you alone can read, and commands show it to the nodes of --addr and to
no others. When it comes to its end it is renewed, where the provider allows that (scope offline_access); otherwise sign in again. A token (--token-file,
BACKSTITCH_TOKEN) goes before it.

Exit status: 0 you are signed in, 2 usage, or nobody signs in here, 12 the provider or the cluster said no, 13 nobody answered.`,
		Example: "  backstitch login --addr backstitch.example.com:7420 --ca-cert ca.pem --client-cert me.pem --client-key me.key\n  backstitch login --browser",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.signIn(cmd.Context(), browser) },
	}
	cmd.Flags().BoolVar(&browser, "browser", false, "with a browser on this machine, also where the provider offers codes")
	return cmd
}

// signIn asks the cluster who its provider is, signs in there, and keeps the login once the cluster knows it.
func (a *app) signIn(ctx context.Context, browser bool) error {
	file := a.loginFile()
	if file.Path == "" {
		return &failure{Code: codeFile, Title: "a login can not be kept", Detail: "Neither HOME nor XDG_CONFIG_HOME is set.", Next: "BACKSTITCH_LOGIN_FILE=FILE backstitch login", Exit: client.ExitUsage}
	}
	how, err := a.howToSignIn(ctx)
	if err != nil {
		return err
	}
	p, err := signin.Ask(ctx, how)
	if err != nil {
		return notSignedIn(ctx, how.Issuer, err)
	}
	defer p.Close()
	var l signin.Login
	if p.Devices() && !browser {
		l, err = p.Device(ctx, func(address, code string) {
			fmt.Fprintf(a.stderr, "Open %s\nand type in the code %s\n", address, code)
		})
	} else {
		l, err = p.Browser(ctx, func(address string) {
			fmt.Fprintf(a.stderr, "Open this address in a browser on this machine:\n\n%s\n\n", address)
		})
	}
	if err != nil {
		return notSignedIn(ctx, how.Issuer, err)
	}
	shown, err := access.ParseShown(l.IDToken)
	if err != nil {
		return notSignedIn(ctx, how.Issuer, err)
	}
	c, err := a.clientAs(shown, a.patience)
	if err != nil {
		return err
	}
	defer c.Close()
	who, err := c.Access(ctx)
	if err != nil {
		return err
	}
	l.Addresses = a.addr
	if err := file.Put(l); err != nil {
		return &failure{Code: codeFile, Title: "the login can not be kept", Detail: err.Error(), Next: "BACKSTITCH_LOGIN_FILE=FILE backstitch login", Exit: client.ExitUsage, Err: err}
	}
	return a.print(whoAnswer(who))
}

// howToSignIn asks the cluster, without showing anything.
func (a *app) howToSignIn(ctx context.Context) (client.SignIn, error) {
	c, err := a.clientAs(access.Token{}, a.patience)
	if err != nil {
		return client.SignIn{}, err
	}
	defer c.Close()
	how, err := c.SignIn(ctx)
	f := &failure{Code: client.CodeNoSignIn, Title: "nobody signs in here", Exit: client.ExitUsage}
	switch {
	case err != nil:
		return how, err
	case how.Issuer == "":
		f.Detail, f.Next = "The node's configuration names no identity provider (access.oidc).", "a token: --token-file FILE     an admin makes one: backstitch token create --role ROLE"
		return how, f
	case how.ClientID == "":
		f.Detail = "The cluster's client at " + how.Issuer + " has a secret, which is not for command lines."
		f.Next = "an admin names a client without one: access.oidc.cliClientID     until then a token, or the web page"
		return how, f
	}
	return how, nil
}

// notSignedIn says why the provider has signed nothing.
func notSignedIn(ctx context.Context, issuer string, err error) error {
	if ctx.Err() != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	f := &failure{Code: client.CodeProvider, Title: "the identity provider can not be asked", Detail: issuer + ": " + err.Error(), Exit: client.ExitNoLeader, Err: err,
		Next: "a little later, or a token: --token-file FILE"}
	if errors.Is(err, signin.ErrRefused) || errors.Is(err, context.DeadlineExceeded) {
		f.Code, f.Title, f.Next, f.Exit = client.CodeSignIn, "you are not signed in", "backstitch login", client.ExitNotAllowed
	}
	return f
}

func newLogout(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Forget the login for the nodes of --addr",
		Long: `Forget the login for the nodes of --addr, and let the provider take back what renews it. A copy of the login that somebody has made stays good until
its end, which whoami tells.

Exit status: 0 there is none any more, 2 usage.`,
		Example: "  backstitch logout --addr backstitch.example.com:7420",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file := a.loginFile()
			var gone []signin.Login
			if file.Path != "" {
				var err error
				if gone, err = file.Remove(a.addr); err != nil {
					return badLogin(err)
				}
			}
			value := struct {
				Forgotten int `json:"forgotten"`
			}{len(gone)}
			for _, l := range gone {
				if err := revoke(cmd.Context(), l); err != nil {
					a.say("The provider has not taken the login back, and still renews it for whoever has a copy: %v", err)
				}
			}
			return a.print(answer{value: value, names: []string{fmt.Sprint(len(gone))}, text: func(w io.Writer) error {
				if len(gone) == 0 {
					_, err := fmt.Fprintf(w, "No login is kept for %s.\n", strings.Join(a.addr, ", "))
					return err
				}
				_, err := fmt.Fprintf(w, "Your login for %s is forgotten.\n", strings.Join(a.addr, ", "))
				return err
			}})
		},
	}
}

// revoke lets the provider take back what renews a login.
func revoke(ctx context.Context, l signin.Login) error {
	if l.Refresh == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, renewFor)
	defer cancel()
	p, err := signin.Ask(ctx, client.SignIn{Issuer: l.Issuer, ClientID: l.ClientID})
	if err != nil {
		return err
	}
	defer p.Close()
	return p.Revoke(ctx, l)
}

func newWhoami(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "whoami",
		Short:   "Show as whom the cluster knows you, what you may do, and until when",
		Long:    "Show as whom the cluster knows you: by a token, else by a login, else by a client's certificate.\n\nExit status: 0 known, or access is not controlled, 12 not known.",
		Example: "  backstitch whoami",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			who, err := c.Access(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(whoAnswer(who))
		}),
	}
}

// whoAnswer says who somebody is and what he may do.
func whoAnswer(at client.Access) answer {
	return answer{value: at, names: []string{at.Subject}, text: func(w io.Writer) error {
		if !at.Controlled {
			_, err := fmt.Fprintln(w, "Access is not controlled: whoever reaches a node may do everything.  Next: backstitch access bootstrap")
			return err
		}
		fmt.Fprintf(w, "You are %s.  %s\n", at.Subject, rolesText(at.Policies))
		if len(at.Namespaces) > 0 {
			fmt.Fprintf(w, "The token can be used in %s alone.\n", strings.Join(at.Namespaces, ", "))
		}
		if at.Expires != nil {
			fmt.Fprintf(w, "What you have shown is good until %s.\n", stamp(*at.Expires))
		}
		_, err := fmt.Fprintln(w, "Whether you may do one thing: backstitch can-i VERB --namespace NAME")
		return err
	}}
}
