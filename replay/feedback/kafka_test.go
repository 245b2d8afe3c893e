package feedback_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"backstitch/replay/feedback"
	"backstitch/replay/kgroup"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func produce(k *replaytest.Kafka, topic string, part int32, n int) {
	var rs []record.Record
	for i := range n {
		rs = append(rs, record.Record{Value: fmt.Append(nil, i), TimestampMs: time.Now().UnixMilli()})
	}
	k.Produce(topic, part, rs...)
}

func TestALookSeesLagsAndReplicas(t *testing.T) {
	k := replaytest.NewKafka(t, "orders", "payments")
	produce(k, "orders", 0, 100)
	produce(k, "orders", 1, 10)
	produce(k, "payments", 2, 7)
	cl := k.Client()
	var at kadm.Offsets
	at.AddOffset("orders", 0, 60, -1)
	at.AddOffset("payments", 2, 5, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(t.Context(), "billing", at); err != nil {
		t.Fatal(err)
	}
	look := feedback.KafkaLook(cl, "c", "orders", feedback.Spared{Groups: []string{"fraud", "billing"}, Replicas: true})
	r := look.Do(t.Context(), time.Now)
	// 40 of one topic and 2 of the other; in the partition that it has not begun to read nobody knows where it would.
	if m := r.Lags["billing"]; m.N != 42 || m.Err != nil {
		t.Errorf("billing: %+v, want 42", m)
	}
	if m := r.Lags["fraud"]; !errors.Is(m.Err, kgroup.ErrNoGroup) {
		t.Errorf("a group that there is not: %+v", m)
	}
	if m := r.Apart["orders"]; m.N != 0 || m.Err != nil {
		t.Errorf("replicas: %+v", m)
	}
	k.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		resp := req.ResponseKind().(*kmsg.MetadataResponse)
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic = kmsg.StringPtr("orders")
		for part := range int32(2) {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Replicas, p.ISR = part, []int32{1, 2, 3}, []int32{1, 2}[:part+1]
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	if m := look.Do(t.Context(), time.Now).Apart["orders"]; m.N != 3 || m.Err != nil {
		t.Errorf("%+v, want two replicas out of sync in one partition and one in the other", m)
	}
}

func TestALookThatIsRefusedSaysSo(t *testing.T) {
	k := replaytest.NewKafka(t, "orders")
	k.ControlKey(int16(kmsg.OffsetFetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
		resp.ErrorCode = kerr.GroupAuthorizationFailed.Code
		for _, g := range req.(*kmsg.OffsetFetchRequest).Groups {
			sg := kmsg.NewOffsetFetchResponseGroup()
			sg.Group, sg.ErrorCode = g.Group, kerr.GroupAuthorizationFailed.Code
			resp.Groups = append(resp.Groups, sg)
		}
		return resp, nil, true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if m := feedback.KafkaLook(k.Client(), "c", "orders", feedback.Spared{Groups: []string{"billing"}}).Do(ctx, time.Now).Lags["billing"]; m.Err == nil {
		t.Errorf("%+v, and the broker does not show the group", m)
	}
	if feedback.KafkaLook(k.Client(), "c", "orders", feedback.Spared{}) != nil {
		t.Error("a look at nothing")
	}
}

func TestALookTimesEachBroker(t *testing.T) {
	const late = 30 * time.Millisecond
	k := replaytest.NewKafka(t, "orders")
	produce(k, "orders", 0, 1)
	look := feedback.KafkaLook(k.Client(), "c", "orders", feedback.Spared{Brokers: true})
	leaders := map[string]bool{}
	for part := range int32(3) {
		leaders[fmt.Sprint(k.LeaderFor("orders", part))] = true
	}
	before := look.Do(t.Context(), time.Now).Took
	slept := func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		k.SleepControl(func() { time.Sleep(late) })
		return nil, nil, false
	}
	k.ControlKey(int16(kmsg.ListOffsets), slept)
	after := look.Do(t.Context(), time.Now).Took
	if len(before) != len(leaders) || len(after) != len(leaders) {
		t.Fatalf("brokers %v, then %v, want those that lead: %v", before, after, leaders)
	}
	for b := range leaders {
		if m := before[b]; m.Err != nil || m.N <= 0 {
			t.Errorf("broker %s: %+v", b, m)
		}
		if m := after[b]; m.Err != nil || m.N < int64(late) {
			t.Errorf("broker %s that answers after %s: %+v", b, late, m)
		}
	}
	gone := feedback.KafkaLook(k.Client(), "c", "payments", feedback.Spared{Brokers: true}).Do(t.Context(), time.Now).Took
	if m := gone[""]; len(gone) != 1 || m.Err == nil {
		t.Errorf("the brokers of a topic that there is not: %v", gone)
	}
}
