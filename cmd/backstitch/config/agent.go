package config

import (
	"fmt"
	"net/netip"

	"backstitch/replay/connect"

	"github.com/spf13/pflag"

	"backstitch/cluster/vitals"
)

// Agent is everything that can be said about one node. Sizes are in bytes and written with a unit, "64MiB".
type Agent struct {
	Node        Node                  `yaml:"node" json:"node"`
	Environment string                `yaml:"environment" json:"environment"` // production, staging or dev; only the last two let nodes be hurt on purpose
	DataDir     string                `yaml:"dataDir" json:"dataDir"`
	Listen      Listen                `yaml:"listen" json:"listen"`
	Advertise   Addresses             `yaml:"advertise" json:"advertise"`
	Cluster     Cluster               `yaml:"cluster" json:"cluster"`
	TLS         TLS                   `yaml:"tls" json:"tls"`
	Gossip      Gossip                `yaml:"gossip" json:"gossip"`
	Access      Access                `yaml:"access" json:"access"`
	Proof       Proof                 `yaml:"proof" json:"proof"`
	Notify      Notify                `yaml:"notify" json:"notify"`
	Runbooks    Runbooks              `yaml:"runbooks" json:"runbooks"`
	Worker      Worker                `yaml:"worker" json:"worker"`
	Disk        Disk                  `yaml:"disk" json:"disk"`
	Log         Log                   `yaml:"log" json:"log"`
	Exec        Exec                  `yaml:"exec" json:"exec"`
	Tracing     Tracing               `yaml:"tracing" json:"tracing"`
	Connections map[string]Connection `yaml:"connections" json:"connections,omitempty"`
}

// Node is who this node is.
type Node struct {
	Name string `yaml:"name" json:"name"` // unique in the cluster; "" for the host's name
	Zone string `yaml:"zone" json:"zone"` // failure zone, "" for none
	Role string `yaml:"role" json:"role"` // voter or worker
}

// Listen is host:port for each door.
type Listen struct {
	API    string `yaml:"api" json:"api"`
	RPC    string `yaml:"rpc" json:"rpc"`
	Gossip string `yaml:"gossip" json:"gossip"`
	Probes string `yaml:"probes" json:"probes"` // health and metrics without TLS and nothing else, "" for no such door
}

// Addresses are host:port of each door as others reach it. An empty one is the one that is listened on.
type Addresses struct {
	API    string `yaml:"api" json:"api"`
	RPC    string `yaml:"rpc" json:"rpc"`
	Gossip string `yaml:"gossip" json:"gossip"`
}

// Cluster says how this node finds the others.
type Cluster struct {
	BootstrapExpect int      `yaml:"bootstrapExpect" json:"bootstrapExpect"` // voters that make a new cluster together; 0 joins one
	RetryJoin       []string `yaml:"retryJoin" json:"retryJoin"`             // whom to meet, until one answers: gossip addresses, or ways to find them
}

// TLS names PEM files. All three or none.
type TLS struct {
	CA   string `yaml:"ca" json:"ca"`
	Cert string `yaml:"cert" json:"cert"`
	Key  string `yaml:"key" json:"key"`
}

// Access is about who may call the API.
type Access struct {
	Required bool  `yaml:"required" json:"required"`   // nobody is served before there is a first token
	OIDC     *OIDC `yaml:"oidc" json:"oidc,omitempty"` // nil when nobody signs in with an identity provider
}

// Gossip is about the rumour between nodes.
type Gossip struct {
	KeyFile string `yaml:"keyFile" json:"keyFile"` // file with the encryption key, "" for none
}

// Proof is about the reports of what was proved.
type Proof struct {
	KeyFile string `yaml:"keyFile" json:"keyFile"` // file with the cluster's proof key, "" for reports that nobody signs
}

// Notify is about telling the endpoints of datasets what happens to them.
type Notify struct {
	SecretDir string   `yaml:"secretDir" json:"secretDir"` // directory of the files that tokens come from, "" for none
	Allow     []string `yaml:"allow" json:"allow"`         // addresses or prefixes that may be told although they look like metadata services
}

