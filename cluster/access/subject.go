package access

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Kind is what a certificate is for.
type Kind string

// The words stand in certificates; never change one.
const (
	Node   Kind = "node"
	Client Kind = "client"
)

// Subject is who a certificate speaks for.
type Subject struct {
	Cluster string // the CA's word for the cluster
	Kind    Kind
	Name    string // of the node or the person
}

// ErrSubject says that a certificate is not one that this door wants.
var ErrSubject = errors.New("certificate is not allowed here")

const scheme = "backstitch"

// URI is how s stands in a certificate.
func (s Subject) URI() *url.URL {
	return &url.URL{Scheme: scheme, Host: s.Cluster, Path: "/" + string(s.Kind) + "/" + s.Name}
}

// String is the text of URI.
func (s Subject) String() string { return s.URI().String() }

// SubjectOf reads the one URI of ours in cert. A certificate with none, or with two, speaks for nobody.
func SubjectOf(cert *x509.Certificate) (Subject, error) {
	var found []Subject
	for _, u := range cert.URIs {
		if u.Scheme != scheme {
			continue
		}
		kind, name, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		if !ok || u.Host == "" || name == "" || strings.Contains(name, "/") || (Kind(kind) != Node && Kind(kind) != Client) {
			return Subject{}, fmt.Errorf("%w: %s is not %s://CLUSTER/node/NAME or /client/NAME", ErrSubject, u, scheme)
		}
		found = append(found, Subject{Cluster: u.Host, Kind: Kind(kind), Name: name})
	}
	if len(found) != 1 {
		return Subject{}, fmt.Errorf("%w: %d URIs of the form %s://CLUSTER/node/NAME, want 1", ErrSubject, len(found), scheme)
	}
	return found[0], nil
}

// Allow checks that s is of the cluster and of one of the kinds. An empty name stands for any.
func (s Subject) Allow(cluster, name string, kinds ...Kind) error {
	if s.Cluster != cluster {
		return fmt.Errorf("%w: %s is not of cluster %s", ErrSubject, s, cluster)
	}
	ok := false
	for _, k := range kinds {
		ok = ok || s.Kind == k
	}
	if !ok {
		return fmt.Errorf("%w: %s is not a %s", ErrSubject, s, kinds[0])
	}
	if name != "" && s.Name != name {
		return fmt.Errorf("%w: %s is not %s", ErrSubject, s, name)
	}
	return nil
}
