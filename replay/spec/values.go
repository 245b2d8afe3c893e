package spec

// Values says what bytes the value of a record had whose datum or row a file of Avro or Parquet holds. A file does not say it, and a guess would make every
// record look lost.
type Values struct {
	// plain: the string or the bytes that the datum is, for topics of strings or raw bytes. confluent: a zero byte, the number of the schema and the datum, as clients of a schema registry write it. json: the datum, or the row, as JSON in one form of ours, for a topic that backstitch fills.
	As string `json:"as" jsonschema:"enum=plain,enum=json,enum=confluent"`
	// Schema registry that numbers the schemas: a connection of the agents' configuration or, where no agent reads, an address such as https://registry:8081. Asked when the plan is made, for as confluent.
	Registry string `json:"registry,omitempty" jsonschema:"minLength=1"`
	// Subject under which the registry has the schemas of values. Left out, it is the topic of the archive and -value.
	Subject string `json:"subject,omitempty" jsonschema:"minLength=1"`
	// Schemas with their numbers, instead of a registry.
	Schemas []NumberedSchema `json:"schemas,omitempty"`
}

// NumberedSchema is a schema and the number that stands in front of its values.
type NumberedSchema struct {
	// Number of the schema in the registry of the topic.
	Number int64 `json:"number" jsonschema:"minimum=0,maximum=4294967295"`
	// The schema, as JSON.
	Schema string `json:"schema" jsonschema:"minLength=1"`
}

// envelope checks what a layout says of envelopes.
func (c *checker) envelope(path string, l Layout) {
	switch {
	case l.Envelope == nil:
	case l.Format != "avro" && l.Format != "parquet":
		c.add(CodeTogether, path, "envelope belongs to formats avro and parquet", "leave it out: of lines, format says it (json or envelope)")
	case l.Values == nil:
		c.add(CodeTogether, path, "envelope says how values are read, and without values none are", "values: {as: json}, or leave envelope out")
	case !*l.Envelope && len(l.Fields) > 0:
		c.add(CodeTogether, path, "fields are those of envelopes", "leave fields out, or say envelope: true")
	case !*l.Envelope && l.Format == "parquet" && l.Values.As == "plain":
		c.add(CodeTogether, path, "a value in parquet that is in no envelope is a row with columns, and as: plain has no form for it", "values: {as: json}")
	case *l.Envelope && l.Values.As == "confluent":
		c.add(CodeTogether, path, "an envelope holds no datum as the topic had it", "values: {as: plain} where values are strings or bytes, or {as: json}")
	}
}

// values checks what a layout says of values.
func (c *checker) values(path string, l Layout) {
	v := l.Values
	if v == nil {
		return
	}
	path += ".values"
	switch {
	case l.Format != "avro" && l.Format != "parquet":
		c.add(CodeTogether, path, "values belongs to formats avro and parquet", "set format: avro or format: parquet, or leave values out")
	case l.Format == "parquet" && v.As == "confluent":
		c.add(CodeTogether, path+".as", "a row of parquet is no datum as the topic had it", "as: json, or as: plain for envelopes whose values are strings or bytes")
		return
	case l.Format == "parquet" && v.As == "plain" && l.Layout != "lenses" && l.Layout != "aiven":
		c.add(CodeTogether, path+".as", "a value of layout "+l.Layout+" in parquet is a row with columns", "as: json")
	}
	if v.As != "confluent" {
		if v.Registry != "" || v.Subject != "" || len(v.Schemas) > 0 {
			c.add(CodeTogether, path, "registry, subject and schemas belong to as: confluent", "as: confluent, or leave them out")
		}
		return
	}
	c.numbered(path, v.Registry, v.Subject, v.Schemas)
}