// Runbooks is about the pages that alerts name.
type Runbooks struct {
	URL string `yaml:"url" json:"url"` // under which the pages of deploy/runbooks are served, "" where they are not
}

// Worker bounds what this node does at once.
type Worker struct {
	Lanes  int   `yaml:"lanes" json:"lanes"` // partitions that are written at the same time
	Memory Bytes `yaml:"memory" json:"memory"`
}

// Disk says from which on a full disk changes what the node does. Soft and Hard are percent of the disk that dataDir lies on.
type Disk struct {
	Soft   int   `yaml:"soft" json:"soft"`     // from which on the node takes no new work; 100 is never
	Hard   int   `yaml:"hard" json:"hard"`     // from which on it gives its work to others; 100 is never
	Enough Bytes `yaml:"enough" json:"enough"` // free bytes that are enough for new work whatever the percentage, and a fifth of them for what it has
}

// Marks are the same for the node.
func (d Disk) Marks() vitals.Marks {
	return vitals.Marks{Soft: d.Soft, Hard: d.Hard, Enough: uint64(max(0, d.Enough))}
}

// Log says what is logged, to stderr.
type Log struct {
	Level  string `yaml:"level" json:"level"`   // debug, info, warn or error
	Format string `yaml:"format" json:"format"` // text or json
}

// Tracing is about where spans are sent. Headers and TLS only a file can say.
type Tracing struct {
	Endpoint    string                    `yaml:"endpoint" json:"endpoint"` // of a collector, "" for no traces
	SampleRatio float64                   `yaml:"sampleRatio" json:"sampleRatio"`
	Headers     map[string]connect.Secret `yaml:"headers" json:"headers,omitempty"` // references, by the name of the header
	TLS         *ServerTLS                `yaml:"tls" json:"tls,omitempty"`
}

// Exec is about programs that steps of flows may run on this node. Only a file can say it.
type Exec struct {
	Allow map[string]Program `yaml:"allow" json:"allow,omitempty"` // by the name that steps use; none by default
}

// Program is one that this node runs for flows.
type Program struct {
	Path       string `yaml:"path" json:"path"`             // absolute; called without a shell
	Idempotent bool   `yaml:"idempotent" json:"idempotent"` // twice is as good as once: begun again when nobody knows how it ended
}

// Default is a single node on loopback, apart from the directory, which has no default.
func Default() Agent {
	marks := vitals.DefaultMarks()
	return Agent{
		Node:        Node{Role: "voter"},
		Environment: "production",
		Listen:      Listen{API: "127.0.0.1:7420", RPC: "127.0.0.1:7421", Gossip: "127.0.0.1:7422"},
		Cluster:     Cluster{BootstrapExpect: 1, RetryJoin: []string{}},
		Notify:      Notify{Allow: []string{}},
		Worker:      Worker{Lanes: 4, Memory: 64 << 20},
		Disk:        Disk{Soft: marks.Soft, Hard: marks.Hard, Enough: Bytes(marks.Enough)},
		Log:         Log{Level: "info", Format: "text"},
		Tracing:     Tracing{SampleRatio: 1},
	}
}

