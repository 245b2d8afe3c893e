package spec

import "strings"

// LineageName is how OpenLineage calls a place: a namespace that says which system, and a name in it.
type LineageName struct{ Namespace, Name string }

// Lineage returns the names of a source, by OpenLineage's naming of Kafka topics, S3 objects and files. A connection stands by its name,
// since its brokers or its endpoint are the agents' business.
func (s Source) Lineage() LineageName {
	switch {
	case s.S3 != nil:
		return s3Lineage(s.S3.Bucket, s.S3.Prefix)
	case s.Dir != nil:
		return LineageName{"file", s.Dir.Path}
	case s.Kafka != nil:
		return LineageName{kafkaNamespace(s.Kafka.Connection, s.Kafka.Brokers), s.Kafka.Topic}
	}
	return LineageName{}
}

// Lineage returns the names of a target.
func (t Target) Lineage() LineageName {
	switch {
	case t.Kafka != nil:
		return LineageName{kafkaNamespace(t.Kafka.Connection, t.Kafka.Brokers), t.Kafka.Topic}
	case t.Dir != nil:
		return LineageName{"file", t.Dir.Path}
	case t.S3 != nil:
		return s3Lineage(t.S3.Bucket, t.S3.Prefix)
	}
	return LineageName{}
}

func s3Lineage(bucket, prefix string) LineageName {
	return LineageName{"s3://" + bucket, orRoot(strings.Trim(prefix, "/"))}
}

// kafkaNamespace takes the first broker, as OpenLineage does.
func kafkaNamespace(connection, brokers string) string {
	if connection != "" {
		return "kafka://" + connection
	}
	first, _, _ := strings.Cut(brokers, ",")
	return "kafka://" + strings.TrimSpace(first)
}

func orRoot(key string) string {
	if key == "" {
		return "/"
	}
	return key
}
