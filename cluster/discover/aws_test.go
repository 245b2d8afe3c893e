package discover

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	keyID, secret, session = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a-session"

	byTag = "provider=aws tag_key=backstitch tag_value=prod region=eu-central-1"
)

// account is EC2's Query API as far as one question goes: it checks who asks, filters, and answers page by page.
type account struct {
	t *testing.T

	mu        sync.Mutex
	instances []machine
	page      int                // instances of one answer; 0 is all
	before    []http.HandlerFunc // answer the first requests in its place
	requests  int
	region    string
}

type machine struct {
	tags                   map[string]string
	state                  string
	private, public, sixth string
}

func node(n int, state string) machine {
	return machine{tags: map[string]string{"backstitch": "prod"}, state: state, private: fmt.Sprintf("10.0.0.%d", n), public: fmt.Sprintf("198.51.100.%d", n), sixth: fmt.Sprintf("fd00::%d", n)}
}

func says(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>1</RequestID></Response>`, code, message)
	}
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests++
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Error(err)
	}
	if len(a.before) > 0 {
		next := a.before[0]
		a.before = a.before[1:]
		next(w, r)
		return
	}
	if why := a.unsigned(r, body); why != "" {
		a.t.Errorf("signature: %s", why)
		says(403, "SignatureDoesNotMatch", "")(w, r)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Method != "POST" || r.URL.Path != "/" || form.Get("Action") != "DescribeInstances" || form.Get("Version") != "2016-11-15" {
		a.t.Errorf("%s %s %v: not the question", r.Method, r.URL, form)
		says(400, "InvalidAction", "")(w, r)
		return
	}
	from := 0
	if token := form.Get("NextToken"); token != "" {
		if from, err = strconv.Atoi(strings.TrimPrefix(token, "from+/=")); err != nil {
			a.t.Errorf("token %q was never given", token)
		}
	}
	a.answer(w, form, from)
}

// answer gives the instances that the filters let through, as many as fit on a page.
func (a *account) answer(w io.Writer, form url.Values, from int) {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId><reservationSet>`)
	size := a.page
	if size == 0 {
		size = len(a.instances)
	}
	end := min(from+size, len(a.instances))
	for _, m := range a.instances[from:end] {
		if !passes(m, form) {
			continue
		}
		fmt.Fprintf(&b, `<item><reservationId>r</reservationId><groupSet/><instancesSet><item><instanceId>i</instanceId><instanceState><code>16</code><name>%s</name></instanceState>`, m.state)
		if m.private != "" {
			fmt.Fprintf(&b, `<privateIpAddress>%s</privateIpAddress>`, m.private)
		}
		if m.public != "" {
			fmt.Fprintf(&b, `<ipAddress>%s</ipAddress>`, m.public)
		}
		if m.sixth != "" {
			fmt.Fprintf(&b, `<networkInterfaceSet><item><privateIpAddress>192.0.2.99</privateIpAddress><ipv6AddressesSet><item><ipv6Address>%s</ipv6Address></item></ipv6AddressesSet></item></networkInterfaceSet>`, m.sixth)
		}
		b.WriteString(`<tagSet>`)
		for k, v := range m.tags {
			b.WriteString(`<item><key>`)
			_ = xml.EscapeText(&b, []byte(k))
			b.WriteString(`</key><value>`)
			_ = xml.EscapeText(&b, []byte(v))
			b.WriteString(`</value></item>`)
		}
		b.WriteString(`</tagSet></item></instancesSet></item>`)
	}
	b.WriteString(`</reservationSet>`)
	if end < len(a.instances) {
		fmt.Fprintf(&b, `<nextToken>from+/=%d</nextToken>`, end)
	}
	b.WriteString(`</DescribeInstancesResponse>`)
	_, _ = w.Write(b.Bytes())
}

