//go:build real

package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/testbed"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	groupRecords = 3000 // of each partition
	groupParts   = 3
	groupLate    = 40 // of each partition, at the end of the copy
)

// groups is a real broker with a topic that was written in transactions, so that its offsets have holes, and a copy of it that has none
// and holds some records late.
type groups struct {
	t      *testing.T
	broker string
	dir    string
}

func newGroups(t *testing.T) *groups {
	g := &groups{t, testbed.Kafka(t, t.ArtifactDir()), t.TempDir()}
	testbed.Program(t)
	for _, name := range []string{"orders", "orders-v2"} {
		testbed.Topic{Broker: g.broker, Name: name, Partitions: groupParts}.Create(t)
	}
	first, late := groupRecords/3, groupRecords/3+groupLate
	tx := g.client(kgo.TransactionalID("orders"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for n := 0; n < groupRecords; n += 100 {
		if err := tx.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		g.produce(tx, "orders", n, n+100)
		if err := tx.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	plain := g.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	g.produce(plain, "orders-v2", 0, first)
	g.produce(plain, "orders-v2", late, groupRecords)
	g.produce(plain, "orders-v2", first, late)
	return g
}

func (g *groups) client(opts ...kgo.Opt) *kgo.Client {
	g.t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(g.broker))...)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(cl.Close)
	return cl
}

// value names a record.
func value(part, n int) string { return fmt.Sprintf("p%d-%d", part, n) }

func (g *groups) produce(cl *kgo.Client, topic string, from, to int) {
	g.t.Helper()
	var rs []*kgo.Record
	for part := range groupParts {
		for n := from; n < to; n++ {
			rs = append(rs, &kgo.Record{Topic: topic, Partition: int32(part), Value: []byte(value(part, n)), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(n))})
		}
	}
	if err := cl.ProduceSync(g.t.Context(), rs...).FirstErr(); err != nil {
		g.t.Fatal(err)
	}
}

