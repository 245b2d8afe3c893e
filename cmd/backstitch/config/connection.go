package config

import (
	"crypto/tls"
	"fmt"
	"strings"

	"backstitch/replay/connect"
)

// Connection is one named place that specs refer to. Exactly one of its members is set.
type Connection struct {
	Kafka    *Kafka    `yaml:"kafka" json:"kafka,omitempty"`
	S3       *S3       `yaml:"s3" json:"s3,omitempty"`
	Registry *Registry `yaml:"registry" json:"registry,omitempty"`
}

// Kind is which member is set, "" for none or several.
func (c Connection) Kind() string {
	switch {
	case c.Kafka != nil && c.S3 == nil && c.Registry == nil:
		return "kafka"
	case c.S3 != nil && c.Kafka == nil && c.Registry == nil:
		return "s3"
	case c.Registry != nil && c.Kafka == nil && c.S3 == nil:
		return "registry"
	}
	return ""
}

// Kafka is how a Kafka cluster is reached.
type Kafka struct {
	Brokers []string   `yaml:"brokers" json:"brokers"`
	TLS     *ServerTLS `yaml:"tls" json:"tls,omitempty"`
	SASL    *SASL      `yaml:"sasl" json:"sasl,omitempty"`
}

// ServerTLS says how to trust brokers or a registry. An empty one trusts the system's authorities.
type ServerTLS struct {
	CA         string `yaml:"ca" json:"ca,omitempty"`
	Cert       string `yaml:"cert" json:"cert,omitempty"`
	Key        string `yaml:"key" json:"key,omitempty"`
	ServerName string `yaml:"serverName" json:"serverName,omitempty"`
}

// SASL is a login; user and password are references.
type SASL struct {
	Mechanism string         `yaml:"mechanism" json:"mechanism"`
	User      connect.Secret `yaml:"user" json:"user"`
	Password  connect.Secret `yaml:"password" json:"password"`
}

// S3 is how an object store is reached.
type S3 struct {
	Endpoint  string         `yaml:"endpoint" json:"endpoint,omitempty"`
	Region    string         `yaml:"region" json:"region,omitempty"`
	AccessKey connect.Secret `yaml:"accessKey" json:"accessKey,omitempty"`
	SecretKey connect.Secret `yaml:"secretKey" json:"secretKey,omitempty"`
}

// Registry is how a schema registry is reached: without a login, with user and password, or with a token. All three are references.
type Registry struct {
	URL      string         `yaml:"url" json:"url"`
	TLS      *ServerTLS     `yaml:"tls" json:"tls,omitempty"`
	User     connect.Secret `yaml:"user" json:"user,omitempty"`
	Password connect.Secret `yaml:"password" json:"password,omitempty"`
	Token    connect.Secret `yaml:"token" json:"token,omitempty"`
}

// Connect makes what replay/connect wants.
func (r Registry) Connect() connect.Registry {
	return connect.Registry{URL: r.URL, TLS: r.TLS.connect(), User: r.User, Password: r.Password, Token: r.Token}
}

func (t *ServerTLS) connect() *connect.TLS {
	if t == nil {
		return nil
	}
	return &connect.TLS{CAFile: t.CA, CertFile: t.Cert, KeyFile: t.Key, ServerName: t.ServerName}
}

// check finds what is wrong with t, which may be nil.
func (t *ServerTLS) check(path string) []Problem {
	if t == nil || (t.Cert == "") == (t.Key == "") {
		return nil
	}
	return []Problem{{path, "has only one of cert and key", "give both or none"}}
}

// Config reads the files of t, which may be nil.
func (t *ServerTLS) Config() (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	return t.connect().Config(connect.CodeSecret)
}

// Connect makes what replay/connect wants.
func (k Kafka) Connect() connect.Kafka {
	out := connect.Kafka{Brokers: k.Brokers, TLS: k.TLS.connect()}
	if k.SASL != nil {
		out.SASL = &connect.SASL{Mechanism: k.SASL.Mechanism, User: k.SASL.User, Password: k.SASL.Password}
	}
	return out
}

// Connect makes what replay/connect wants.
func (s S3) Connect() connect.S3 {
	return connect.S3{Endpoint: s.Endpoint, Region: s.Region, AccessKey: s.AccessKey, SecretKey: s.SecretKey}
}

func (c Connection) check(path string) []Problem {
	switch c.Kind() {
	case "kafka":
		return c.Kafka.check(path + ".kafka")
	case "s3":
		return c.S3.check(path + ".s3")
	case "registry":
		return c.Registry.check(path + ".registry")
	}
	if c == (Connection{}) {
		return []Problem{{path, "says neither kafka nor s3 nor registry",
			fmt.Sprintf("write %[1]s.kafka.brokers, %[1]s.s3.endpoint or %[1]s.registry.url", path)}}
	}
	return []Problem{{path, "is more than one of kafka, s3 and registry", "split it into several connections"}}
}

func (k Kafka) check(path string) []Problem {
	var out []Problem
	if len(k.Brokers) == 0 {
		out = append(out, Problem{path + ".brokers", "is empty", path + `.brokers: ["HOST:9092"]`})
	}
	for i, b := range k.Brokers {
		if strings.ContainsAny(b, "/@ ") { // not repeated: it may hold a login
			out = append(out, Problem{fmt.Sprintf("%s.brokers[%d]", path, i), "is not host:port", path + `.brokers: ["HOST:9092"]     a login is in sasl`})
		}
	}
	out = append(out, k.TLS.check(path+".tls")...)
	if s := k.SASL; s != nil {
		switch s.Mechanism {
		case "plain", "scram-sha-256", "scram-sha-512":
		default:
			out = append(out, Problem{path + ".sasl.mechanism", fmt.Sprintf("%q is not known", s.Mechanism), "plain, scram-sha-256 or scram-sha-512"})
		}
		out = append(out, reference(path+".sasl.user", s.User, true)...)
		out = append(out, reference(path+".sasl.password", s.Password, true)...)
	}
	return out
}

func (s S3) check(path string) []Problem {
	if s.Connect().Check() != nil {
		return []Problem{{path + ".endpoint", "is not https://HOST:PORT alone", path + ".endpoint: https://minio.internal:9000     keys are in accessKey and secretKey"}}
	}
	if (s.AccessKey == "") != (s.SecretKey == "") {
		return []Problem{{path, "has only one of accessKey and secretKey", "give both, or none to take the environment's credentials"}}
	}
	return append(reference(path+".accessKey", s.AccessKey, false), reference(path+".secretKey", s.SecretKey, false)...)
}

func (r Registry) check(path string) []Problem {
	out := r.TLS.check(path + ".tls")
	out = append(out, reference(path+".user", r.User, false)...)
	out = append(out, reference(path+".password", r.Password, false)...)
	out = append(out, reference(path+".token", r.Token, false)...)
	if err := r.Connect().Check(); err != nil {
		out = append(out, Problem{path, err.Error(), path + ".url: https://HOST:8081, and user and password, token, or neither"})
	}
	return out
}

func reference(path string, s connect.Secret, required bool) []Problem {
	if s == "" && !required {
		return nil
	}
	if s == "" || s.Check() != nil {
		// The value is not repeated: it may be the secret itself.
		return []Problem{{path, "is not a reference to a secret", path + ": env:NAME or file:PATH"}}
	}
	return nil
}
