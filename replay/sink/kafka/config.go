package kafka

import (
	"errors"
	"fmt"
	"time"

	"backstitch/replay/klog"
	"backstitch/replay/repartition"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Config says where and how to write.
type Config struct {
	Client  []kgo.Opt // how the cluster is reached: addresses, TLS, login, client id
	Cluster string    // of backstitch, the first part of transactional ids
	Topic   string
	TopicID klog.TopicID // zero takes whatever id the topic has; any other is refused when it is not the topic's

	// OriginHeaders adds sink.OriginHeader and sink.JobHeader to each record. SourceTopic is what the reference calls the data.
	OriginHeaders bool
	SourceTopic   string

	// Rule gives records another partition than they had; nil keeps it. The topic has to have as many as the rule is for, nobody else may
	// write there, and records need their origin headers: they alone say what has been written of a partition of the reference.
	Rule *repartition.Rule

	// Undated says that the records have no timestamps of their own. They get the time of writing then: the zero that they hold
	// instead would be 1970, and retention would delete them at once.
	Undated bool
	// Now is asked once per batch when Undated. Without it the client reads the clock for every record, which is slower.
	Now func() time.Time

	InFlightBytes      int64         // memory of records that are not acknowledged, per writer
	BatchBytes         int32         // of one produced batch; the topic's own limit wins when it is lower
	Linger             time.Duration // how long a batch waits to be filled
	Compression        kgo.CompressionCodec
	TransactionTimeout time.Duration // after which the brokers give up a transaction whose owner is gone
	OpenTimeout        time.Duration // for fencing and for reading progress
}

// DefaultConfig does not compress: that is the largest cost there is, and bytes that an archive holds compressed are mostly
// wanted as they were.
func DefaultConfig() Config {
	return Config{
		OriginHeaders:      true,
		InFlightBytes:      32 << 20,
		BatchBytes:         1 << 20,
		Linger:             2 * time.Millisecond,
		Compression:        kgo.NoCompression(),
		TransactionTimeout: time.Minute,
		OpenTimeout:        30 * time.Second,
	}
}

// Validate names the first thing that can not work.
func (c Config) Validate() error {
	switch {
	case c.Cluster == "":
		return errors.New("kafka sink: no cluster name")
	case c.Topic == "":
		return errors.New("kafka sink: no topic")
	case c.OriginHeaders && c.SourceTopic == "":
		return errors.New("kafka sink: origin headers need the name of the source topic")
	case c.Rule != nil && (c.Rule.Partitions < 1 || !c.OriginHeaders):
		return fmt.Errorf("kafka sink: a rule for %d partitions, origin headers %t", c.Rule.Partitions, c.OriginHeaders)
	case c.InFlightBytes < 1, c.BatchBytes < 1<<10:
		return fmt.Errorf("kafka sink: %d bytes in flight, %d bytes a batch", c.InFlightBytes, c.BatchBytes)
	case c.Linger < 0, c.TransactionTimeout < time.Second, c.OpenTimeout <= 0:
		return errors.New("kafka sink: a time is too short")
	}
	return nil
}