// Flags binds one flag to each value of a but connections, programs and the identity provider, which only a file can say.
func Flags(f *pflag.FlagSet, a *Agent) {
	f.StringVar(&a.Node.Name, "name", a.Node.Name, "unique `name` of this node; without it the host's name")
	f.StringVar(&a.Node.Zone, "zone", a.Node.Zone, "failure `zone` of this node")
	f.StringVar(&a.Node.Role, "role", a.Node.Role, "`role` of this node: voter or worker")
	f.StringVar(&a.Environment, "environment", a.Environment, "what this cluster is `for`: production, staging or dev; only in the last two can faults be injected")
	f.StringVar(&a.DataDir, "data-dir", a.DataDir, "`directory` of this node's data; required")
	f.StringVar(&a.Listen.API, "listen-api", a.Listen.API, "`host:port` of the HTTP API")
	f.StringVar(&a.Listen.RPC, "listen-rpc", a.Listen.RPC, "`host:port` for Raft and RPC")
	f.StringVar(&a.Listen.Gossip, "listen-gossip", a.Listen.Gossip, "`host:port` for gossip")
	f.StringVar(&a.Listen.Probes, "listen-probes", a.Listen.Probes, "`host:port` that answers health and metrics, and nothing else, without TLS; without it there is none")
	f.StringVar(&a.Advertise.API, "advertise-api", a.Advertise.API, "`host:port` of the HTTP API as others reach it")
	f.StringVar(&a.Advertise.RPC, "advertise-rpc", a.Advertise.RPC, "`host:port` for Raft and RPC as others reach it")
	f.StringVar(&a.Advertise.Gossip, "advertise-gossip", a.Advertise.Gossip, "`host:port` for gossip as others reach it")
	f.IntVar(&a.Cluster.BootstrapExpect, "bootstrap-expect", a.Cluster.BootstrapExpect, "`number` of voters that make a new cluster together; 0 joins one")
	f.Var(&entries{list: &a.Cluster.RetryJoin}, "retry-join", "`entry` that says whom to meet: gossip host:port of a node, dns+srv://NAME, or \"provider=aws tag_key=KEY tag_value=VALUE\"; may be given several times")
	f.StringVar(&a.TLS.CA, "tls-ca", a.TLS.CA, "`file` with the cluster's CA")
	f.StringVar(&a.TLS.Cert, "tls-cert", a.TLS.Cert, "`file` with this node's certificate")
	f.StringVar(&a.TLS.Key, "tls-key", a.TLS.Key, "`file` with the key of --tls-cert")
	f.BoolVar(&a.Access.Required, "access-required", a.Access.Required, "serve nobody before there is a first token: backstitch access bootstrap")
	f.StringVar(&a.Gossip.KeyFile, "gossip-key-file", a.Gossip.KeyFile, "`file` with the key that encrypts gossip")
	f.StringVar(&a.Proof.KeyFile, "proof-key-file", a.Proof.KeyFile, "`file` with the cluster's proof key, which signs reports")
	f.StringVar(&a.Notify.SecretDir, "notify-secret-dir", a.Notify.SecretDir, "`directory` of the files that tokens for endpoints of datasets come from")
	f.StringSliceVar(&a.Notify.Allow, "notify-allow", a.Notify.Allow, "`address` or prefix that may be told although it looks like a metadata service; may be given several times")
	f.StringVar(&a.Runbooks.URL, "runbooks-url", a.Runbooks.URL, "`URL` under which the pages of deploy/runbooks are served, for alerts to name")
	f.IntVar(&a.Worker.Lanes, "lanes", a.Worker.Lanes, "`number` of partitions written at the same time; a node's share of the work is by it")
	f.Var(&a.Worker.Memory, "memory", "records in flight, as a `size` like 64MiB")
	f.IntVar(&a.Disk.Soft, "disk-soft", a.Disk.Soft, "`percent` of the disk from which on this node takes no new work; 100 is never")
	f.IntVar(&a.Disk.Hard, "disk-hard", a.Disk.Hard, "`percent` of the disk from which on it gives its work to others; 100 is never")
	f.Var(&a.Disk.Enough, "disk-enough", "free `size` that is enough for new work whatever the percentage, and a fifth of it for what is under way")
	f.StringVar(&a.Log.Level, "log-level", a.Log.Level, "least `level` that is logged: debug, info, warn or error")
	f.StringVar(&a.Tracing.Endpoint, "tracing-endpoint", a.Tracing.Endpoint, "`URL` of a collector that takes traces as OTLP over HTTP; without it there are none")
	f.Float64Var(&a.Tracing.SampleRatio, "tracing-sample-ratio", a.Tracing.SampleRatio, "`part` of the traces that is kept, 0 to 1")
	f.StringVar(&a.Log.Format, "log-format", a.Log.Format, "`format` of log lines: text or json")
}

// Prefixes are the addresses of Allow, each alone as a prefix of its own.
func (n Notify) Prefixes() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range n.Allow {
		p, err := netip.ParsePrefix(text)
		if a, single := netip.ParseAddr(text); single == nil {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a prefix", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