func passes(m machine, form url.Values) bool {
	for i := 1; form.Has(fmt.Sprintf("Filter.%d.Name", i)); i++ {
		name, value := form.Get(fmt.Sprintf("Filter.%d.Name", i)), form.Get(fmt.Sprintf("Filter.%d.Value.1", i))
		is := m.state
		if key, ok := strings.CutPrefix(name, "tag:"); ok {
			is = m.tags[key]
		}
		if is != value {
			return false
		}
	}
	return true
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=` + keyID + `/(\d{8})/([a-z0-9-]+)/ec2/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$`)

// unsigned computes the signature anew, from what AWS has published about it, and says what is wrong with the request's.
func (a *account) unsigned(r *http.Request, body []byte) string {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return fmt.Sprintf("Authorization is %q", r.Header.Get("Authorization"))
	}
	date, where, signed := r.Header.Get("X-Amz-Date"), m[2], strings.Split(m[3], ";")
	if where != a.region || !strings.HasPrefix(date, m[1]) {
		return fmt.Sprintf("signed for %s on %s, asked in %s at %s", where, m[1], a.region, date)
	}
	for _, h := range []string{"host", "x-amz-date", "x-amz-security-token", "content-type"} {
		if !slices.Contains(signed, h) {
			return h + " is not signed"
		}
	}
	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", r.Method, r.URL.Path, r.URL.RawQuery)
	for _, h := range signed {
		value := r.Header.Get(h)
		switch h {
		case "host":
			value = r.Host
		case "content-length":
			value = strconv.Itoa(len(body))
		}
		fmt.Fprintf(&canonical, "%s:%s\n", h, strings.TrimSpace(value))
	}
	fmt.Fprintf(&canonical, "\n%s\n%s", m[3], hash(body))
	scope := m[1] + "/" + where + "/ec2/aws4_request"
	text := "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hash([]byte(canonical.String()))
	key := []byte("AWS4" + secret)
	for _, part := range []string{m[1], where, "ec2", "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	if want := hex.EncodeToString(key); want != m[4] {
		return "is " + m[4] + ", want " + want
	}
	return ""
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Do carries a request into the account without a socket, so that waits cost no time.
func (a *account) Do(r *http.Request) (*http.Response, error) {
	in := httptest.NewRequest(r.Method, r.URL.String(), r.Body)
	in.Header, in.Host = r.Header.Clone(), r.URL.Host
	w := httptest.NewRecorder()
	a.ServeHTTP(w, in)
	return w.Result(), nil
}

// environment is all that AWS's library finds on this machine.
func environment(t *testing.T, more map[string]string) {
	t.Helper()
	all := map[string]string{
		"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": session, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": t.TempDir() + "/config", "AWS_SHARED_CREDENTIALS_FILE": t.TempDir() + "/credentials",
	}
	for _, unset := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"} {
		all[unset] = ""
	}
	for k, v := range more {
		all[k] = v
	}
	for k, v := range all {
		t.Setenv(k, v)
	}
}

func half() float64 { return 0.5 }

// Over a socket and with the library's own client, as it is in production; pages are read to the end.
func TestRunningInstancesWithTheTagAreFound(t *testing.T) {
	a := &account{t: t, region: "eu-central-1", page: 2}
	other := node(7, "running")
	other.tags = map[string]string{"backstitch": "staging"}
	bare := node(8, "running")
	bare.private = "" // of an address that is being taken away
	a.instances = []machine{node(5, "running"), node(6, "stopped"), other, node(1, "running"), bare, node(4, "shutting-down"), node(3, "pending"), node(2, "running")}
	server := httptest.NewServer(a)
	defer server.Close()
	environment(t, map[string]string{"AWS_ENDPOINT_URL_EC2": server.URL})

	rows := map[string][]string{
		byTag: {"10.0.0.1:7422", "10.0.0.2:7422", "10.0.0.5:7422"},
		byTag + " addr_type=public_v4 port=17422": {"198.51.100.1:17422", "198.51.100.2:17422", "198.51.100.5:17422", "198.51.100.8:17422"},
		byTag + " addr_type=private_v6":           {"[fd00::1]:7422", "[fd00::2]:7422", "[fd00::5]:7422", "[fd00::8]:7422"},
	}
	for entry, want := range rows {
		a.requests = 0
		got, err := finder(t, entry, Deps{}).Find(t.Context())
		if err != nil || !slices.Equal(got.Addrs, want) {
			t.Errorf("%s: got %v, %v, want %v", entry, got.Addrs, err, want)
		}
		if a.requests != 4 {
			t.Errorf("%s: %d requests, want one for each of 4 pages", entry, a.requests)
		}
	}
}

func TestATagMayHaveAnythingInIt(t *testing.T) {
	a := &account{t: t, region: "us-east-1"}
	m := node(1, "running")
	m.tags = map[string]string{"team/äöü key": `a "b" & <c>=+%`}
	a.instances = []machine{m}
	environment(t, map[string]string{"AWS_REGION": "us-east-1"})
	got, err := finder(t, `provider=aws tag_key="team/äöü key" tag_value="a \"b\" & <c>=+%"`, Deps{HTTP: a}).Find(t.Context())
	if err != nil || !slices.Equal(got.Addrs, []string{"10.0.0.1:7422"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// A throttle is waited out, each node for another time; and a cloud that goes on to refuse is asked less and less.
func TestAThrottleIsWaitedOut(t *testing.T) {
	environment(t, nil)
	throttle := says(503, "RequestLimitExceeded", "Request limit exceeded.")
	synctest.Test(t, func(t *testing.T) {
		a := &account{t: t, region: "eu-central-1", instances: []machine{node(1, "running")}, before: []http.HandlerFunc{throttle, says(500, "InternalError", ""), throttle}}
		began := time.Now()
		f := finder(t, byTag, Deps{HTTP: a, Rand: half})
		got, err := f.Find(t.Context())
		if err != nil || len(got.Addrs) != 1 || a.requests != 4 || time.Since(began) != 3500*time.Millisecond {
			t.Errorf("got %v, %v after %d requests in %s, want 4 in 3.5s", got, err, a.requests, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a := &account{t: t, region: "eu-central-1"}
		for range 1000 {
			a.before = append(a.before, throttle)
		}
		f := finder(t, byTag, Deps{HTTP: a, Rand: half})
		began := time.Now()
		for time.Since(began) < 10*time.Minute {
			var e *Error
			if _, err := f.Find(t.Context()); !errors.As(err, &e) || !strings.Contains(err.Error(), "RequestLimitExceeded") {
				t.Fatal(err)
			}
			<-time.After(time.Second)
		}
		// 30 s, 60 s, and then every two minutes; four tries each.
		if a.requests != 7*4 && a.requests != 6*4 {
			t.Errorf("%d requests in ten minutes", a.requests)
		}
	})
}

func TestACloudIsAskedAnewButNotAllTheTime(t *testing.T) {
	environment(t, nil)
	synctest.Test(t, func(t *testing.T) {
		a := &account{t: t, region: "eu-central-1", instances: []machine{node(1, "running")}}
		f := finder(t, byTag, Deps{HTTP: a, Rand: half})
		var last Found
		for range 60 {
			found, err := f.Find(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			last = found
			<-time.After(time.Second)
			a.instances = []machine{node(2, "running"), node(1, "terminated")}
		}
		if a.requests != 4 || !slices.Equal(last.Addrs, []string{"10.0.0.2:7422"}) {
			t.Errorf("in a minute of tries: %d requests, want 4, and %v in the end", a.requests, last.Addrs)
		}
	})
}

func TestWhatAWSRefusesSaysWhatToDo(t *testing.T) {
	garbage := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	large := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<DescribeInstancesResponse>")
		for range awsAnswer >> 20 {
			_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<20))
		}
		_, _ = io.WriteString(w, "</DescribeInstancesResponse>")
	}
	rows := map[string]struct {
		env       map[string]string
		answer    http.HandlerFunc
		instances []machine
		why, hint string
		requests  int
	}{
		"no permission": {nil, says(403, "UnauthorizedOperation", "You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/x is not authorized to perform: ec2:DescribeInstances "+strings.Repeat("encoded ", 1000)),
			nil, "UnauthorizedOperation (HTTP status 403): You are not authorized", "allow ec2:DescribeInstances", 1},
		"wrong key":      {nil, says(401, "AuthFailure", "AWS was not able to validate the provided access credentials"), nil, "AuthFailure", "check the credentials", 1},
		"wrong clock":    {nil, says(400, "RequestExpired", "Request has expired."), nil, "RequestExpired", "set this machine's clock", 1},
		"another code":   {nil, says(400, "InvalidParameterValue", "x"), nil, "InvalidParameterValue", "InvalidParameterValue", 1},
		"a portal":       {nil, garbage(200, "<html><body>please log in</body></html>"), nil, "not EC2's", "reaches it", 1},
		"a proxy":        {nil, garbage(407, "proxy authentication required"), nil, "HTTP status 407", "", 1},
		"half an answer": {nil, garbage(200, "<DescribeInstancesResponse><reservationSet>"), nil, "not EC2's", "", 1},
		"too much":       {nil, large, nil, "more than 8 MiB", "", 1},
		"nobody":         {nil, nil, []machine{node(1, "stopped")}, "no running instance in eu-central-1 has the tag backstitch=prod", "region=REGION", 1},
		"no address":     {nil, nil, []machine{{tags: map[string]string{"backstitch": "prod"}, state: "running"}}, "none of 1 running instances has a private_v4 address", "addr_type", 1},
		"no region":      {map[string]string{"entry": strings.TrimSuffix(byTag, " region=eu-central-1")}, nil, nil, "no region is known", "region=REGION", 0},
		"a bad region":   {map[string]string{"entry": strings.TrimSuffix(byTag, " region=eu-central-1"), "AWS_REGION": "evil.example/#"}, nil, nil, "is no region", "AWS_REGION", 0},
		"no credentials": {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, nil, nil, "no credentials", "role that allows ec2:DescribeInstances", 0},
		"a bad endpoint": {map[string]string{"AWS_ENDPOINT_URL": "ftp://x"}, nil, nil, "not http(s)", "AWS_ENDPOINT_URL", 0},
	}
	for what, row := range rows {
		t.Run(what, func(t *testing.T) {
			environment(t, row.env)
			entry := byTag
			if row.env["entry"] != "" {
				entry = row.env["entry"]
			}
			synctest.Test(t, func(t *testing.T) {
				a := &account{t: t, region: "eu-central-1", instances: row.instances}
				if row.answer != nil {
					a.before = []http.HandlerFunc{row.answer}
				}
				_, err := finder(t, entry, Deps{HTTP: a, Rand: half}).Find(t.Context())
				var e *Error
				if !errors.As(err, &e) || !strings.Contains(e.Error(), row.why) || !strings.Contains(e.Hint, row.hint) || e.Entry != entry {
					t.Errorf("got %v, then %+v; want %q and %q", err, e, row.why, row.hint)
				}
				if e != nil && (len(e.Error()) > 900 || strings.Contains(e.Error(), secret)) {
					t.Errorf("a line of %d bytes: %v", len(e.Error()), e)
				}
				if a.requests != row.requests {
					t.Errorf("%d requests, want %d", a.requests, row.requests)
				}
			})
		})
	}
}

// A server that never comes to the last page is left after awsPages of them.
func TestPagesAreBounded(t *testing.T) {
	environment(t, nil)
	a := &account{t: t, region: "eu-central-1", page: 1}
	for range awsPages + 5 {
		a.instances = append(a.instances, node(1, "running"))
	}
	_, err := finder(t, byTag, Deps{HTTP: a}).Find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "more than 12800 running instances") || a.requests != awsPages {
		t.Errorf("got %v after %d requests", err, a.requests)
	}
}

// Who mends the file with the credentials need not start the node again.
func TestCredentialsThatWereRefusedAreReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	put := func(key string) {
		t.Helper()
		text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n", keyID, key, session)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environment(t, map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_SHARED_CREDENTIALS_FILE": file})
	put("yesterday's")
	synctest.Test(t, func(t *testing.T) {
		a := &account{t: t, region: "eu-central-1", instances: []machine{node(1, "running")}, before: []http.HandlerFunc{says(401, "AuthFailure", "")}}
		f := finder(t, byTag, Deps{HTTP: a, Rand: half})
		if _, err := f.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "AuthFailure") {
			t.Fatal(err)
		}
		put(secret)
		<-time.After(cloudMost)
		if got, err := f.Find(t.Context()); err != nil || len(got.Addrs) != 1 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}
