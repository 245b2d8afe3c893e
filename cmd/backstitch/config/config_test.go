package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"

	"backstitch/replay/connect"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	a := Default()
	Flags(f, &a)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFlagsWinOverTheFileAndTheFileOverDefaults(t *testing.T) {
	file := write(t, `
node: {name: from-file, zone: z1}
dataDir: /data
cluster:
  bootstrapExpect: 3
  retryJoin: [a:1, b:2]
worker: {memory: 64MiB}
listen: {probes: "0.0.0.0:7423"}
connections:
  prod: {kafka: {brokers: ["k:9092"], sasl: {mechanism: plain, user: "env:U", password: "env:P"}}}
  schemas: {registry: {url: "https://r:8081", tls: {ca: ca.pem}, token: "file:/run/token"}}
`)
	got, err := Load(file, flags(t, "--name=from-flag", "--retry-join=c:3,d:4", "--memory=32MiB"))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Node.Name, want.Node.Zone, want.DataDir = "from-flag", "z1", "/data"
	want.Listen.Probes = "0.0.0.0:7423" // beyond this machine without TLS: it tells, and does nothing
	want.Cluster = Cluster{BootstrapExpect: 3, RetryJoin: []string{"c:3", "d:4"}}
	want.Worker.Memory = 32 << 20
	want.Connections = map[string]Connection{"prod": {Kafka: &Kafka{Brokers: []string{"k:9092"}, SASL: &SASL{"plain", "env:U", "env:P"}}},
		"schemas": {Registry: &Registry{URL: "https://r:8081", TLS: &ServerTLS{CA: "ca.pem"}, Token: "file:/run/token"}}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("configuration (-got +want):\n%s", diff)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
}

func TestMistakesInTheFileAreNamed(t *testing.T) {
	rows := map[string][]string{
		"node:\n  nmae: x\n":             {"[2:3]", "nmae", "did you mean name?"},
		"bootstrapexpect: 3\n":           {"[1:1]", "did you mean bootstrapExpect?"},
		"worker: {memory: 256}\n":        {"no unit"},
		"worker: {lanes: many}\n":        {"[1:17]"},
		"disk: {sofd: 80}\n":             {"did you mean soft?"},
		"disk: {enough: 10}\n":           {"no unit"},
		"connections: {p: {kafak: 1}}\n": {"did you mean kafka?"},
		"tracing: {sampleRate: 1}\n":     {"did you mean sampleRatio?"},
	}
	for text, wants := range rows {
		_, err := Load(write(t, text), flags(t))
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got %v, want it to say %q", text, err, want)
			}
		}
	}
}

func oidc(change func(*OIDC)) func(*Agent) {
	o := &OIDC{Issuer: "https://idp.example.com", ClientID: "backstitch"}
	o.fill()
	change(o)
	return func(a *Agent) { a.Access.OIDC = o }
}

