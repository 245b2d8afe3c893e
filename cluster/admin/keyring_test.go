package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"backstitch/cluster"
	"backstitch/cluster/client"
	"backstitch/cluster/member"
	"backstitch/fsm"
)

func TestTheKeyringByFingerprints(t *testing.T) {
	f := latest(t)
	f.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	h := api(t, f)
	f.rings = []cluster.KeyringNode{
		{ID: "n1", Name: "node-a", Revision: 7, Primary: "bb", Keys: []string{"bb", "aa"}},
		{ID: "n2", Name: "node-b", Revision: 5, Primary: "aa", Keys: []string{"aa"}},
		{ID: "n3", Name: "node-c", Revision: 7, Primary: "bb", Keys: []string{"bb", "aa"}},
		{ID: "n4", Name: "node-d", Silent: errPlanted},
	}
	var got client.Keyring
	if w := ask(t, h, "GET", "/v1/cluster/keyring", "", "", &got); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(got.Keys) != 2 || got.Keys[0].Fingerprint != "bb" || !slices.Equal(got.Keys[0].Nodes, []string{"node-a", "node-c"}) ||
		!slices.Equal(got.Keys[0].Missing, []string{"node-b"}) || !slices.Equal(got.Keys[1].Primary, []string{"node-b"}) {
		t.Errorf("keys: got %+v", got.Keys)
	}
	if last := got.Nodes[3]; last.Answers || last.Why != "planted" || last.Encrypts {
		t.Errorf("a silent node: got %+v", last)
	}

	f.rings[1].Refused = errPlanted
	var done client.KeyringChanged
	key := member.NewKey()
	if w := ask(t, h, "POST", "/v1/cluster/keyring/install", "", `{"key":"`+key.Secret()+`","reason":"yearly"}`, &done); w.Code != http.StatusOK || strings.Contains(w.Body.String(), key.Secret()) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if done.Complete || done.Fingerprint != key.Fingerprint() || done.Nodes[1].Took || done.Nodes[1].Why != "planted" || done.Nodes[3].Took || !done.Nodes[0].Took {
		t.Errorf("a change that two did not take: got %+v", done)
	}
	if w := ask(t, h, "POST", "/v1/cluster/keyring/use", "", `{"fingerprint":"`+key.Fingerprint()+`","force":true}`, &done); w.Code != http.StatusOK || !f.turned[1].Force || f.turned[1].Change != fsm.KeyringUse {
		t.Errorf("%d %s: %+v", w.Code, w.Body, f.turned)
	}
	var trail client.AuditRecords
	ask(t, h, "GET", "/v1/audit?op=note-keyring&from=1", "", "", &trail)
	if len(trail.Records) != 2 || trail.Records[0].Reason != "yearly" || !strings.HasSuffix(trail.Records[1].Subject, "use, forced") {
		t.Errorf("the trail: got %+v", trail.Records)
	}
}

// No answer repeats what may be a key, whatever is wrong with the request.
func TestAnInstalledKeyIsNotRepeated(t *testing.T) {
	f := latest(t)
	f.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	h := api(t, f)
	const secret = "c2VjcmV0IGtleSBvZiBhIHdyb25nIGxlbmd0aA=="
	for _, body := range []string{
		`{"key":"` + secret + `"}`, `{"keys":"` + secret + `"}`, `{"key":["` + secret + `"]}`, `{"key":"` + secret + `","more":1}`, `{"key":{"a":"` + secret + `"}}`, `{"key":"` + secret,
	} {
		w := ask(t, h, "POST", "/v1/cluster/keyring/install", "", body, nil)
		if w.Code < 400 || strings.Contains(w.Body.String(), secret) || strings.Contains(w.Body.String(), "secret key") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if len(f.turned) != 0 {
		t.Errorf("asked of the node: %+v", f.turned)
	}
}

func TestRefusalsOfKeysSayWhatToType(t *testing.T) {
	f := latest(t)
	h := api(t, f)
	var p client.Problem
	if w := ask(t, h, "GET", "/v1/cluster/keyring", "", "", &p); p.Code != client.CodeNeedsVersion {
		t.Errorf("an older cluster: %d %s", w.Code, w.Body)
	}
	f.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	for code, status := range map[string]int{cluster.CodeKeyring: http.StatusConflict, cluster.CodeNoKey: http.StatusNotFound} {
		f.fail = &cluster.Error{Code: code, Object: "gossip keys", Kind: cluster.ErrRefused, Cause: errors.New("node-c does not have it"), Hint: "type this"}
		if w := ask(t, h, "POST", "/v1/cluster/keyring/use", "", `{"fingerprint":"00000000"}`, &p); w.Code != status || p.Code != code || p.Detail != "node-c does not have it" || p.Next != "type this" {
			t.Errorf("%s: %d %s", code, w.Code, w.Body)
		}
	}
}
