package fault

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseReadsWhatAPersonTypes(t *testing.T) {
	rows := []struct {
		text string
		want Fault
		same bool // text is the canonical form
	}{
		{"at 4s for 10s partition minority", Fault{Kind: Partition, Target: Minority, At: 4 * time.Second, For: 10 * time.Second}, true},
		{"at 2s kill owner", Fault{Kind: Kill, Target: Owner, At: 2 * time.Second}, true},
		{"for 20s delay 50ms±10ms loss 1% on node-b", Fault{Kind: Delay, Target: "node-b", For: 20 * time.Second, Delay: 50 * time.Millisecond,
			Jitter: 10 * time.Millisecond, Percent: 1}, true},
		{"for 20s delay 50ms+-10ms on store", Fault{Kind: Delay, Target: TheStore, For: 20 * time.Second, Delay: 50 * time.Millisecond,
			Jitter: 10 * time.Millisecond}, false},
		{"delay 1m30s on leader", Fault{Kind: Delay, Target: Leader, Delay: 90 * time.Second}, true},
		{"at 5s disk full on leader", Fault{Kind: DiskFull, Target: Leader, At: 5 * time.Second}, true},
		{"kill leader in snapshot", Fault{Kind: KillInSnapshot, Target: Leader}, true},
		{"  for 2m   at 1h pause  node alpha ", Fault{Kind: Pause, Target: "alpha", At: time.Hour, For: 2 * time.Minute}, false},
		{"at 0s step down", Fault{Kind: StepDown}, false},
		{"crash owner 5 times", Fault{Kind: CrashLoop, Target: Owner, Count: 5}, true},
		{"flip bit in sst on follower", Fault{Kind: BitFlip, Target: Follower, What: "sst"}, true},
		{"cut store on all", Fault{Kind: ServerCut, Target: All, What: "store"}, true},
		{"cut raft on all", Fault{Kind: RaftCut, Target: All}, true},
		{"clock jump -1h on one", Fault{Kind: ClockJump, Target: One, Skew: -time.Hour}, true},
		{"bandwidth 256KiB/s on leader", Fault{Kind: Bandwidth, Target: Leader, Rate: 256 << 10}, true},
		{"broker error fenced 0.5%", Fault{Kind: BrokerError, What: "fenced", Percent: 0.5}, true},
	}
	for _, row := range rows {
		got, err := Parse(row.text)
		if err != nil {
			t.Errorf("%q: %v", row.text, err)
			continue
		}
		if got != row.want {
			t.Errorf("%q (-got +want):\n%s", row.text, cmp.Diff(got, row.want))
		}
		if (got.String() == row.text) != row.same {
			t.Errorf("%q: canonical text %q, same: want %t", row.text, got, row.same)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%q: read again from %q: got %#v, %v", row.text, got.String(), again, err)
		}
	}
}

func TestParseSaysWhereAndWhatIsAllowed(t *testing.T) {
	rows := []struct{ text, want string }{
		{"at 2s kil owner", `unexpected "kil", did you mean kill?`},
		{"at 2s kill ownr", "  at 2s kill ownr\n             ^"},
		{"at 2s kill ownr", `unexpected "ownr", did you mean owner?`},
		{"at 2s kill ownr", "want all, busiest, follower, leader, majority, minority, node NAME"},
		{"at 2s kill", "the text ends too early"},
		{"at 2s kill", "  at 2s kill\n            ^"},
		{"at 2 kill owner", "want a length of time such as 500ms, 2s or 1m30s"},
		{"at 2s at 3s kill owner", `"at" is there twice`},
		{"for 0s kill owner", `unexpected "0s"`},
		{"for 1s step down", "takes no time: what is done is done"},
		{"partition all", `unexpected "all"`},
		{"kill broker", `unexpected "broker"`},
		{"kill owner now", `unexpected "now"`},
		{"kill owner now", "want in, the end"},
		{"loss 0% on leader", "want a share such as 1% or 0.5%"},
		{"loss 101% on leader", "want a share such as 1% or 0.5%"},
		{"delay 10ms±20ms on leader", "where the second is not more than the first"},
		{"flip bit in wal on leader", "want log, snapshot, sst"},
		{"clock skew 1h on leader", "such as +1h or -5m"},
		{"kill node leader", `unexpected "node"`},
		{"", "the text ends too early"},
	}
	for _, row := range rows {
		_, err := Parse(row.text)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q: got %v, want it to say %q", row.text, err, row.want)
		}
	}
}

