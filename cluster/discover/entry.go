package discover

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file reads entries. The form of a cloud's entry is the one that people know from other programs: key=value, blanks between, and quotes around a
// value that has blanks. The trap is a key that is dropped silently: a misspelt region would ask another one for ever, so each is known or refused.

// Kind is by what nodes are found.
type Kind uint8

// The kinds.
const (
	Address Kind = iota + 1 // a gossip address, written down
	SRV                     // SRV records of a name
	AWS                     // running instances of AWS that have a tag
)

// Port is where nodes gossip unless they are told otherwise. SRV records carry their own.
const Port = 7422

// Entry is one of cluster.retryJoin. Make it with Parse.
type Entry struct {
	Kind Kind
	Text string // as it was written
	Name string // of SRV: what is looked up, as it stands
	Tag  Tag    // of AWS
}

// Tag says which instances of a cloud are nodes, and by which address they are reached.
type Tag struct {
	Key, Value string
	Region     string // "" for the environment's, else the machine's own
	Addr       AddrType
	Port       uint16
}

// AddrType is which address of an instance is dialled.
type AddrType string

// The types. An instance without such an address is left out.
const (
	PrivateV4 AddrType = "private_v4"
	PublicV4  AddrType = "public_v4"
	PrivateV6 AddrType = "private_v6"
)

func (e Entry) String() string { return e.Text }

// BadEntry says why an entry can never work, and what to write. Its text holds no value of a key that is not known: somebody may have put a secret there.
type BadEntry struct{ Entry, Why, Next string }

func (e *BadEntry) Error() string { return fmt.Sprintf("%q %s", e.Entry, e.Why) }

const (
	srvScheme = "dns+srv://"

	wantAddr   = "HOST:7422"
	wantSRV    = "dns+srv://_gossip._tcp.backstitch.internal"
	wantAWS    = "provider=aws tag_key=backstitch tag_value=prod"
	wantQuotes = `provider=aws tag_key=backstitch tag_value="a b"`

	maxEntry = 2048 // bytes
)

// Parse reads one entry. Its errors are *BadEntry.
func Parse(text string) (Entry, error) {
	e := Entry{Text: strings.TrimSpace(text)}
	var err error
	switch name, isSRV := strings.CutPrefix(e.Text, srvScheme); {
	case e.Text == "":
		err = &BadEntry{Why: "is empty", Next: wantAddr}
	case len(e.Text) > maxEntry:
		err = &BadEntry{Entry: e.Text[:32] + "...", Why: fmt.Sprintf("is longer than %d bytes", maxEntry), Next: wantAddr}
	case isSRV:
		e.Kind, e.Name = SRV, name
		err = e.checkSRV()
	case strings.Contains(e.Text, "="):
		err = e.parseCloud()
	default:
		e.Kind = Address
		err = e.checkAddress()
	}
	if err != nil {
		return Entry{}, err
	}
	return e, nil
}

func (e Entry) bad(next, why string, args ...any) error {
	return &BadEntry{Entry: e.Text, Why: fmt.Sprintf(why, args...), Next: next}
}

var (
	label = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)
	host  = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
)

func (e Entry) checkSRV() error {
	name := strings.TrimSuffix(e.Name, ".")
	if name == "" || len(name) > 253 {
		return e.bad(wantSRV, "has no name of DNS after %s, or one of more than 253 characters", srvScheme)
	}
	if strings.ContainsAny(name, ":/?") {
		return e.bad(wantSRV, "has more than a name after %s: the port comes from the record", srvScheme)
	}
	for part := range strings.SplitSeq(name, ".") {
		if !label.MatchString(part) {
			return e.bad(wantSRV, "has %q in its name, which DNS does not know", part)
		}
	}
	return nil
}

// checkAddress takes what gossip has always taken: a host, which is dialled at this node's own port, or host:port.
func (e Entry) checkAddress() error {
	if scheme, _, ok := strings.Cut(e.Text, "://"); ok {
		return e.bad(wantAddr, "begins with %s://, by which nobody is found: there are HOST:PORT, dns+srv://NAME and provider=aws", scheme)
	}
	if strings.HasPrefix(e.Text, "dns+srv:") {
		return e.bad(wantSRV, "lacks the slashes of %s", srvScheme)
	}
	if net.ParseIP(strings.Trim(e.Text, "[]")) != nil {
		return nil
	}
	name, port := e.Text, ""
	if strings.Contains(e.Text, ":") {
		var err error
		if name, port, err = net.SplitHostPort(e.Text); err != nil {
			return e.bad(wantAddr, "is not HOST:PORT")
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return e.bad(wantAddr, "has port %q, which is not between 1 and 65535", port)
		}
	}
	if net.ParseIP(name) == nil && !host.MatchString(name) {
		return e.bad(wantAddr, "is not HOST:PORT")
	}
	return nil
}

// clouds are what other programs find nodes in, by the same form of entry.
var clouds = []string{"aliyun", "azure", "digitalocean", "gce", "hcp", "k8s", "linode", "mdns", "os", "packet", "scaleway", "softlayer", "tencentcloud", "triton", "vsphere"}

