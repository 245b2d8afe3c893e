package recovery

import (
	"errors"
	"strings"

	"backstitch/replay/refusal"
)

// Codes of errors. They are stable. 11 in BST-E11 stands for plans; the API uses the first ones of the same family.
const (
	CodeStale       = "BST-E1107" // the world moved since the plan
	CodeCluster     = "BST-E1108" // the plan was made for another cluster
	CodeNotPlan     = "BST-E1120" // the file is not a plan
	CodeEdited      = "BST-E1121" // the file was changed after it was written
	CodeNewer       = "BST-E1122" // a newer program wrote the plan
	CodeNoTarget    = "BST-E1123" // the target is not there
	CodeNoReference = "BST-E1124" // the reference is not there
	CodeEmpty       = "BST-E1125" // the reference has nothing in the range
	CodeUnrelated   = "BST-E1126" // reference and target have no record in common
	CodePreflight   = "BST-E1127" // the target would refuse what the plan writes
	CodeTooLarge    = "BST-E1128" // the plan is larger than one job can be
	CodePartition   = "BST-E1129" // a partition that is selected is not there
	CodeSwapped     = "BST-E1130" // the target is an archive: source and target are swapped
	CodeOverwrite   = "BST-E1131" // the file to save the plan to is something else
	CodeNoTime      = "BST-E1132" // the range goes by time, and the reference has none
	CodeInventory   = "BST-E1134" // the inventory of the archive can not be used
	CodeLayout      = "BST-E1133" // the layout of the archive can not be told
	CodeMoved       = "BST-E1135" // what a scan began with is not there any more
	CodeSpoiled     = "BST-E1138" // files of the target were changed or deleted behind its back
	CodeTooMany     = "BST-E1139" // the archive has more objects than can be looked at at once
	CodeNumbers     = "BST-E1136" // the two sides number their schemas differently, and a plan would write numbers of the wrong one
	CodeRegistry    = "BST-E1137" // agents are to ask a schema registry that their configuration does not name
	CodeValues      = "BST-E1170" // what values in Avro begin with can not be told
	CodeRendered    = "BST-E1171" // what was asked for can not go by values that were made of datums
	CodeReshaped    = "BST-E1180" // the target has another number of partitions than the plan saw
	CodeReshape     = "BST-E1181" // the target can not be filled with other partitions
	CodeKeyless     = "BST-E1182" // partitions are to go by keys, and the reference holds none
	CodeMixed       = "BST-E1183" // the target has records of others, which nothing tells from what is missing
	CodePutTogether = "BST-E1184" // what was asked for can not go by partitions that are put together
	CodeFiles       = "BST-E1177" // the plan would leave more files in a partition than one can well have
	CodeExample     = "BST-E1150" // an example of the transform does not come out
	CodeTransformed = "BST-E1151" // what was asked for can not go by changed records
	CodeNulls       = "BST-E1153" // a value is lacking in more records than validate.nullRate allows
	CodeAside       = "BST-E1154" // more records are set aside than validate.maxQuarantine allows
	CodeBlindKey    = "BST-E1185" // repetitions are to be told by a part of a record that the reference does not hold
	CodeNoKey       = "BST-E1186" // or by a key that no record has
	CodeColumns     = "BST-E1187" // what the columns of values in files are made of can not be told
	CodeNoColumns   = "BST-E1188" // a schema of values has no columns in the format of the files
	CodeManyColumns = "BST-E1189" // values have more schemas than a job takes along
	CodeOutput      = "BST-E1190" // the output schema of steps over Avro has no number in the target's registry
	CodeWriters     = "BST-E1191" // what values in Avro are written with can not be told
	CodeKeys        = "BST-E1193" // keys would name other schemas in the target's registry
	CodeGlue        = "BST-E1223" // what the spec says of a version of AWS Glue's schemas can not be read
	CodeManySchemas = "BST-E1192" // the records name more schemas than a job takes along
	CodeDeadline    = "BST-E1214" // the job can not be done in time
	CodeIncomplete  = "BST-E1215" // or not as completely as is asked for
	CodeNoOrder     = "BST-E1222" // which change events are superseded can not be told
	CodeTornKeys    = "BST-E1172" // one registry alone has schemas of keys, and names are to be remapped
	CodeNoName      = "BST-E1173" // the target's registry does not have a schema that records name
	CodeManyNames   = "BST-E1174" // records name more schemas than a job takes along under their names in the target
	CodeUntold      = "BST-E1175" // registries do not tell what the target calls schemas
	CodeBlindTime   = "BST-E1206" // late records are to be told by a part of a record that the reference does not hold
	CodeNoEventTime = "BST-E1207" // or by an event time that no record has
	CodeManySlices  = "BST-E1208" // the plan has more slices than late records can be told for
	CodeNoGroup     = "BST-E1209" // a consumer group that is to be spared is not there
	CodeBlind       = "BST-E1155" // a rule looks at a part of a record that the reference does not hold
)

// Exit statuses.
const (
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 10
	exitConflict = 11
)

// Error is a refusal that a person reads: what, why, what to type next.
type Error = refusal.Error

// StaleError says that the world is not any more what the plan saw.
type StaleError struct {
	Plan  string   // its name
	Moved []string // what is different, each with old and new
}

// Error lists what moved.
func (e *StaleError) Error() string {
	return "the plan is stale\n" + strings.Join(e.Moved, "\n")
}

// ErrorCode returns the stable code.
func (*StaleError) ErrorCode() string { return CodeStale }

// ExitStatus returns that of a conflict.
func (*StaleError) ExitStatus() int { return exitConflict }

// Next says what to type.
func (*StaleError) Next() string { return "backstitch plan -f SPEC -o FILE.plan" }

// explainEnd makes an Error of an end that is not there; other errors are passed on with their own words.
func explainEnd(err error, code, title, why string) error {
	if !errors.Is(err, ErrNoTarget) && !errors.Is(err, ErrNoReference) {
		return err
	}
	return &Error{Code: code, Title: title, Why: strings.TrimSpace(err.Error() + ". " + why), Hint: "check spec.source and spec.target", Exit: exitNotFound, Err: err}
}