// TestAnIdentityProvider: the file alone says it, with defaults, and what it gives to groups.
func TestAnIdentityProvider(t *testing.T) {
	file := write(t, `
dataDir: /data
access:
  oidc:
    issuer: https://idp.example.com/realms/ops
    clientID: backstitch
    clientSecret: env:OIDC
    cliClientID: backstitch-cli
    redirectURL: https://backstitch.example.com:7420/ui/login/callback
    roles:
      - {group: oncall, role: approver, namespace: payments}
      - {group: sre, role: admin, namespace: "*"}
`)
	a, err := Load(file, flags(t))
	if err == nil {
		err = a.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	got := a.Access.OIDC.Login(func(name string) (string, bool) { return "s3cret", name == "OIDC" })
	secret, err := got.Secret()
	if secret != "s3cret" || err != nil || got.CommandLine() != "backstitch-cli" || len(got.Roles) != 2 || got.Roles[1].Role != fsm.AccessAdmin ||
		!slices.Equal(got.Algorithms, []string{"RS256"}) || got.PersonClaim != "sub" || got.GroupsClaim != "groups" || !slices.Contains(got.Scopes, "openid") {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := Load(write(t, "access: {oidc: {isuer: x}}\n"), flags(t)); err == nil || !strings.Contains(err.Error(), "did you mean issuer?") {
		t.Errorf("an unknown key: %v", err)
	}
	if _, err := Load(write(t, "access: {oidc: {roles: [{grup: x}]}}\n"), flags(t)); err == nil || !strings.Contains(err.Error(), "did you mean group?") {
		t.Errorf("an unknown key of a role: %v", err)
	}
}

// A tag's value may have blanks and commas, also in a flag, where commas part entries.
func TestEntriesOfRetryJoinMayHaveQuotes(t *testing.T) {
	entry := `provider=aws tag_key=team tag_value="ana, ben"`
	file := write(t, "dataDir: /data\ncluster: {bootstrapExpect: 3, retryJoin: ['"+entry+"', 'dns+srv://_gossip._tcp.a']}\n")
	for name, f := range map[string]*pflag.FlagSet{
		"file": flags(t), "one flag": flags(t, "--retry-join="+entry+",dns+srv://_gossip._tcp.a"), "two flags": flags(t, "--retry-join="+entry, "--retry-join", "dns+srv://_gossip._tcp.a"),
	} {
		got, err := Load(file, f)
		if want := []string{entry, "dns+srv://_gossip._tcp.a"}; err != nil || !slices.Equal(got.Cluster.RetryJoin, want) {
			t.Errorf("%s: got %q, %v, want %q", name, got.Cluster.RetryJoin, err, want)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func registry(r Registry) func(*Agent) {
	return func(a *Agent) { a.Connections = map[string]Connection{"p": {Registry: &r}} }
}

func TestHalfAConfigurationIsRefused(t *testing.T) {
	rows := map[string]struct {
		change func(*Agent)
		path   string
	}{
		"no directory":       {func(a *Agent) { a.DataDir = "" }, "dataDir"},
		"certificate only":   {func(a *Agent) { a.TLS.Cert = "c.pem" }, "tls"},
		"expect and no join": {func(a *Agent) { a.Cluster.BootstrapExpect = 3 }, "cluster.retryJoin"},
		"join nobody":        {func(a *Agent) { a.Cluster.BootstrapExpect = 0 }, "cluster.retryJoin"},
		"found by gce": {func(a *Agent) {
			a.Cluster = Cluster{BootstrapExpect: 3, RetryJoin: []string{"a:7422", "provider=gce tag_value=prod"}}
		}, "cluster.retryJoin[1]"},
		"marks crossed":     {func(a *Agent) { a.Disk.Soft = 96 }, "disk"},
		"a mark above all":  {func(a *Agent) { a.Disk.Hard = 101 }, "disk"},
		"even voters":       {func(a *Agent) { a.Cluster = Cluster{BootstrapExpect: 2, RetryJoin: []string{"a:1"}} }, "cluster.bootstrapExpect"},
		"alone and joins":   {func(a *Agent) { a.Cluster.RetryJoin = []string{"a:1"} }, "cluster.bootstrapExpect"},
		"worker bootstraps": {func(a *Agent) { a.Node.Role = "worker" }, "cluster.bootstrapExpect"},
		"open without tokens": {func(a *Agent) {
			a.Listen.API, a.TLS, a.Gossip.KeyFile = "0.0.0.0:7420", TLS{"c", "c", "k"}, "g"
		}, "listen.api"},
		"open without TLS":       {func(a *Agent) { a.Listen.API = "0.0.0.0:7420" }, "listen.api"},
		"one port twice":         {func(a *Agent) { a.Listen.RPC = a.Listen.API }, "listen.rpc"},
		"probes as the API":      {func(a *Agent) { a.Listen.Probes = a.Listen.API }, "listen.probes"},
		"probes nowhere":         {func(a *Agent) { a.Listen.Probes = "7423" }, "listen.probes"},
		"no port":                {func(a *Agent) { a.Listen.Gossip = "localhost" }, "listen.gossip"},
		"undialable":             {func(a *Agent) { a.Advertise.RPC = "0.0.0.0:7421" }, "advertise.rpc"},
		"unknown role":           {func(a *Agent) { a.Node.Role = "boss" }, "node.role"},
		"unknown level":          {func(a *Agent) { a.Log.Level = "loud" }, "log.level"},
		"runbooks nowhere":       {func(a *Agent) { a.Runbooks.URL = "deploy/runbooks" }, "runbooks.url"},
		"runbooks and login":     {func(a *Agent) { a.Runbooks.URL = "https://ana:hunter2@wiki" }, "runbooks.url"},
		"a name of a program":    {func(a *Agent) { a.Exec.Allow = map[string]Program{"Reload It": {Path: "/x"}} }, "exec.allow"},
		"a program by chance":    {func(a *Agent) { a.Exec.Allow = map[string]Program{"reload": {Path: "reload.sh"}} }, "exec.allow.reload.path"},
		"no issuer":              {oidc(func(o *OIDC) { o.Issuer = "" }), "access.oidc.issuer"},
		"an issuer in the clear": {oidc(func(o *OIDC) { o.Issuer = "http://idp.example.com" }), "access.oidc.issuer"},
		"an issuer and a login":  {oidc(func(o *OIDC) { o.Issuer = "https://ana:hunter2@idp.example.com" }), "access.oidc.issuer"},
		"an issuer and a query":  {oidc(func(o *OIDC) { o.Issuer += "/?a=b" }), "access.oidc.issuer"},
		"no client":              {oidc(func(o *OIDC) { o.ClientID = "" }), "access.oidc.clientID"},
		"a literal secret":       {oidc(func(o *OIDC) { o.ClientSecret = "hunter2" }), "access.oidc.clientSecret"},
		"back to elsewhere":      {oidc(func(o *OIDC) { o.RedirectURL = "https://b.example.com/callback" }), "access.oidc.redirectURL"},
		"back in the clear":      {oidc(func(o *OIDC) { o.RedirectURL = "http://b.example.com/ui/login/callback" }), "access.oidc.redirectURL"},
		"no login asked for":     {oidc(func(o *OIDC) { o.Scopes = []string{"profile"} }), "access.oidc.scopes"},
		"signed by anybody":      {oidc(func(o *OIDC) { o.Algorithms = []string{"RS256", "none"} }), "access.oidc.algorithms"},
		"signed with a secret":   {oidc(func(o *OIDC) { o.Algorithms = []string{"HS256"} }), "access.oidc.algorithms"},
		"signed with nothing":    {oidc(func(o *OIDC) { o.Algorithms = []string{} }), "access.oidc.algorithms"},
		"a role of nobody":       {oidc(func(o *OIDC) { o.Roles = []GroupRole{{"", "viewer", "*"}} }), "access.oidc.roles[0].group"},
		"a role unheard of":      {oidc(func(o *OIDC) { o.Roles = []GroupRole{{"a", "boss", "*"}} }), "access.oidc.roles[0].role"},
		"a role nowhere":         {oidc(func(o *OIDC) { o.Roles = []GroupRole{{"a", "viewer", ""}} }), "access.oidc.roles[0].namespace"},
		"a role twice":           {oidc(func(o *OIDC) { o.Roles = []GroupRole{{"a", "viewer", "*"}, {"a", "viewer", "*"}} }), "access.oidc.roles[1]"},
		"traces nowhere":         {func(a *Agent) { a.Tracing.Endpoint = "collector:4318" }, "tracing.endpoint"},
		"traces and a login":     {func(a *Agent) { a.Tracing.Endpoint = "https://ana:hunter2@c" }, "tracing.endpoint"},
		"more than all":          {func(a *Agent) { a.Tracing.SampleRatio = 1.5 }, "tracing.sampleRatio"},
		"literal header":         {traces("https://c", "Key", "hunter2"), "tracing.headers.Key"},
		"no name of a header":    {traces("https://c", "a b", "env:K"), "tracing.headers"},
		"header in the open":     {traces("http://c", "Key", "env:K"), "tracing.headers"},
		"header to nobody":       {traces("", "Key", "env:K"), "tracing"},
		"no lanes":               {func(a *Agent) { a.Worker.Lanes = 0 }, "worker.lanes"},
		"literal password": {func(a *Agent) {
			a.Connections = map[string]Connection{"p": {Kafka: &Kafka{Brokers: []string{"b:1"}, SASL: &SASL{"plain", "env:U", "hunter2"}}}}
		}, "connections.p.kafka.sasl.password"},
		"empty connection": {func(a *Agent) { a.Connections = map[string]Connection{"p": {}} }, "connections.p"},
		"half credentials": {func(a *Agent) { a.Connections = map[string]Connection{"p": {S3: &S3{AccessKey: "env:A"}}} }, "connections.p.s3"},
		"two in one": {func(a *Agent) {
			a.Connections = map[string]Connection{"p": {S3: &S3{}, Registry: &Registry{URL: "https://r"}}}
		}, "connections.p"},
		"registry without address": {registry(Registry{}), "connections.p.registry"},
		"login in an address":      {registry(Registry{URL: "https://ana:hunter2@r"}), "connections.p.registry"},
		"token in an address":      {registry(Registry{URL: "https://r?token=hunter2"}), "connections.p.registry"},
		"login in the open":        {registry(Registry{URL: "http://r:8081", Token: "env:T"}), "connections.p.registry"},
		"two logins":               {registry(Registry{URL: "https://r", User: "env:U", Password: "env:P", Token: "env:T"}), "connections.p.registry"},
		"half a login":             {registry(Registry{URL: "https://r", User: "env:U"}), "connections.p.registry"},
		"literal token":            {registry(Registry{URL: "https://r", Token: "hunter2"}), "connections.p.registry.token"},
		"half a certificate":       {registry(Registry{URL: "https://r", TLS: &ServerTLS{Cert: "c.pem"}}), "connections.p.registry.tls"},
	}
	for name, row := range rows {
		a := Default()
		a.DataDir = "/data"
		row.change(&a)
		err := a.Validate()
		var got Problems
		if !errors.As(err, &got) || got[0].Path != row.path || got[0].Next == "" {
			t.Errorf("%s: got %v, want a problem at %s that says what to write", name, err, row.path)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the message shows the secret: %v", name, err)
		}
	}
}

// traces sends spans with one header.
func traces(endpoint, name string, ref connect.Secret) func(*Agent) {
	return func(a *Agent) {
		a.Tracing.Endpoint, a.Tracing.Headers = endpoint, map[string]connect.Secret{name: ref}
	}
}

func TestEveryValueHasAFlag(t *testing.T) {
	// Connections and the identity provider are left out on purpose; everything else that the file can say, a flag can say.
	want := len(keys(typeOf(struct {
		Node      Node      `yaml:"node"`
		DataDir   string    `yaml:"dataDir"`
		Env       string    `yaml:"environment"`
		Listen    Listen    `yaml:"listen"`
		Advertise Addresses `yaml:"advertise"`
		Cluster   Cluster   `yaml:"cluster"`
		TLS       TLS       `yaml:"tls"`
		Gossip    Gossip    `yaml:"gossip"`
		Access    Access    `yaml:"access"`
		Proof     Proof     `yaml:"proof"`
		Notify    Notify    `yaml:"notify"`
		Runbooks  Runbooks  `yaml:"runbooks"`
		Worker    Worker    `yaml:"worker"`
		Disk      Disk      `yaml:"disk"`
		Log       Log       `yaml:"log"`
		Tracing   struct {
			Endpoint string  `yaml:"endpoint"`
			Ratio    float64 `yaml:"sampleRatio"`
		} `yaml:"tracing"` // without headers and tls, which only a file can say
	}{}))) - 14 // the fourteen groups themselves
	want -= len(keys(typeOf(struct {
		OIDC OIDC `yaml:"oidc"`
	}{})))
	got := 0
	flags(t).VisitAll(func(*pflag.Flag) { got++ })
	if got != want {
		t.Errorf("flags: got %d, want %d", got, want)
	}
}

// TestMistakesDoNotShowValues: a secret may stand under a misspelled key, beside one, or in a file that is no configuration; and in an address, from where
// it would go into answers and the book.
func TestMistakesDoNotShowValues(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, text := range []string{
		"connections:\n  k:\n    kafka:\n      brokers: [\"k:9092\"]\n      sasl:\n        user: \"env:U\"\n        pasword: SECRET\n",
		"connections:\n  k:\n    kafka:\n      sasl:\n        password: SECRET\n        usr: \"env:U\"\n",
		"connections: {k: {kafka: {sasl: {pasword: SECRET}}}}\n",
		"connections:\n  k:\n    kafka:\n      sasl: SECRET\n",
		"connections:\n  k:\n    s3: {accessKey: SECRET, region: [1]}\n",
		"connections:\n  k:\n    s3:\n      secretKey: \"SECRET\n      region: x\n",
		"gossip: {keyFile: [SECRET]}\n",
		"SECRET\n",
		"-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n",
	} {
		_, err := Load(write(t, strings.ReplaceAll(text, "SECRET", secret)), flags(t))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: got %v, want an error without the secret", text, err)
		}
	}
	for _, text := range []string{
		"connections: {k: {s3: {endpoint: \"https://ana:SECRET@host:9000\"}}}\n",
		"connections: {k: {s3: {endpoint: \"https://host:9000?key=SECRET\"}}}\n",
		"connections: {k: {kafka: {brokers: [\"ana:SECRET@host:9092\"]}}}\n",
		"listen: {api: \"https://ana:SECRET@127.0.0.1:1\"}\n",
	} {
		cfg, err := Load(write(t, "dataDir: /data\n"+strings.ReplaceAll(text, "SECRET", secret)), flags(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.(Problems).Next(), secret) {
			t.Errorf("%q: got %v, want it refused without the secret", text, err)
		}
	}
	_, err := Load(write(t, "node:\n  nmae: x\n"), flags(t))
	if err == nil || !strings.HasSuffix(err.Error(), "\n>  2 |   nmae: ...\n         ^") {
		t.Errorf("the place is not shown: %v", err)
	}
}