// secretKeys are those by which other programs take the credentials of AWS.
var secretKeys = []string{"access_key_id", "secret_access_key", "session_token"}

var awsKeys = []string{"provider", "tag_key", "tag_value", "region", "addr_type", "port"}

func (e *Entry) parseCloud() error {
	pairs, err := split(e.Text)
	shown := *e
	shown.Text = redact(pairs)
	if err != nil {
		return shown.bad(wantQuotes, "%v", err)
	}
	given := map[string]string{}
	for _, p := range pairs {
		if _, twice := given[p.key]; twice {
			return shown.bad(wantAWS, "has %s twice", p.key)
		}
		given[p.key] = p.value
	}
	provider, ok := given["provider"]
	switch {
	case !ok:
		return shown.bad(wantAWS, "names no provider")
	case slices.Contains(clouds, provider):
		return shown.bad(wantSRV, "has provider %s, which is not there: there is aws, and dns+srv:// works in every cloud", provider)
	case provider != "aws":
		return shown.bad(wantAWS, "has provider %q, which is not known: there is aws, and dns+srv:// works in every cloud", provider)
	}
	for _, p := range pairs {
		switch {
		case slices.Contains(secretKeys, p.key):
			return shown.bad(wantAWS, "has %s: credentials are never in an entry; they come from the instance's role, AWS_ACCESS_KEY_ID, or ~/.aws", p.key)
		case p.key == "endpoint":
			return shown.bad(wantAWS, "has endpoint: another one is set by AWS_ENDPOINT_URL_EC2 in the environment")
		case !slices.Contains(awsKeys, p.key):
			return shown.bad(wantAWS, "has key %q, which is not known: there are %s", p.key, strings.Join(awsKeys, ", "))
		}
	}
	e.Kind, e.Tag = AWS, Tag{Key: given["tag_key"], Value: given["tag_value"], Region: given["region"], Addr: AddrType(given["addr_type"]), Port: Port}
	return e.checkTag(given)
}

// region is part of a host's name that requests are sent to.
var region = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

func (e *Entry) checkTag(given map[string]string) error {
	_, valued := given["tag_value"]
	_, placed := given["region"]
	_, typed := given["addr_type"]
	port, ported := given["port"]
	switch {
	case e.Tag.Key == "":
		return e.bad(wantAWS, "lacks tag_key: without it every instance of the account would be called")
	case utf8.RuneCountInString(e.Tag.Key) > 128:
		return e.bad(wantAWS, "has a tag_key of more than 128 characters")
	case !valued:
		return e.bad(wantAWS, "lacks tag_value")
	case utf8.RuneCountInString(e.Tag.Value) > 256:
		return e.bad(wantAWS, "has a tag_value of more than 256 characters")
	case placed && !region.MatchString(e.Tag.Region):
		return e.bad(wantAWS+" region=eu-central-1", "has region %q, which is none; without one it is the machine's own", e.Tag.Region)
	}
	if !typed {
		e.Tag.Addr = PrivateV4
	}
	if !slices.Contains([]AddrType{PrivateV4, PublicV4, PrivateV6}, e.Tag.Addr) {
		return e.bad(wantAWS+" addr_type=private_v4", "has addr_type %q, which is none of private_v4, public_v4 and private_v6", e.Tag.Addr)
	}
	if ported {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return e.bad(wantAWS+" port=7422", "has port %q, which is not between 1 and 65535", port)
		}
		e.Tag.Port = uint16(n)
	}
	return nil
}

type pair struct{ key, value string }

var (
	errForm  = errors.New("is not key=value with blanks between")
	errQuote = errors.New("has a quote that does not end, or something directly behind one")
)

// split reads key=value pairs. A value in double quotes may have blanks, and \" and \\ in it. What was read before an error is returned with it.
func split(text string) ([]pair, error) {
	var out []pair
	for rest := strings.TrimLeft(text, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		key, after, ok := strings.Cut(rest, "=")
		if !ok || key == "" || strings.ContainsAny(key, " \t\"") {
			return out, errForm
		}
		value, next, err := scan(after)
		if err != nil {
			return out, err
		}
		out, rest = append(out, pair{key, value}), next
	}
	return out, nil
}

// scan reads one value from the beginning of text, and returns what is behind it.
func scan(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		if strings.Contains(text[:end], `"`) {
			return "", "", errQuote
		}
		return text[:end], text[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		case c == '"':
			rest = text[i+1:]
			if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
				return "", "", errQuote
			}
			return b.String(), rest, nil
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errQuote
}

// redact is pairs as they may be shown: only what is known to be no secret.
func redact(pairs []pair) string {
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte(' ')
		}
		value := "..."
		if slices.Contains(awsKeys, p.key) {
			if value = p.value; strings.ContainsAny(value, " \t") {
				value = strconv.Quote(value)
			}
		}
		b.WriteString(p.key + "=" + value)
	}
	return b.String()
}

// SplitList splits what a flag or a variable lists: entries between commas. A comma inside double quotes is part of its entry.
func SplitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	var out []string
	from, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			out, from = append(out, text[from:i]), i+1
		}
	}
	return append(out, text[from:])
}
