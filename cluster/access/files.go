package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// This file turns three PEM files into TLS configurations that follow the files. Nothing runs in the background: each
// handshake looks at most once per recheck whether a file is another one, so a rotation needs no signal and no restart.

// recheck is how often the files are looked at, at most.
const recheck = time.Second

// Files are a CA, and a certificate and key signed by it, as they are on disk now.
type Files struct {
	ca, cert, key string // immutable paths
	clock         func() time.Time
	log           *slog.Logger

	mu      sync.Mutex
	checked time.Time
	stamps  [3]stamp
	now     material
	failure error // of the last attempt to read the files again
}

type stamp struct {
	size int64
	mod  time.Time
}

type material struct {
	pool    *x509.CertPool
	cert    tls.Certificate
	subject Subject
}

// Open reads the files and refuses what can not work: a key that does not fit, a certificate that the CA did not sign or that
// names no subject. clock is for expiry and for looking at the files again.
func Open(ca, cert, key string, clock func() time.Time, log *slog.Logger) (*Files, error) {
	f := &Files{ca: ca, cert: cert, key: key, clock: clock, log: log}
	var err error
	if f.stamps, err = f.stat(); err != nil {
		return nil, err
	}
	if f.now, err = f.read(); err != nil {
		return nil, err
	}
	f.checked = clock()
	return f, nil
}

// Subject is who the certificate speaks for.
func (f *Files) Subject() Subject { return f.current().subject }

// Expires is when the certificate ends.
func (f *Files) Expires() time.Time { return f.current().cert.Leaf.NotAfter }

// Server returns a configuration for a door that admits only certificates that check accepts. The certificate was verified
// against the CA before.
func (f *Files) Server(check func(Subject) error) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			m := f.current()
			return &tls.Config{
				MinVersion: tls.VersionTLS13, Time: f.clock,
				Certificates: []tls.Certificate{m.cert}, ClientCAs: m.pool, ClientAuth: tls.RequireAndVerifyClientCert,
				// Tickets would let a connection come back without its certificate being looked at again.
				SessionTicketsDisabled: true,
				VerifyConnection:       func(s tls.ConnectionState) error { return verify(s, check) },
			}, nil
		},
	}
}

// Client returns a configuration for one dial. The server is recognised by its subject, not by its host name: nodes change
// addresses, and their certificates stay.
func (f *Files) Client(check func(Subject) error) *tls.Config {
	m := f.current()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Time: f.clock,
		Certificates: []tls.Certificate{m.cert},
		// The library's own check wants a host name. The same chain is verified in VerifyConnection, then the subject.
		InsecureSkipVerify: true, // #nosec G402 -- VerifyConnection verifies
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return fmt.Errorf("%w: none was shown", ErrSubject)
			}
			between := x509.NewCertPool()
			for _, c := range s.PeerCertificates[1:] {
				between.AddCert(c)
			}
			if _, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
				Roots: m.pool, Intermediates: between, CurrentTime: f.clock(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			}); err != nil {
				return fmt.Errorf("%w: %w", ErrSubject, err)
			}
			return verify(s, check)
		},
	}
}

func verify(s tls.ConnectionState, check func(Subject) error) error {
	if len(s.PeerCertificates) == 0 {
		return fmt.Errorf("%w: none was shown", ErrSubject)
	}
	subject, err := SubjectOf(s.PeerCertificates[0])
	if err != nil {
		return err
	}
	return check(subject)
}

// current returns what the files hold, reading them again if they changed.
func (f *Files) current() material {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock()
	if now.Sub(f.checked) < recheck {
		return f.now
	}
	f.checked = now
	stamps, err := f.stat()
	if err == nil && stamps == f.stamps {
		return f.now
	}
	var next material
	if err == nil {
		next, err = f.read()
	}
	if err != nil {
		// Half a rotation: the certificate is there and its key is not yet. Keep what works, and say so once.
		if f.failure == nil {
			f.log.Warn("certificate files are not usable, keeping the old ones", "err", err)
		}
		f.failure = err
		return f.now
	}
	f.now, f.stamps, f.failure = next, stamps, nil
	f.log.Info("certificates read again", "subject", next.subject.String(), "expires", next.cert.Leaf.NotAfter)
	return f.now
}

func (f *Files) stat() ([3]stamp, error) {
	var out [3]stamp
	for i, path := range []string{f.ca, f.cert, f.key} {
		info, err := os.Stat(path)
		if err != nil {
			return out, fmt.Errorf("tls file: %w", err)
		}
		out[i] = stamp{info.Size(), info.ModTime()}
	}
	return out, nil
}

func (f *Files) read() (material, error) {
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return material{}, fmt.Errorf("tls file: %w", err)
	}
	m := material{pool: x509.NewCertPool()}
	if !m.pool.AppendCertsFromPEM(pem) {
		return material{}, fmt.Errorf("tls file %s: no certificate in it", f.ca)
	}
	if m.cert, err = tls.LoadX509KeyPair(f.cert, f.key); err != nil {
		return material{}, fmt.Errorf("tls files %s and %s: %w", f.cert, f.key, err)
	}
	if m.cert.Leaf == nil {
		return material{}, errors.New("tls: certificate without leaf")
	}
	if m.subject, err = SubjectOf(m.cert.Leaf); err != nil {
		return material{}, fmt.Errorf("tls file %s: %w", f.cert, err)
	}
	between := x509.NewCertPool()
	for _, der := range m.cert.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	if _, err := m.cert.Leaf.Verify(x509.VerifyOptions{
		Roots: m.pool, Intermediates: between, CurrentTime: f.clock(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return material{}, fmt.Errorf("tls file %s is not valid under %s: %w", f.cert, f.ca, err)
	}
	return m, nil
}
