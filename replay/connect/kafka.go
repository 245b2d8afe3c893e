package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Kafka is how a Kafka cluster is reached.
type Kafka struct {
	Brokers []string // host:port, tried in turn
	TLS     *TLS     // nil for plain text
	SASL    *SASL    // nil for no login
}

// TLS says how to trust a server and how to show who we are. Its zero value trusts the system's authorities.
type TLS struct {
	CAFile     string // PEM file of the authorities to trust instead of the system's
	CertFile   string // PEM files of our certificate and key, both or none
	KeyFile    string
	ServerName string // name to expect in the server's certificate, "" for its host name
}

// SASL is a login.
type SASL struct {
	Mechanism string // "plain", "scram-sha-256" or "scram-sha-512"
	User      Secret
	Password  Secret
}

// ParseBrokers splits "host:port,host:port". A missing port is 9092.
func ParseBrokers(s string) ([]string, error) {
	var out []string
	for b := range strings.SplitSeq(s, ",") {
		if b = strings.TrimSpace(b); b == "" {
			continue
		}
		if strings.Contains(b, "@") { // not repeated: what stands before it is a login
			return nil, &Error{Code: CodeConfig, Object: "brokers", Err: errors.New("an address holds a user or a password"), Hint: "name a connection whose configuration has the login: connections.NAME.kafka.sasl"}
		}
		host, port, err := net.SplitHostPort(b)
		if err != nil {
			if host, port, err = net.SplitHostPort(b + ":9092"); err != nil {
				return nil, &Error{Code: CodeConfig, Object: b, Err: err, Hint: "write brokers as host:port,host:port"}
			}
		}
		if host == "" || strings.ContainsAny(host, "/ ") {
			return nil, &Error{Code: CodeConfig, Object: b, Err: errors.New("not a broker address"), Hint: "write brokers as host:port,host:port"}
		}
		out = append(out, net.JoinHostPort(host, port))
	}
	if len(out) == 0 {
		return nil, &Error{Code: CodeConfig, Object: "brokers", Err: errors.New("none are named"), Hint: "write brokers as host:port,host:port"}
	}
	return out, nil
}

// ClientID is the client id under which brokers see job; "" is for what no job does, like scans.
func ClientID(job string) string {
	if job == "" {
		return "backstitch"
	}
	return "backstitch." + job
}

// dialTimeout bounds one connection attempt, TLS included.
const dialTimeout = 5 * time.Second

// Opts returns the client options for this cluster. Callers add their own behind them.
func (k Kafka) Opts(clientID string, env Env) ([]kgo.Opt, error) {
	if len(k.Brokers) == 0 {
		return nil, &Error{Code: CodeConfig, Object: "brokers", Err: errors.New("none are named"), Hint: "name at least one broker"}
	}
	opts := []kgo.Opt{kgo.SeedBrokers(k.Brokers...), kgo.ClientID(clientID), kgo.DialTimeout(dialTimeout)}
	if k.TLS != nil {
		conf, err := k.TLS.config(CodeKafkaTLS)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(conf))
	}
	if k.SASL != nil {
		m, err := k.SASL.mechanism(env)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(m))
	}
	return opts, nil
}

// Client makes a client. It does not connect; Ping does.
func (k Kafka) Client(clientID string, env Env, more ...kgo.Opt) (*kgo.Client, error) {
	opts, err := k.Opts(clientID, env)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		return nil, &Error{Code: CodeConfig, Object: strings.Join(k.Brokers, ","), Err: err, Hint: "check the connection's options"}
	}
	return cl, nil
}

// PingTimeout bounds Ping.
const PingTimeout = 10 * time.Second

// Ping makes sure that a broker answers and takes our login. Its errors are *Error.
func (k Kafka) Ping(ctx context.Context, cl *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, PingTimeout)
	defer cancel()
	if err := cl.Ping(ctx); err != nil {
		return k.explain(err)
	}
	return nil
}

