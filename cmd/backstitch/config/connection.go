package config

import (
	"fmt"

	"backstitch/replay/connect"
)

// Connection is one named place that specs refer to. Exactly one of its members is set.
type Connection struct {
	Kafka *Kafka `yaml:"kafka" json:"kafka,omitempty"`
	S3    *S3    `yaml:"s3" json:"s3,omitempty"`
}

// Kafka is how a Kafka cluster is reached.
type Kafka struct {
	Brokers []string  `yaml:"brokers" json:"brokers"`
	TLS     *KafkaTLS `yaml:"tls" json:"tls,omitempty"`
	SASL    *SASL     `yaml:"sasl" json:"sasl,omitempty"`
}

// KafkaTLS says how to trust the brokers. An empty one trusts the system's authorities.
type KafkaTLS struct {
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

// Connect makes what replay/connect wants.
func (k Kafka) Connect() connect.Kafka {
	out := connect.Kafka{Brokers: k.Brokers}
	if k.TLS != nil {
		out.TLS = &connect.TLS{CAFile: k.TLS.CA, CertFile: k.TLS.Cert, KeyFile: k.TLS.Key, ServerName: k.TLS.ServerName}
	}
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
	switch {
	case c.Kafka != nil && c.S3 != nil:
		return []Problem{{path, "is both kafka and s3", "split it into two connections"}}
	case c.Kafka != nil:
		return c.Kafka.check(path + ".kafka")
	case c.S3 != nil:
		return c.S3.check(path + ".s3")
	}
	return []Problem{{path, "says neither kafka nor s3", "write " + path + ".kafka.brokers or " + path + ".s3.endpoint"}}
}

func (k Kafka) check(path string) []Problem {
	var out []Problem
	if len(k.Brokers) == 0 {
		out = append(out, Problem{path + ".brokers", "is empty", path + `.brokers: ["HOST:9092"]`})
	}
	if t := k.TLS; t != nil && (t.Cert == "") != (t.Key == "") {
		out = append(out, Problem{path + ".tls", "has only one of cert and key", "give both or none"})
	}
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
	if (s.AccessKey == "") != (s.SecretKey == "") {
		return []Problem{{path, "has only one of accessKey and secretKey", "give both, or none to take the environment's credentials"}}
	}
	return append(reference(path+".accessKey", s.AccessKey, false), reference(path+".secretKey", s.SecretKey, false)...)
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
