package scenario

import (
	"strings"
	"testing"
)

const sound = `name: one
promise: Nothing is lost.
topology:
  nodes: 3
workload:
  records: 1000
  lost: {how: holes, share: 10%, runs: 2}
timeline:
  - at 1s kill owner
layers: [process]
limit: 30s
`

func TestErrorsSayWhere(t *testing.T) {
	if _, err := Parse("sound.yaml", []byte(sound)); err != nil {
		t.Fatal(err)
	}
	rows := []struct{ old, new, want string }{
		{"nodes: 3", "node: 3", "x.yaml:4:3: there is no key node"},
		{"nodes: 3", "nodes: 4", "x.yaml:4:10: topology.nodes: want an odd number"},
		{"nodes: 3", "nodes: three", "x.yaml:4:10: "},
		{"at 1s kill owner", "at 1s kil owner", "x.yaml:9:11: unexpected \"kil\", did you mean kill?"},
		{"at 1s kill owner", "at 1s kil owner", "     9 |   - at 1s kil owner\n       |           ^"},
		{"at 1s kill owner", `"at 1s kill ownr"`, "x.yaml:9:17: unexpected \"ownr\""},
		{"at 1s kill owner", "at 1s kill node-d", "there is no node node-d: there are node-a, node-b, node-c"},
		{"at 1s kill owner", "at 1s torn write on owner", "x.yaml:9:5: torn-write can be injected in: bubble; and not in: process"},
		{"at 1s kill owner", "at 1s for 1m kill owner", "x.yaml:11:8: limit: the last fault is healed after 1m1s"},
		{"at 1s kill owner", "old disk on node-a\n  - old disk on node-b", "2 faults destroy data for good; of 3 nodes at most 1"},
		{"at 1s kill owner", "&a at 1s kill owner", "anchors, aliases and tags are not used"},
		{"promise: Nothing is lost.", "promise: Nothing is lost. Really.", "x.yaml:2:10: promise: want one sentence"},
		{"promise: Nothing is lost.", "promise: Nothing is lost", "want one sentence, which ends with a full stop"},
		{"promise: Nothing is lost.", "promise: Nothing is lost.\npromise: Nothing is lost.", "promise"},
		{"[process]", "[proces]", "x.yaml:10:10: there is no layer \"proces\": want one of sim, bubble, process, staging"},
		{"[process]", "[]", "layers: want at least one of"},
		{"limit: 30s", "limit: 30", "x.yaml:11:8: limit: want a length of time"},
		{"limit: 30s\n", "", "limit is missing"},
		{"share: 10%", "share: 10", "x.yaml:7:29: workload.lost.share: want a share"},
		{"how: holes", "how: head", "workload.lost: head has no runs"},
		{"how: holes, share: 10%, runs: 2", "how: object, share: 10%", "only the confluent layout"},
		{"records: 1000", "records: 0", "workload.records: want 1 to"},
		{"timeline:", "between:", "between: kill takes time or says when"},
		{"limit: 30s", "limit: 30s\nrandom: {kinds: [kill], every: 1s, during: 10s}", "there is a timeline already"},
		{"limit: 30s", "limit: 30s\nexpects: {ends: refused}", "refused needs a code"},
		{"limit: 30s", "limit: 30s\nexpects: {ends: done BST-E1107}", "done has no code"},
		{sound, "", "the file is empty"},
		{"name: one\n", "---\nname: one\n---\n", "the file holds 2 documents"},
		{"name: one", "name: [", "x.yaml:"},
	}
	for _, row := range rows {
		text := strings.Replace(sound, row.old, row.new, 1)
		if text == sound {
			t.Fatalf("%q is not in the scenario", row.old)
		}
		_, err := Parse("x.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s instead of %s: got\n%v\nwant it to say\n%s", row.new, row.old, err, row.want)
		}
	}
}

func TestAllErrorsComeAtOnce(t *testing.T) {
	text := strings.NewReplacer("nodes: 3", "nodes: 2", "kill owner", "kill nobody", "limit: 30s", "limit: soon").Replace(sound)
	_, err := Parse("x.yaml", []byte(text))
	if err == nil || !strings.Contains(err.Error(), "has 3 problems") {
		t.Errorf("got %v, want three problems", err)
	}
}

func TestAnIdleClusterHasNoJob(t *testing.T) {
	text := strings.Replace(sound, "workload:\n  records: 1000\n  lost: {how: holes, share: 10%, runs: 2}\n", "", 1)
	if s, err := Parse("x.yaml", []byte(text)); err != nil || !s.Workload.Idle() {
		t.Errorf("got %+v, %v, want an idle cluster", s, err)
	}
	if _, err := Parse("x.yaml", []byte(text+"expects: {done: 10s}\n")); err == nil {
		t.Error("an idle cluster was expected to end a job: got no error")
	}
}

func TestRandomTimelinesComeFromTheSeed(t *testing.T) {
	text := strings.Replace(sound, "timeline:\n  - at 1s kill owner\n", "random: {kinds: [kill, kill, pause], every: 2s, during: 20s, together: 2}\n", 1)
	s, err := Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	one, err := s.Plan(1)
	if err != nil || len(one) == 0 {
		t.Fatalf("got %v, %v", one, err)
	}
	again, _ := s.Plan(1)
	other, _ := s.Plan(2)
	same := func(a, b string) bool { return a == b }
	text1, text2, text3 := strings.Join(faultTexts(one), "\n"), strings.Join(faultTexts(again), "\n"), strings.Join(faultTexts(other), "\n")
	if !same(text1, text2) || same(text1, text3) {
		t.Errorf("seed 1:\n%s\nseed 1 again:\n%s\nseed 2:\n%s", text1, text2, text3)
	}
}