// backstitch runs a command and holds it to a status.
func (g *groups) backstitch(want int, args ...string) (stdout, stderr string) {
	g.t.Helper()
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(g.t.Context(), testbed.Program(g.t), append(args, "--color", "never")...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		g.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		g.t.Fatalf("backstitch %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, want, &out, &complaints)
	}
	return out.String(), complaints.String()
}

// consume reads as a member of a group until it has n records or more, and commits what it has read.
func (g *groups) consume(cl *kgo.Client, n int, seen map[string]int) {
	g.t.Helper()
	for got := 0; got < n; {
		fetches := cl.PollRecords(g.t.Context(), n-got)
		if err := fetches.Err(); err != nil {
			g.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			seen[string(r.Value)]++
			got++
		})
	}
	if err := cl.CommitUncommittedOffsets(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
}

func (g *groups) member(group, topic string, opts ...kgo.Opt) *kgo.Client {
	return g.client(append(opts, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
}

// TestGroupsOnARealBroker moves groups from a topic to its copy. What Kafka says of members, ids, leader epochs and positions that are
// deleted is asserted here and not what a fake does.
func TestGroupsOnARealBroker(t *testing.T) {
	g := newGroups(t)
	t.Run("moved", func(t *testing.T) { g.moved(t, "billing") })
	t.Run("moved, balanced by the brokers", func(t *testing.T) {
		g.moved(t, "shipping", kgo.ServerSideBalancer())
		listed, err := kadm.NewClient(g.client()).ListGroupsByType(t.Context(), []string{"consumer"})
		if _, ok := listed["shipping"]; err != nil || !ok {
			t.Errorf("vacuous: brokers do not balance shipping (%v)", err)
		}
	})
	t.Run("put back", g.putBack)
}

// moved moves a group that is in the middle of a topic: a member is refused, nothing is left out, what is seen twice is what the plan said,
// and a group that has read on is not touched any more. Brokers keep a group of KIP-848 as another kind of group, with states of its own.
func (outer *groups) moved(t *testing.T, name string, opts ...kgo.Opt) {
	g := &groups{t, outer.broker, t.TempDir()}
	plan := filepath.Join(g.dir, name+".plan")
	args := []string{"groups", "plan", name, "--from", "orders", "--to", "orders-v2", "--kafka", g.broker, "--out", plan}
	seen := map[string]int{}
	member := g.member(name, "orders", opts...)
	g.consume(member, groupParts*groupRecords/2, seen)

	stdout, _ := g.backstitch(0, args...)
	if !strings.Contains(stdout, "BST-P225") {
		t.Errorf("a plan for a group that has members does not say so:\n%s", stdout)
	}
	if _, stderr := g.backstitch(11, "groups", "apply", plan, "--yes"); !strings.Contains(stderr, "BST-E4064") {
		t.Errorf("a group that has members: %s", stderr)
	}
	member.Close()
	var made struct {
		Plan struct {
			Parts []struct{ Landing struct{ Again int } }
		}
	}
	stdout, _ = g.backstitch(0, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(stdout), &made); err != nil {
		t.Fatal(err)
	}
	again := 0
	for _, p := range made.Plan.Parts {
		again += p.Landing.Again
	}
	g.backstitch(0, "groups", "apply", plan, "--yes")

	twice := 0
	before := len(seen)
	member = g.member(name, "orders-v2", opts...)
	g.consume(member, groupParts*groupRecords-before+again, seen)
	member.Close()
	for part := range groupParts {
		for n := range groupRecords {
			switch seen[value(part, n)] {
			case 0:
				t.Fatalf("%s was left out", value(part, n))
			case 1:
			default:
				twice++
			}
		}
	}
	if twice != again || again == 0 {
		t.Errorf("%d records were seen twice, the plan said %d", twice, again)
	}
	for _, words := range [][]string{{"apply", plan}, {"undo", plan + ".receipt"}} {
		if _, stderr := g.backstitch(11, "groups", words[0], words[1], "--yes"); !strings.Contains(stderr, "BST-E4065") {
			t.Errorf("%s after it has read on: %s", words[0], stderr)
		}
	}
}

// putBack moves a group and undoes it: positions, what was beside them, and where there was none.
func (outer *groups) putBack(t *testing.T) {
	g := &groups{t, outer.broker, t.TempDir()}
	adm := kadm.NewClient(g.client())
	offs := kadm.Offsets{}
	offs.Add(kadm.Offset{Topic: "orders", Partition: 0, At: 1515, LeaderEpoch: 0, Metadata: "from"})
	offs.Add(kadm.Offset{Topic: "orders", Partition: 1, At: 30, LeaderEpoch: -1})
	offs.Add(kadm.Offset{Topic: "orders-v2", Partition: 1, At: 7, LeaderEpoch: 0, Metadata: "a note"})
	if err := adm.CommitAllOffsets(t.Context(), "audit", offs); err != nil {
		t.Fatal(err)
	}
	stand := func() map[string]map[int32]kadm.Offset {
		t.Helper()
		got, err := adm.FetchOffsets(context.WithoutCancel(t.Context()), "audit")
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]map[int32]kadm.Offset{}
		got.Each(func(o kadm.OffsetResponse) {
			if o.At >= 0 {
				if out[o.Topic] == nil {
					out[o.Topic] = map[int32]kadm.Offset{}
				}
				out[o.Topic][o.Partition] = o.Offset
			}
		})
		return out
	}
	was := stand()
	plan := filepath.Join(g.dir, "audit.plan")
	g.backstitch(0, "groups", "plan", "audit", "--from", "orders", "--to", "orders-v2", "--kafka", g.broker, "-o", plan)
	if diff := cmp.Diff(was, stand()); diff != "" {
		t.Fatalf("planning wrote something: -before +after\n%s", diff)
	}
	g.backstitch(0, "groups", "apply", plan, "--yes")
	now := stand()["orders-v2"]
	// 15 markers lie below 1515. From 1000 on the copy is 40 ahead: those are late.
	if len(now) != 2 || now[0].At != 1500-groupLate || now[1].At != 30 {
		t.Errorf("moved: got %+v", now)
	}
	g.backstitch(0, "groups", "apply", plan)
	g.backstitch(0, "groups", "undo", plan+".receipt", "--yes")
	if diff := cmp.Diff(was, stand()); diff != "" {
		t.Errorf("undone: -before +after\n%s", diff)
	}
	g.backstitch(0, "groups", "undo", plan+".receipt")

	testbed.Topic{Broker: g.broker, Name: "orders-v2", Partitions: groupParts}.Drop(t)
	testbed.Topic{Broker: g.broker, Name: "orders-v2", Partitions: groupParts}.Create(t)
	testbed.Eventually(t, time.Minute, "orders-v2 to be there again", func() bool {
		ends, err := adm.ListEndOffsets(t.Context(), "orders-v2")
		return err == nil && ends.Error() == nil && len(ends["orders-v2"]) == groupParts
	})
	if _, stderr := g.backstitch(11, "groups", "apply", plan, "--yes"); !strings.Contains(stderr, "BST-E4066") {
		t.Errorf("a topic that was made anew: %s", stderr)
	}
}
