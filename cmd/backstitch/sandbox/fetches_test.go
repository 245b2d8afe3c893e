package sandbox

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestAFetchThatIsCutSaysWhatWasAborted: whatever bound a reader sets for an answer, he is told of each transaction that does not count.
func TestAFetchThatIsCutSaysWhatWasAborted(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	wholeFetches(broker)
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...), kgo.TransactionalID("x"), kgo.DefaultProduceTopic("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for n := range 4 { // each is a batch
		if err := cl.ProduceSync(t.Context(), kgo.StringRecord(fmt.Sprint("aborted ", n))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	topics, err := kadm.NewClient(cl).ListTopics(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrFetchRequest()
	req.IsolationLevel, req.MinBytes = 1, 1
	part := kmsg.NewFetchRequestTopicPartition()
	part.PartitionMaxBytes = 1 << 20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = "t", topics["t"].ID, []kmsg.FetchRequestTopicPartition{part}
	req.Topics = []kmsg.FetchRequestTopic{topic}
	for _, most := range []int32{1, 100, 200, 1 << 20} {
		req.MaxBytes = most
		resp, err := req.RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		p := resp.Topics[0].Partitions[0]
		if len(p.RecordBatches) == 0 || len(p.AbortedTransactions) != 1 {
			t.Errorf("%d bytes at most: %d bytes of records, and %d aborted transactions, want 1", most, len(p.RecordBatches), len(p.AbortedTransactions))
		}
	}
}
