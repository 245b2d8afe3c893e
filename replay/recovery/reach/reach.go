package reach

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"backstitch/replay/connect"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
	"backstitch/replay/schema"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Clients opens ends with the connections of an agent's or a person's configuration. It satisfies recovery.Clients.
type Clients struct{ cfg open.Config }

var _ recovery.Clients = (*Clients)(nil)

// New makes clients. Only Env, Kafka, S3, Registry, AnyRegistry, Client and Pace of cfg matter. It connects to nothing.
func New(cfg open.Config) *Clients { return &Clients{cfg: cfg} }

// kafka makes a client and makes sure that a broker answers.
func (c *Clients) kafka(ctx context.Context, connection, brokers string) (*kgo.Client, error) {
	var k connect.Kafka
	if connection != "" {
		ok := false
		if c.cfg.Kafka != nil {
			k, ok = c.cfg.Kafka(connection)
		}
		if !ok {
			return nil, unknown(connection, "kafka")
		}
	} else {
		var err error
		if k.Brokers, err = connect.ParseBrokers(brokers); err != nil {
			return nil, err
		}
	}
	cl, err := k.Client(connect.ClientID(""), c.cfg.Env, c.cfg.Client...)
	if err != nil {
		return nil, err
	}
	if err := k.Ping(ctx, cl); err != nil {
		cl.Close()
		return nil, err
	}
	return cl, nil
}

// Kafka makes a client of a connection, or of brokers as host:port,host:port, once one of them answers. The caller closes it.
func (c *Clients) Kafka(ctx context.Context, connection, brokers string) (*kgo.Client, error) {
	return c.kafka(ctx, connection, brokers)
}

// store is an object store, by the name of a connection or by an address.
func (c *Clients) store(connection, endpoint, region string) (connect.S3, error) {
	if connection == "" {
		return connect.S3{Endpoint: endpoint, Region: region}, nil
	}
	if c.cfg.S3 != nil {
		if store, ok := c.cfg.S3(connection); ok {
			return store, nil
		}
	}
	return connect.S3{}, unknown(connection, "s3")
}

// Registry names a schema registry. What looks like an address is one: names of connections do not.
func (c *Clients) Registry(name string) (*schema.Registry, error) {
	if strings.Contains(name, "://") {
		if !c.cfg.AnyRegistry && schema.CheckURL(name) == nil {
			return nil, &connect.Error{Code: connect.CodeConfig, Object: "schema registry " + name, Err: errors.New("agents ask only the registries of their configuration"),
				Hint: "add connections.NAME.registry to the configuration of every agent, and write registry: NAME"}
		}
		return connect.Registry{URL: name}.Client("", c.cfg.Env)
	}
	if c.cfg.Registry != nil {
		if r, ok := c.cfg.Registry(name); ok {
			return r.Client(name, c.cfg.Env)
		}
	}
	return nil, unknown(name, "registry")
}

func unknown(name, kind string) error {
	return &connect.Error{Code: connect.CodeConfig, Object: "connection " + name, Err: fmt.Errorf("no %s connection of that name is configured here", kind),
		Hint: "add connections." + name + "." + kind + " to the configuration"}
}
