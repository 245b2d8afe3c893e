package kafka

import (
	"errors"
	"fmt"

	"backstitch/replay/klog"
	"backstitch/replay/sink"
	"backstitch/replay/source"

	"github.com/twmb/franz-go/pkg/kerr"
)

// classify gives err the sink's meaning where it has one. An error without one is worth opening the lane again.
func classify(what string, err error) error {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, klog.ErrUnknownTopic):
		return fmt.Errorf("%s: %w: %w", what, err, sink.ErrNoTarget)
	case errors.Is(err, source.ErrRecreated):
		return fmt.Errorf("%s: %w: %w", what, err, sink.ErrRecreated)
	}
	for _, c := range []struct {
		mean  error
		kafka []*kerr.Error
	}{
		// The brokers also end a transaction that ran into its timeout, or forget an id that was idle for a week. That looks the
		// same, and the answer is the same: whoever still holds the lease opens again.
		{sink.ErrFenced, []*kerr.Error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping}},
		{sink.ErrNoTarget, []*kerr.Error{kerr.UnknownTopicOrPartition}},
		{sink.ErrRecreated, []*kerr.Error{kerr.UnknownTopicID, kerr.InconsistentTopicID}},
		{sink.ErrDenied, []*kerr.Error{
			kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed, kerr.ClusterAuthorizationFailed,
			kerr.SaslAuthenticationFailed,
		}},
		{sink.ErrProgress, []*kerr.Error{kerr.OffsetMetadataTooLarge}},
	} {
		for _, k := range c.kafka {
			if errors.Is(err, k) {
				return fmt.Errorf("%s: %w: %w", what, err, c.mean)
			}
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// rejection returns the code under which a record that the brokers answered with err is quarantined, false when err says
// nothing about the record.
func rejection(err error) (code string, ok bool) {
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return sink.CodeTooLarge, true
	case errors.Is(err, kerr.InvalidTimestamp):
		return sink.CodeBadTimestamp, true
	case errors.Is(err, kerr.InvalidRecord):
		return sink.CodeBadRecord, true
	}
	return "", false
}
