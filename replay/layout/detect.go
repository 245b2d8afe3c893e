package layout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/bucket"
)

// How much of an archive is looked at, however large it is.
const (
	sampleKeys = 100    // that name the topic
	sampleScan = 10_000 // until that many are found
)

// Found is which layout an archive has, and why.
type Found struct {
	Options
	// Evidence is for people: "lenses (98 of 100 keys; the offset in names is the last one)".
	Evidence string
}

// ErrAmbiguous says that the keys of an archive are explained by more than one layout, or by none.
var ErrAmbiguous = errors.New("the layout of the archive can not be told")

// score is how many keys of a sample a layout explains.
type score struct {
	name, says string
	keys       int
}

// Detect finds out which layout the archive of topic in b has. One without a key that names the topic gives
// bucket.ErrNotFound; one that more than one layout explains, or none, gives ErrAmbiguous with all that was seen.
func Detect(ctx context.Context, b bucket.Bucket, topic string) (Found, error) {
	keys, err := sample(ctx, b, topic)
	if err != nil {
		return Found{}, err
	}
	if len(keys) == 0 {
		return Found{}, fmt.Errorf("archive of topic %s in %s: no key names it: %w", topic, b.URL(), bucket.ErrNotFound)
	}
	scores := []score{{name: Archive, says: "each object has an index of its offsets"}}
	for _, key := range keys {
		if ours(topic, key) {
			scores[0].keys++
		}
	}
	for i := range table {
		s := score{name: table[i].name, says: table[i].says}
		for _, key := range keys {
			if table[i].parses(topic, key) {
				s.keys++
			}
		}
		scores = append(scores, s)
	}
	scores = slices.DeleteFunc(scores, func(s score) bool { return s.keys == 0 })
	slices.SortStableFunc(scores, func(a, b score) int { return b.keys - a.keys })
	var seen []string
	for _, s := range scores {
		seen = append(seen, fmt.Sprintf("%s (%d of %d keys; %s)", s.name, s.keys, len(keys), s.says))
	}
	switch {
	case len(scores) == 0:
		return Found{}, fmt.Errorf("%w: no layout explains keys like %s", ErrAmbiguous, keys[0])
	case 2*scores[0].keys < len(keys):
		return Found{}, fmt.Errorf("%w: most keys are like none that is known: %s", ErrAmbiguous, strings.Join(seen, ", "))
	case len(scores) > 1 && 10*scores[1].keys >= len(keys):
		return Found{}, fmt.Errorf("%w: %s", ErrAmbiguous, strings.Join(seen, ", "))
	}
	out := Found{Options: Options{Layout: scores[0].name, Topic: topic}, Evidence: seen[0]}
	if n := out.Layout; n == "confluent" || n == "hdfs" {
		out.TopicsDir = topicsDir(topic, keys)
	}
	return out, nil
}

// topicsDir is what stands before the topic in most keys, nil for what connectors do by default.
func topicsDir(topic string, keys []string) *string {
	n := 0
	for _, key := range keys {
		if strings.HasPrefix(key, topic+"/") {
			n++
		}
	}
	if 2*n <= len(keys) {
		return nil
	}
	none := ""
	return &none
}

// sample returns keys that name the topic, from where layouts put them and from the beginning of the archive.
func sample(ctx context.Context, b bucket.Bucket, topic string) ([]string, error) {
	var out []string
	for _, prefix := range []string{"topics/" + topic + "/", topic + "/", topic + "-", ""} {
		seen, found := 0, 0
		for in, err := range b.List(ctx, prefix) {
			if err != nil {
				return nil, fmt.Errorf("list %s to find out its layout: %w", b.URL(), err)
			}
			if strings.Contains(in.Key, topic) && !slices.Contains(out, in.Key) {
				out = append(out, in.Key)
				found++
			}
			if seen++; seen == sampleScan || found == sampleKeys {
				break
			}
		}
		if len(out) >= sampleKeys && prefix != "" {
			break
		}
	}
	return out, nil
}
