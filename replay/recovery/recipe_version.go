package recovery

import (
	"slices"

	"backstitch/replay/spec"
)

// Versions of a recipe. A program that does not know what a recipe has would do something else: read past a transform and write values as
// they were, past rules, a module, a format or a rule for partitions, prove that repetitions are missing, stop in the middle of an archive, or hurt those who are to be spared.
// So a recipe that has them says that it is another.
const (
	RecipeVersion    = 1
	TransformVersion = 2
	RulesVersion     = 3
	FormatVersion    = 4  // files of another format than NDJSON
	ReshapeVersion   = 5  // another partition than the reference has
	DedupeVersion    = 6  // repetitions are left out
	ContainerVersion = 7  // an archive of others in Parquet, or of envelopes in Avro
	WasmVersion      = 8  // a step with a WebAssembly module
	DatumsVersion    = 9  // steps over values in Avro
	FramedVersion    = 10 // steps over values in Protobuf, or in JSON with the number of its schema
	NamesVersion     = 11 // names of schemas are rewritten
	LateVersion      = 12 // late records say so
	ColumnsVersion   = 13 // files of CSV or arrays of JSON, compressed lines, values as columns
	ChangesVersion   = 15 // repetitions by the positions of change events
	RowsVersion      = 16 // companions of an archive of others in Parquet, which would be cut into lines
	ElsewhereVersion = 17 // steps over values that name their schema by a GUID or in a header
	SpareVersion     = 20 // others that the job slows down for
	TermsVersion     = 21 // hours and a deadline
	GlueVersion      = 22 // steps over values in AWS Glue's frame, which would be set aside
	BrokersVersion   = 23 // brokers that are to answer as usual
)

// Needs is the version of a recipe that says what r says: the least that knows all that is in it. A program that knows a version knows
// those below it.
func (r *Recipe) Needs() int {
	t, to := r.Source.Transform, &r.Target
	step := func(has func(spec.Step) bool) bool { return t != nil && slices.ContainsFunc(t.Steps, has) }
	values := t != nil && t.Values != nil
	for _, v := range [...]struct {
		version int
		has     bool
	}{
		{BrokersVersion, r.Feedback != nil && r.Feedback.Brokers},
		{GlueVersion, values && t.Values.Glue != nil},
		{TermsVersion, r.Terms != nil},
		{SpareVersion, r.Feedback != nil && !r.Feedback.Off}, // a program that does not know feedback has none
		{ElsewhereVersion, values && t.Values.Elsewhere},
		{RowsVersion, r.Source.Rows},
		{ChangesVersion, r.Dedupe != nil && slices.Contains(r.Dedupe.Key, "debezium")},
		{ColumnsVersion, to.Columns != nil || to.Format == "array" || to.Format == "csv" || to.Format == "" && to.Codec != ""},
		{LateVersion, r.Late != nil},
		{NamesVersion, r.Source.Names != nil},
		{FramedVersion, values && t.Values.As != spec.Avro},
		{DatumsVersion, values},
		{WasmVersion, step(func(s spec.Step) bool { return s.Wasm != nil })},
		{ContainerVersion, r.Source.contained()},
		{DedupeVersion, r.Dedupe != nil},
		{ReshapeVersion, to.Reshape != nil},
		{FormatVersion, to.Format != ""},
		{RulesVersion, r.Source.Rules != nil || len(r.Nulls) > 0 || step(func(s spec.Step) bool { return s.Set != nil && s.Set.Expr != "" })},
		{TransformVersion, t != nil},
	} {
		if v.has {
			return v.version
		}
	}
	return RecipeVersion
}

// contained reports whether the archive is one that only programs read which know Parquet, or envelopes in Avro.
func (s *Source) contained() bool {
	return s.Values != nil && (s.Format == "parquet" || s.Format == "avro" && s.Layout != "confluent" && s.Layout != "hdfs")
}
