package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// This file is the private CA for people who have none: a directory with ca.pem, ca.key and gossip.key. Existing files are
// never overwritten, for a second CA under the same name would lock every node out.

// Names of the files in a CA's directory.
const (
	CAFile     = "ca.pem"
	CAKeyFile  = "ca.key"
	GossipFile = "gossip.key"
)

const (
	caYears   = 10
	certYears = 2
	// backdate forgives a clock that is behind that of the machine with the CA.
	backdate = 10 * time.Minute
)

// ErrExists says that a file is there already.
var ErrExists = errors.New("exists already and is not overwritten")

// Authority is what CreateCA made.
type Authority struct {
	Cluster                   string // the word that every certificate of it carries
	CertPath, KeyPath, Gossip string
	Expires                   time.Time
}

// Issued is what IssueCert made.
type Issued struct {
	Subject           Subject
	CertPath, KeyPath string
	Expires           time.Time
}

// CreateCA makes a private CA and a gossip key in dir, which is made if it is missing. now is the caller's clock.
func CreateCA(dir string, now time.Time) (Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Authority{}, fmt.Errorf("make CA directory: %w", err)
	}
	cluster := strings.ToLower(rand.Text()[:12])
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Authority{}, fmt.Errorf("make CA key: %w", err)
	}
	out := Authority{
		Cluster: cluster, CertPath: filepath.Join(dir, CAFile), KeyPath: filepath.Join(dir, CAKeyFile),
		Gossip: filepath.Join(dir, GossipFile), Expires: now.AddDate(caYears, 0, 0),
	}
	for _, path := range []string{out.CertPath, out.KeyPath, out.Gossip} {
		if _, err := os.Lstat(path); err == nil {
			return Authority{}, fmt.Errorf("%s %w", path, ErrExists)
		}
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "backstitch " + cluster + " CA"},
		NotBefore: now.Add(-backdate), NotAfter: out.Expires,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		URIs: []*url.URL{{Scheme: scheme, Host: cluster, Path: "/ca"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Authority{}, fmt.Errorf("sign CA: %w", err)
	}
	gossip := make([]byte, 32)
	if _, err := rand.Read(gossip); err != nil {
		return Authority{}, fmt.Errorf("make gossip key: %w", err)
	}
	if err := writeKey(out.KeyPath, key); err != nil {
		return Authority{}, err
	}
	if err := create(out.Gossip, []byte(base64.StdEncoding.EncodeToString(gossip)+"\n"), 0o600); err != nil {
		return Authority{}, err
	}
	return out, create(out.CertPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// IssueCert signs a certificate of the CA in dir for name and writes NAME.pem and NAME.key beside it. sans are further host
// names and IPs under which an HTTP client may know a node; localhost and the loopback addresses are always among them.
func IssueCert(dir, name string, kind Kind, sans []string, now time.Time) (Issued, error) {
	if name == "" || name == "ca" || strings.ContainsAny(name, "/\\ \t\r\n\x00") || strings.HasPrefix(name, ".") {
		return Issued{}, fmt.Errorf("name %q: want the node's name, without blanks and slashes, and not ca", name)
	}
	ca, caKey, err := load(dir)
	if err != nil {
		return Issued{}, err
	}
	cluster := ""
	for _, u := range ca.URIs {
		if u.Scheme == scheme && u.Path == "/ca" {
			cluster = u.Host
		}
	}
	if cluster == "" {
		return Issued{}, fmt.Errorf("%s was not made by backstitch cluster ca: it names no cluster", filepath.Join(dir, CAFile))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Issued{}, fmt.Errorf("make key: %w", err)
	}
	subject := Subject{Cluster: cluster, Kind: kind, Name: name}
	expires := now.AddDate(certYears, 0, 0)
	if expires.After(ca.NotAfter) {
		expires = ca.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name, OrganizationalUnit: []string{string(kind)}},
		NotBefore: now.Add(-backdate), NotAfter: expires, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{subject.URI()},
	}
	if kind == Node {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		template.DNSNames, template.IPAddresses = names(append([]string{name, "localhost", "127.0.0.1", "::1"}, sans...))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	if err != nil {
		return Issued{}, fmt.Errorf("sign %s: %w", subject, err)
	}
	out := Issued{Subject: subject, CertPath: filepath.Join(dir, name+".pem"), KeyPath: filepath.Join(dir, name+".key"), Expires: expires}
	if _, err := os.Lstat(out.CertPath); err == nil {
		return Issued{}, fmt.Errorf("%s %w", out.CertPath, ErrExists)
	}
	if err := writeKey(out.KeyPath, key); err != nil {
		return Issued{}, err
	}
	return out, create(out.CertPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func names(all []string) (dns []string, ips []net.IP) {
	for _, n := range all {
		if ip := net.ParseIP(n); ip != nil {
			ips = append(ips, ip)
		} else {
			dns = append(dns, n)
		}
	}
	return dns, ips
}

func load(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	block := func(name string) ([]byte, error) {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read CA: %w", err)
		}
		p, _ := pem.Decode(b)
		if p == nil {
			return nil, fmt.Errorf("read CA: %s is not PEM", path)
		}
		return p.Bytes, nil
	}
	der, err := block(CAFile)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("read CA: %w", err)
	}
	if der, err = block(CAKeyFile); err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, nil, fmt.Errorf("read CA key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("read CA key: %T, want ECDSA", parsed)
	}
	return cert, key, nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return new(big.Int).SetBytes(b)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	return create(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// create writes a new file and makes it durable; one that is there stays.
func create(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s %w", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
