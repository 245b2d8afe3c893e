package reach_test

import (
	"errors"
	"strings"
	"testing"

	"backstitch/replay/recovery"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A group that is mistyped would be spared by nobody, so a plan looks whether it is there.
func TestAGroupToSpareHasToBeThere(t *testing.T) {
	l := newLab(t)
	cut := kadm.Offsets{}
	cut.AddOffset("orders", 0, 20, -1)
	if _, err := kadm.NewClient(l.kafka.Client()).DeleteRecords(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	var at kadm.Offsets
	at.AddOffset("orders", 0, 40, -1)
	if err := kadm.NewClient(l.kafka.Client()).CommitAllOffsets(t.Context(), "billing", at); err != nil {
		t.Fatal(err)
	}
	plan := func(groups string) (*recovery.Plan, error) {
		r := l.spec("  throttle: {spare: {groups: [" + groups + "]}}\n")
		return recovery.Build(t.Context(), r, l.clients, l.options())
	}
	p, err := plan("billing")
	if err != nil || p.Recipe.Version != recovery.SpareVersion || len(p.Recipe.Feedback.Groups) != 1 || p.Recipe.Feedback.MaxLagIncrease != 10_000 {
		t.Fatalf("got %v, %+v", err, p)
	}
	var e *recovery.Error
	if _, err := plan("billing, biling"); !errors.As(err, &e) || e.Code != recovery.CodeNoGroup || !strings.Contains(e.Why, "group biling,") {
		t.Errorf("got %v, want %s and the group that there is not", err, recovery.CodeNoGroup)
	}
	l.kafka.ControlKey(int16(kmsg.ListGroups), func(req kmsg.Request) (kmsg.Response, error, bool) {
		l.kafka.KeepControl()
		resp := req.ResponseKind().(*kmsg.ListGroupsResponse)
		resp.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		return resp, nil, true
	})
	p, err = plan("billing")
	if err != nil {
		t.Fatal(err)
	}
	if n := p.Notes[len(p.Notes)-1]; n.Code != recovery.NoteUnseenGroups || !strings.Contains(n.Text, "is not known") {
		t.Errorf("last note %+v, want %s", n, recovery.NoteUnseenGroups)
	}
}
