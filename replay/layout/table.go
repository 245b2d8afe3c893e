package layout

import (
	"strings"

	"backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
)

// entry is one layout that somebody else writes.
type entry struct {
	name string
	says string // what the number in a name is, for people
	open func(bucket.Bucket, Options) (*foreign.Archive, error)
}

// table lists the layouts in the order in which documents do.
var table = []entry{
	{"confluent", "the offset in names is the first one", openConfluent},
	{"lenses", "the offset in names is the last one", openLenses},
	{"aiven", "the offset in names is the first one", openAiven},
	{"firehose", "names have no offsets", openFirehose},
	{"oso", "segments hold the offset of each record", openOSO},
	{"gazette", "names have the first byte and the one after the last", openGazette},
	{"hdfs", "names have the first and the last offset", openConfluent},
}

// Names are those of all layouts, our own first.
func Names() []string {
	out := []string{Archive}
	for _, e := range table {
		out = append(out, e.name)
	}
	return out
}

// Foreign reports whether name is a layout that somebody else writes.
func Foreign(name string) bool {
	for _, e := range table {
		if e.name == name {
			return true
		}
	}
	return false
}

// parses reports whether a key is one that the layout of that name gives to objects of topic.
func (e *entry) parses(topic, key string) bool {
	a, err := e.open(nil, Options{Layout: e.name, Topic: topic, Limits: foreign.DefaultLimits()})
	if err != nil {
		return false
	}
	if _, ok := a.Layout().Parse(key); ok {
		return true
	}
	if e.name != "confluent" && e.name != "hdfs" {
		return false
	}
	// The directory in front may have been turned off.
	none := ""
	if a, err = e.open(nil, Options{Layout: e.name, Topic: topic, TopicsDir: &none, Limits: foreign.DefaultLimits()}); err != nil {
		return false
	}
	_, ok := a.Layout().Parse(key)
	return ok
}

// ours reports whether a key is of our own archive.
func ours(topic, key string) bool {
	n, err := archive.ParseName(key)
	return err == nil && n.Topic == topic && strings.HasSuffix(key, archive.Suffix)
}
