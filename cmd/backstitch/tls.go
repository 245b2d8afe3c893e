package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"backstitch/cluster/client"
)

// clientTLS makes what the flags --ca-cert, --client-cert and --client-key say.
func clientTLS(ca, cert, key string) (*tls.Config, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, badPEM("--ca-cert", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, badPEM("--ca-cert", fmt.Errorf("%s holds no certificate in PEM form", ca))
	}
	conf := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, badPEM("--client-cert", fmt.Errorf("%s with %s: %w", cert, key, err))
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

func badPEM(flag string, err error) error {
	return &failure{
		Code: codeFile, Title: flag + " can not be used", Detail: err.Error(), Exit: client.ExitUsage, Err: err,
		Next: "name a file that backstitch cluster ca and backstitch cluster cert made",
	}
}

// handshake explains why two sides could not agree on who they are; nil for every other error. The client calls all of these
// unreachable or unexpected, and a person would look at the network for an hour.
func handshake(e *client.Error) *failure {
	f := &failure{Code: client.CodeNotAllowed, Exit: client.ExitNotAllowed, Err: e}
	var alert *net.OpError
	var untrusted *tls.CertificateVerificationError
	const show = "--ca-cert DIR/ca.pem --client-cert DIR/NAME.pem --client-key DIR/NAME.key"
	switch {
	case errors.As(e.Err, &alert) && alert.Op == "remote error":
		f.Title, f.Detail = "the node refuses this client", e.Detail+": "+alert.Err.Error()
		f.Next = show + "     to make them: backstitch cluster cert DIR NAME --client"
	case errors.As(e.Err, &untrusted):
		f.Title, f.Detail = "the node can not be trusted", e.Detail+": "+untrusted.Err.Error()
		f.Next = "--ca-cert with the CA of this cluster; for a name that the certificate lacks: backstitch cluster cert DIR NODE --san HOST"
	case errors.Is(e.Err, http.ErrSchemeMismatch):
		f.Title, f.Detail = "the node does not speak TLS", e.Detail+" answers in plain HTTP, and --ca-cert asks for more."
		f.Next = "name a node that has TLS, or leave out --ca-cert"
	case e.Status == http.StatusBadRequest && strings.Contains(e.Detail, "HTTP request to an HTTPS server"):
		f.Title, f.Detail = "the node speaks TLS only", e.Node+" was asked in plain HTTP."
		f.Next = show
	default:
		return nil
	}
	return f
}