func TestTheCaretCountsCharacters(t *testing.T) {
	_, err := Parse("delay 5ms±1ms loss 1 on leader")
	if want := "  delay 5ms±1ms loss 1 on leader\n                     ^"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want it to say\n%s", err, want)
	}
}

// Every kind's typical magnitudes can be written and read back, so no form has a slot that nobody reads.
func TestEveryKindCanBeWrittenAndRead(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, s := range Table {
		for range 50 {
			f := Weighted{Kind: s.Kind, Weight: 1}.fault(random)
			if err := f.Validate(); err != nil {
				t.Errorf("%v", err)
			}
			if got, err := Parse(f.String()); err != nil || got != f {
				t.Errorf("%q: got %#v, %v, want %#v", f, got, err, f)
			}
		}
	}
}

func TestValidateRefusesWhatTheKindDoesNotHave(t *testing.T) {
	rows := []struct {
		fault Fault
		want  string
	}{
		{Fault{Kind: "burn"}, `there is no fault "burn"`},
		{Fault{Kind: Kill, Target: Owner, Percent: 5}, "kill: has no percent"},
		{Fault{Kind: Loss, Target: Owner}, "loss: percent: want more than 0"},
		{Fault{Kind: Kill}, `"" is not the name of a node`},
		{Fault{Kind: StepDown, Target: Leader}, "takes no target"},
		{Fault{Kind: BitFlip, Target: One, What: "wal"}, "word: want one of"},
		{Fault{Kind: Kill, Target: "a b"}, "is not the name of a node"},
		{Fault{Kind: Kill, Target: Owner, At: -1}, "not negative"},
		{Fault{Kind: Delay, Target: Owner, Delay: 1, Jitter: 2}, "at most the delay"},
	}
	for _, row := range rows {
		if err := row.fault.Validate(); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: got %v, want it to say %q", row.fault, err, row.want)
		}
	}
}

func TestTheTableIsComplete(t *testing.T) {
	infrastructure := 0
	seen := map[Kind]bool{}
	forms := map[string]Kind{}
	for _, s := range Table {
		if seen[s.Kind] {
			t.Errorf("%s is there twice", s.Kind)
		}
		seen[s.Kind] = true
		if other := forms[s.Form]; other != "" {
			t.Errorf("%s and %s are written alike", s.Kind, other)
		}
		forms[s.Form] = s.Kind
		if s.Doc == "" || s.Family == "" {
			t.Errorf("%s says too little", s.Kind)
		}
		if s.Family.Infrastructure() {
			infrastructure++
		}
		if (s.Targets != 0) != strings.Contains(s.Form, "TARGET") {
			t.Errorf("%s: target in the form and in the row differ", s.Kind)
		}
		if (s.Words != nil) != strings.Contains(s.Form, "WHAT") {
			t.Errorf("%s: words in the form and in the row differ", s.Kind)
		}
	}
	if infrastructure < 38 {
		t.Errorf("%d kinds of infrastructure, want at least 38", infrastructure)
	}
	if others := len(Table) - infrastructure; others < 20 {
		t.Errorf("%d other kinds, want at least 20", others)
	}
}

func TestStepsHealBeforeTheyHurt(t *testing.T) {
	faults := []Fault{MustParse("at 5s for 5s kill owner"), MustParse("at 10s pause leader"), MustParse("at 1s step down")}
	var got []string
	for _, s := range Steps(faults) {
		text := s.At.String() + " " + string(s.Fault.Kind)
		if s.Heal {
			text += " healed"
		}
		got = append(got, text)
	}
	want := []string{"1s step-down", "5s kill", "10s kill healed", "10s pause", "30s pause healed"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if got, want := End(faults), 30*time.Second; got != want {
		t.Errorf("end: got %s, want %s", got, want)
	}
}

func TestTallyKnowsWhatHitNothing(t *testing.T) {
	a, b := Tally{}, Tally{}
	a.Add(Kill, true)
	a.Add(Loss, false)
	b.Add(Kill, false)
	b.Add(Flap, true)
	a.Merge(b)
	if injected, hit := a.Injected(); injected != 4 || hit != 2 {
		t.Errorf("got %d injected, %d hit, want 4 and 2", injected, hit)
	}
	if diff := cmp.Diff(a.Missed(), []Kind{Loss}); diff != "" {
		t.Errorf("missed (-got +want):\n%s", diff)
	}
}
