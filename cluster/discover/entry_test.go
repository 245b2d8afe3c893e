package discover

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEntries(t *testing.T) {
	tag := Tag{Key: "backstitch", Value: "prod", Addr: PrivateV4, Port: 7422}
	with := func(change func(*Tag)) Tag {
		out := tag
		change(&out)
		return out
	}
	rows := map[string]Entry{
		"node-a.internal:7422": {Kind: Address},
		"node_a":               {Kind: Address},
		"10.0.0.1:7422":        {Kind: Address},
		"[fd00::1]:7422":       {Kind: Address},
		"fd00::1":              {Kind: Address},
		"dns+srv://_gossip._tcp.backstitch.internal":                            {Kind: SRV, Name: "_gossip._tcp.backstitch.internal"},
		"dns+srv://gossip.service.consul.":                                      {Kind: SRV, Name: "gossip.service.consul."},
		"provider=aws tag_key=backstitch tag_value=prod":                        {Kind: AWS, Tag: tag},
		"  tag_value=prod\ttag_key=backstitch  provider=aws ":                   {Kind: AWS, Tag: tag},
		`provider=aws tag_key=backstitch tag_value="the \"prod\" one, of a\\b"`: {Kind: AWS, Tag: with(func(t *Tag) { t.Value = `the "prod" one, of a\b` })},
		`provider=aws tag_key=backstitch tag_value=""`:                          {Kind: AWS, Tag: with(func(t *Tag) { t.Value = "" })},
		`provider=aws tag_key=backstitch tag_value=a=b`:                         {Kind: AWS, Tag: with(func(t *Tag) { t.Value = "a=b" })},
		"provider=aws tag_key=backstitch tag_value=prod region=us-gov-west-1 addr_type=private_v6 port=17422": {
			Kind: AWS, Tag: with(func(t *Tag) { t.Region, t.Addr, t.Port = "us-gov-west-1", PrivateV6, 17422 }),
		},
	}
	for text, want := range rows {
		want.Text = strings.TrimSpace(text)
		got, err := Parse(text)
		if diff := cmp.Diff(got, want); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
}

func TestEntriesThatCanNeverWorkAreRefused(t *testing.T) {
	const ok = "provider=aws tag_key=backstitch tag_value=prod "
	rows := map[string]struct{ why, next string }{
		"":                                       {"is empty", "HOST:7422"},
		"node-a:":                                {`port ""`, "HOST:7422"},
		"node-a:gossip":                          {`port "gossip"`, "HOST:7422"},
		"node-a:70000":                           {`port "70000"`, "HOST:7422"},
		"node-a:0":                               {`port "0"`, "HOST:7422"},
		"node a:7422":                            {"not HOST:PORT", "HOST:7422"},
		"node-a/node-b:7422":                     {"not HOST:PORT", "HOST:7422"},
		"a:1:2":                                  {"not HOST:PORT", "HOST:7422"},
		"http://node-a:7422":                     {"begins with http://", "HOST:7422"},
		"dns://backstitch.internal":              {"begins with dns://, by which nobody is found: there are HOST:PORT, dns+srv://NAME and", "HOST:7422"},
		"dns+srv:backstitch.internal":            {"lacks the slashes", "dns+srv://_gossip"},
		"dns+srv://":                             {"no name", "dns+srv://_gossip"},
		"dns+srv://.":                            {"no name", "dns+srv://_gossip"},
		"dns+srv://a..b":                         {`has "" in its name`, "dns+srv://_gossip"},
		"dns+srv://-a.b":                         {`has "-a"`, "dns+srv://_gossip"},
		"dns+srv://a b":                          {`has "a b"`, "dns+srv://_gossip"},
		"dns+srv://a.b:7422":                     {"port comes from the record", "dns+srv://_gossip"},
		"dns+srv://10.0.0.1:53/a.b":              {"more than a name", "dns+srv://_gossip"},
		"dns+srv://" + strings.Repeat("a.", 128): {"253 characters", "dns+srv://_gossip"},
		"tag_key=a tag_value=b":                  {"names no provider", "provider=aws"},
		"provider=gce tag_value=prod":            {"provider gce, which is not there: there is aws, and dns+srv:// works in every cloud", "dns+srv://_gossip"},
		"provider=azure tag_name=a":              {"provider azure, which is not there", "dns+srv://_gossip"},
		"provider=amazon tag_key=a":              {`provider "amazon", which is not known`, "provider=aws"},
		"provider=aws":                           {"lacks tag_key", "tag_key=backstitch"},
		"provider=aws tag_key=a":                 {"lacks tag_value", "tag_value=prod"},
		"provider=aws tag_value=prod":            {"lacks tag_key", "tag_key=backstitch"},
		ok + "tag_key=b":                         {"has tag_key twice", "tag_key=backstitch"},
		ok + "regoin=eu-central-1":               {`key "regoin", which is not known: there are provider, tag_key`, "provider=aws"},
		ok + "region=eu":                         {`region "eu"`, "region=eu-central-1"},
		ok + "region=":                           {`region ""`, "region=eu-central-1"},
		ok + "region=a.evil.example/?-1":         {"region", "region=eu-central-1"},
		ok + "addr_type=private":                 {`addr_type "private"`, "addr_type=private_v4"},
		ok + "addr_type=":                        {`addr_type ""`, "addr_type=private_v4"},
		ok + "port=0":                            {`port "0"`, "port=7422"},
		ok + "port=65536":                        {`port "65536"`, "port=7422"},
		ok + "port=":                             {`port ""`, "port=7422"},
		ok + "endpoint=http://127.0.0.1":         {"AWS_ENDPOINT_URL_EC2", "provider=aws"},
		ok + "nothing":                           {"not key=value", `tag_value="a b"`},
		ok + "=b":                                {"not key=value", `tag_value="a b"`},
		`provider=aws tag_key=a tag_value="b`:    {"quote that does not end", `tag_value="a b"`},
		`provider=aws tag_key=a tag_value="b"c`:  {"directly behind one", `tag_value="a b"`},
		`provider=aws tag_key=a tag_value=b"c"`:  {"directly behind one", `tag_value="a b"`},
		"provider=aws tag_key=a tag_value=a b":   {"not key=value", `tag_value="a b"`},
		"provider=aws tag_key=" + strings.Repeat("k", 129) + " tag_value=b": {"128 characters", "provider=aws"},
		"provider=aws tag_key=k tag_value=" + strings.Repeat("v", 257):      {"256 characters", "provider=aws"},
		strings.Repeat("a", 2049): {"longer than 2048 bytes", "HOST:7422"},
	}
	for text, want := range rows {
		_, err := Parse(text)
		var bad *BadEntry
		if !errors.As(err, &bad) || !strings.Contains(bad.Why, want.why) || !strings.Contains(bad.Next, want.next) {
			t.Errorf("%q: got %+v, want %q and then %q", text, err, want.why, want.next)
		}
	}
}

// Who comes from another program may have a key in the entry. It is refused, and does not go on into logs.
func TestASecretInAnEntryIsNotRepeated(t *testing.T) {
	for _, text := range []string{
		"provider=aws tag_key=a tag_value=b access_key_id=AKIA secret_access_key=hunter2",
		"provider=azure tag_name=a secret_access_key=hunter2",
		`provider=aws secret_access_key=hunter2 tag_value="x`,
		"secret_access_key=hunter2",
		"provider=aws tag_key=a tag_value=b password=hunter2",
	} {
		_, err := Parse(text)
		var bad *BadEntry
		if !errors.As(err, &bad) || strings.Contains(bad.Error()+bad.Next, "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestListsOfEntries(t *testing.T) {
	rows := map[string][]string{
		"":        nil,
		"  ":      nil,
		"a:1":     {"a:1"},
		"a:1,b:2": {"a:1", "b:2"},
		`provider=aws tag_key=k tag_value="a,b",c:3`:   {`provider=aws tag_key=k tag_value="a,b"`, "c:3"},
		`provider=aws tag_key=k tag_value="a\",b",c:3`: {`provider=aws tag_key=k tag_value="a\",b"`, "c:3"},
		"a:1,": {"a:1", ""},
	}
	for text, want := range rows {
		if got := SplitList(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// FuzzParse: an entry is refused, or it can be looked up: a name that DNS can have, a tag with a key, a port that is one. What is refused is shown short
// enough for a line of the log.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a:1", "dns+srv://_gossip._tcp.a", `provider=aws tag_key=k tag_value="a\"b" region=eu-central-1 port=1`, "provider=gce", "=", `a="`, "provider=aws secret=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			var bad *BadEntry
			if !errors.As(err, &bad) || bad.Why == "" || bad.Next == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		switch e.Kind {
		case Address:
			if strings.ContainsAny(e.Text, " =/\"\n") {
				t.Errorf("%q is taken for an address", text)
			}
		case SRV:
			if e.Name == "" || strings.ContainsAny(e.Name, " :/\n") {
				t.Errorf("%q would be asked of DNS as %q", text, e.Name)
			}
		case AWS:
			if e.Tag.Key == "" || e.Tag.Port == 0 || strings.ContainsAny(e.Tag.Region, "./:@") {
				t.Errorf("%q: %+v", text, e.Tag)
			}
		default:
			t.Errorf("%q: kind %d", text, e.Kind)
		}
		again, err := Parse(e.Text)
		if diff := cmp.Diff(e, again); err != nil || diff != "" {
			t.Errorf("%q: read again it is another entry: %v\n%s", text, err, diff)
		}
	})
}
