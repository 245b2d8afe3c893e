package publish

import (
	"fmt"
	"strings"
)

// Place is where readers go. The zero value is nowhere.
type Place struct {
	Name  string `json:"place"` // as the locks of a job begin, see fsm.AliasVersion
	Topic string `json:"topic"`
}

const inKafka = "kafka:"

// Cluster is the id of the Kafka cluster that p is a topic of, "" for one that has no id and for files.
func (p Place) Cluster() string {
	rest, ok := strings.CutPrefix(p.Name, inKafka)
	if !ok {
		return ""
	}
	return strings.TrimSuffix(rest, "/"+p.Topic)
}

// String is p for people.
func (p Place) String() string {
	switch {
	case p == Place{}:
		return "nowhere"
	case strings.HasPrefix(p.Name, inKafka):
		return p.Topic
	case strings.HasPrefix(p.Name, "dir:"):
		return strings.TrimPrefix(p.Name, "dir:") + "/" + p.Topic
	}
	return p.Name
}

// Between returns two places for people, who are told the clusters where they are topics of different ones.
func Between(a, b Place) (string, string) {
	if !strings.HasPrefix(a.Name, inKafka) || !strings.HasPrefix(b.Name, inKafka) || a.Cluster() == b.Cluster() {
		return a.String(), b.String()
	}
	return fmt.Sprintf("%s in Kafka %s", a, a.Cluster()), fmt.Sprintf("%s in Kafka %s", b, b.Cluster())
}
