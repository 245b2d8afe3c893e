package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/config"
	"backstitch/replay/bucket"
	"backstitch/replay/connect"
	"backstitch/replay/open"
	"backstitch/replay/schema"
)

// places finds the Kafkas, object stores and schema registries that a command line or a spec names.
type places struct {
	file  string
	named map[string]config.Connection
	env   connect.Env // where secrets are looked up
	more  []kgo.Opt   // for every Kafka client
}

func (p *places) flags(f *pflag.FlagSet) {
	f.StringVar(&p.file, "connections", "", "`file` with named connections, in the form of an agent's configuration")
}

// load reads the file, if there is one.
func (p *places) load(a *app) error {
	p.env, p.more = a.lookup, a.logging()
	if p.file == "" {
		return nil
	}
	cfg, err := config.Load(p.file, noFlags())
	if err == nil {
		err = cfg.CheckConnections()
	}
	if err != nil {
		title, detail := split(err.Error())
		return &failure{Code: codeConfig, Title: title, Detail: detail, Next: "mend " + p.file, Exit: client.ExitUsage, Err: err}
	}
	p.named = cfg.Connections
	return nil
}

// again is what names the same places on another command line.
func (p *places) again() string {
	if p.file == "" {
		return ""
	}
	return "--connections " + quoted(p.file)
}

// kafka is a named connection, or a list of brokers.
func (p *places) kafka(s string) (connect.Kafka, error) {
	if c, ok := p.named[s]; ok {
		if c.Kafka == nil {
			return connect.Kafka{}, p.wrong(s, "kafka")
		}
		return c.Kafka.Connect(), nil
	}
	if !strings.Contains(s, ":") {
		return connect.Kafka{}, p.unknown(s, "--kafka HOST:9092")
	}
	brokers, err := connect.ParseBrokers(s)
	return connect.Kafka{Brokers: brokers}, err
}

// s3 is a named connection, or the endpoint of a store; "" is AWS with the environment's credentials.
func (p *places) s3(s string) (connect.S3, error) {
	if c, ok := p.named[s]; ok {
		if c.S3 == nil {
			return connect.S3{}, p.wrong(s, "s3")
		}
		return c.S3.Connect(), nil
	}
	if s != "" && !strings.Contains(s, "://") {
		return connect.S3{}, p.unknown(s, "--s3 https://HOST:9000")
	}
	store := connect.S3{Endpoint: s}
	return store, store.Check()
}

// registry is a named connection, or the address of a schema registry.
func (p *places) registry(s string) (connect.Registry, error) {
	if c, ok := p.named[s]; ok {
		if c.Registry == nil {
			return connect.Registry{}, p.wrong(s, "registry")
		}
		return c.Registry.Connect(), nil
	}
	if !strings.Contains(s, ":") {
		return connect.Registry{}, p.unknown(s, "--registry https://HOST:8081")
	}
	return connect.Registry{URL: s}, nil
}

// reachRegistry makes a client of a named connection or an address, and makes sure that a registry answers and takes the login.
func (p *places) reachRegistry(ctx context.Context, s string) (*schema.Registry, error) {
	c, err := p.registry(s)
	if err != nil {
		return nil, err
	}
	name := s
	if name == c.URL {
		name = "" // what may be no address at all is not repeated
	}
	r, err := c.Client(name, p.env)
	if err != nil {
		return nil, err
	}
	if err := connect.PingRegistry(ctx, r); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (p *places) unknown(name, next string) error {
	var names []string
	for n := range p.named {
		names = append(names, n)
	}
	slices.Sort(names)
	detail := "No file with connections was given."
	if p.file != "" {
		detail = fmt.Sprintf("%s has %s.", p.file, dash(strings.Join(names, ", ")))
	}
	return &failure{
		Code: connect.CodeConfig, Title: fmt.Sprintf("no connection is named %q", name), Detail: detail,
		Next: next + "     or --connections FILE that names it", Exit: client.ExitUsage,
	}
}

func (p *places) wrong(name, kind string) error {
	return &failure{
		Code: connect.CodeConfig, Title: fmt.Sprintf("connection %q is not %s", name, kind), Detail: "It is set up in " + p.file + ".",
		Next: "name another one", Exit: client.ExitUsage,
	}
}

// dial makes a client and makes sure that a broker answers.
func (p *places) dial(ctx context.Context, k connect.Kafka) (*kgo.Client, error) {
	cl, err := k.Client(connect.ClientID(""), p.env, p.more...)
	if err != nil {
		return nil, err
	}
	if err := k.Ping(ctx, cl); err != nil {
		cl.Close()
		return nil, err
	}
	return cl, nil
}

// reach loads the file with connections and dials the Kafka that a flag names.
func (p *places) reach(ctx context.Context, a *app, kafka string) (*kgo.Client, error) {
	if err := p.load(a); err != nil {
		return nil, err
	}
	k, err := p.kafka(kafka)
	if err != nil {
		return nil, err
	}
	return p.dial(ctx, k)
}

// bucket opens a bucket and makes sure that it is there; create makes a missing directory.
func (p *places) bucket(ctx context.Context, url string, s connect.S3, create bool) (bucket.Bucket, error) {
	open := connect.Bucket
	if create {
		open = connect.CreateBucket
	}
	b, err := open(ctx, url, s, p.env)
	if err != nil {
		return nil, err
	}
	return b, connect.PingBucket(ctx, b)
}

// partitionList is a flag like "0-7,12".
type partitionList []int32

func (l *partitionList) String() string {
	var out []string
	for _, p := range *l {
		out = append(out, fmt.Sprint(p))
	}
	return strings.Join(out, ",")
}

func (l *partitionList) Type() string { return "partitions" }

func (l *partitionList) Set(s string) error {
	*l = nil
	for part := range strings.SplitSeq(s, ",") {
		var from, to int32
		if n, err := fmt.Sscanf(part, "%d-%d", &from, &to); n != 2 || err != nil {
			if n, err := fmt.Sscanf(part, "%d", &from); n != 1 || err != nil || fmt.Sprint(from) != part {
				return fmt.Errorf("%q: want numbers and ranges, like 0-7,12", s)
			}
			to = from
		}
		if from < 0 || to < from || to-from > 1<<20 {
			return fmt.Errorf("%q: %d-%d is not a range", s, from, to)
		}
		for p := from; p <= to; p++ {
			*l = append(*l, p)
		}
	}
	slices.Sort(*l)
	*l = slices.Compact(*l)
	return nil
}

// required refuses when a flag was not given.
func required(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f.Value.String() == "" {
			return usage(cmd, errors.New("--"+name+" is missing"))
		}
	}
	return nil
}

// noFlags is a flag set in which nothing was given.
func noFlags() *pflag.FlagSet { return pflag.NewFlagSet("", pflag.ContinueOnError) }

// openConfig is what opening ends needs, with these connections. Who types an address may dial it.
func (p *places) openConfig() open.Config {
	cfg := openConfig(p.named, p.env)
	cfg.Client, cfg.AnyRegistry = p.more, true
	return cfg
}