// explain sorts what a client says into a code and a hint.
func (k Kafka) explain(err error) error {
	e := &Error{Object: "kafka " + strings.Join(k.Brokers, ","), Err: err}
	var (
		unknownCA x509.UnknownAuthorityError
		wrongHost x509.HostnameError
		expired   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		e.Code, e.Hint = CodeKafkaLogin, "check user, password and mechanism; try them with another client from this machine"
	case errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed):
		e.Code, e.Hint = CodeKafkaDenied, "grant the principal what it lacks"
	case errors.As(err, &unknownCA), errors.As(err, &wrongHost), errors.As(err, &expired), errors.As(err, &alert):
		e.Code, e.Hint = CodeKafkaTLS, "check the authority file, the certificate's names and its dates"
	case errors.As(err, &record):
		e.Code, e.Hint = CodeKafkaTLS, "the port speaks plain text: drop tls, or use the brokers' TLS port"
	case strings.Contains(err.Error(), "broker appears to be speaking TLS"), strings.Contains(err.Error(), "requires TLS"):
		e.Code, e.Hint = CodeKafkaTLS, "the port speaks TLS: set tls"
	case k.SASL != nil && (errors.Is(err, io.EOF) || strings.Contains(strings.ToLower(err.Error()), "sasl")):
		// Brokers hang up after a login that failed, and the client may see no more than that.
		e.Code, e.Hint = CodeKafkaLogin, "check user, password and mechanism; try them with another client from this machine"
	case errors.Is(err, io.EOF):
		e.Code, e.Hint = CodeKafkaDown, "the broker hung up at once: the port may want TLS or a login"
	case k.TLS != nil && errors.Is(err, context.DeadlineExceeded) && k.reachable():
		e.Code, e.Hint = CodeKafkaTLS, "the port takes connections but does not answer TLS: drop tls, or use the brokers' TLS port"
	default:
		e.Code, e.Hint = CodeKafkaDown, "check the addresses from this machine, and that brokers advertise names that it can reach"
	}
	return e
}

// reachable reports whether a broker takes TCP connections.
func (k Kafka) reachable() bool {
	for _, b := range k.Brokers {
		c, err := net.DialTimeout("tcp", b, time.Second)
		if err == nil {
			c.Close() //nolint:errcheck // nothing was sent
			return true
		}
	}
	return false
}

// Config is what a client trusts and shows by t, for others than brokers and registries. code is that of its errors.
func (t *TLS) Config(code string) (*tls.Config, error) { return t.config(code) }

// config reads the files. code is that of its errors.
func (t *TLS) config(code string) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, &Error{Code: code, Object: t.CAFile, Err: err, Hint: "the file must be there and readable on each node"}
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &Error{Code: code, Object: t.CAFile, Err: errors.New("no certificate in it"), Hint: "it must hold PEM certificates"}
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, &Error{Code: code, Object: t.CertFile + t.KeyFile, Err: errors.New("certificate and key go together"), Hint: "name both or none"}
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, &Error{Code: code, Object: t.CertFile, Err: err, Hint: "certificate and key must be PEM and fit together"}
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	return conf, nil
}

func (s *SASL) mechanism(env Env) (sasl.Mechanism, error) {
	user, err := s.User.Resolve(env)
	if err != nil {
		return nil, err
	}
	pass, err := s.Password.Resolve(env)
	if err != nil {
		return nil, err
	}
	if user == "" || pass == "" {
		return nil, &Error{Code: CodeSecret, Object: "sasl", Err: errors.New("user and password are both needed"), Hint: "name both as env:NAME or file:PATH"}
	}
	switch s.Mechanism {
	case "plain":
		return plain.Auth{User: user, Pass: pass}.AsMechanism(), nil
	case "scram-sha-256":
		return scram.Auth{User: user, Pass: pass}.AsSha256Mechanism(), nil
	case "scram-sha-512":
		return scram.Auth{User: user, Pass: pass}.AsSha512Mechanism(), nil
	}
	return nil, &Error{Code: CodeConfig, Object: "sasl mechanism", Err: fmt.Errorf("unknown mechanism %q", s.Mechanism), Hint: "use plain, scram-sha-256 or scram-sha-512"}
}
