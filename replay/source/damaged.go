package source

import (
	"fmt"
	"strings"

	"backstitch/partition"
)

// DamagedError says that an object, or one record in it, can not be read: truncated gzip, wrong checksum, broken line.
type DamagedError struct {
	Object string           // "" for a topic, which has none
	Offset partition.Offset // first position that could not be read, -1 when the whole object is unreadable
	// Next is where reading goes on: the records at [Offset, Next) are lost to this read. -1 when it is not known how far the
	// damage reaches; the reader is then at its end.
	Next partition.Offset
	Code string // stable, one of the Code constants
	Rule int    // of the recipe, from 1, that the record has broken; 0 for everything else
	Err  error
}

// What is wrong with an object. The codes are stable: they are kept in quarantine lists and printed in runbooks.
const (
	CodeTruncated    = "BST-Q101" // the object ends in the middle of compressed data or of a record, or holds none
	CodeCorrupt      = "BST-Q102" // a checksum or a compressed stream does not fit
	CodeBrokenLine   = "BST-Q103" // a line is not what its format says, or says two things
	CodeTooLarge     = "BST-Q104" // a record or a decompressed object is above the ceiling
	CodeBadCompanion = "BST-Q105" // a .keys or .headers file does not pair with its value file, or can not be read
	CodeForeign      = "BST-Q106" // the object is not what its name says
	CodeGone         = "BST-Q107" // the object was listed and is gone
)

// Why the steps of a transform can not change a record's value.
const (
	CodeNotJSON   = "BST-Q301" // the value is no JSON, or nested too deep
	CodeNotUTF8   = "BST-Q302" // the value is not UTF-8
	CodeNotObject = "BST-Q303" // the value, or what a path leads through, is no object
	CodeAmbiguous = "BST-Q304" // two members have the name that a step looks for
	CodeAbsent    = "BST-Q305" // a member that a step requires is not there
	CodeNoCast    = "BST-Q306" // the value has no exact form of the other type
	CodeNameTaken = "BST-Q307" // there is a member of the new name already
	CodeNoSplit   = "BST-Q308" // the value is no text of as many parts as there are names for
)

// Which kind of rule a record has broken, and why a step's expression gives nothing.
const (
	CodeFalse      = "BST-Q340" // an expression is false
	CodeNoAnswer   = "BST-Q341" // an expression has no answer: a member is not there, types do not go together
	CodeCost       = "BST-Q342" // an expression costs too much
	CodeRange      = "BST-Q343" // a number is beyond its bounds, or is none
	CodeRequired   = "BST-Q344" // a member is null or not there
	CodeType       = "BST-Q345" // a value is of another type
	CodeSchema     = "BST-Q346" // the value does not fit its JSON Schema
	CodeExpression = "BST-Q347" // a step's expression has no answer
)

// Why a value that names its schema has no form under the output schema of a transform. Avro, Protobuf and JSON have the last seven in common.
const (
	CodeNotFitting = "BST-Q350" // what comes out does not fit the output JSON Schema
	CodeNotWhole   = "BST-Q351" // a message of Protobuf that a tree of its fields does not give back byte for byte
	CodeNoMessage  = "BST-Q352" // the numbers in front of it name no message of its schema

	CodeNotFramed = "BST-Q360" // the value names no schema, or in a way that does not count
	CodeNoWriter  = "BST-Q361" // which schema its name stands for is not known
	CodeNotDatum  = "BST-Q362" // its bytes are no value of its schema
	CodeNoPlace   = "BST-Q363" // the output schema has no field for one that it has
	CodeNoPreset  = "BST-Q364" // it lacks a field that the output schema has no default for
	CodeNoForm    = "BST-Q365" // a part of it can not be said in the output schema's type
	CodeTooGrown  = "BST-Q366" // it becomes larger than a value may be
	CodeNoVersion = "BST-Q369" // the spec does not give the version of AWS Glue's schemas that it names
	CodeDeflated  = "BST-Q370" // what AWS Glue's frame says of its compression is not so
	CodeInflated  = "BST-Q371" // decompressed it is larger than a value may be
)

// Why a record can not be given the names that the target's registry has for its schemas.
const (
	CodeNoName   = "BST-Q367" // it names a schema that has no name there, or that nobody knows
	CodeTwoNames = "BST-Q368" // several headers name one schema, or one holds what no client writes
)

// Why a record has no event time, so that it is not late and nothing is late because of it.
const (
	CodeTimeAbsent = "BST-Q328" // it is null or not there, or the broker has set it
	CodeTimeUnread = "BST-Q329" // what is there is no moment, or two members or headers have its name
)

// Why a step's WebAssembly module gives no new value.
const (
	CodeModuleRefuses = "BST-Q348" // it says itself that it does not change the value, and why
	CodeModuleStopped = "BST-Q349" // it failed: what its language calls a panic or an abort, or a fault
	CodeModuleTime    = "BST-Q357" // it took too long, twice
	CodeModuleMemory  = "BST-Q358" // it needs more memory than the step allows
	CodeModuleAnswer  = "BST-Q359" // what it gave is no value: empty, not in its memory, too large, or no object
)

// Refused reports whether code says that a record was read well, and that a step (BST-Q30x, BST-Q350 to Q352, BST-Q36x, Q370 and Q371, a module's), a rule
// (BST-Q34x) or the names of its schemas (BST-Q367, BST-Q368) have refused it, or that it is superseded.
func Refused(code string) bool {
	switch code {
	case CodeSuperseded, CodeNotFitting, CodeNotWhole, CodeNoMessage, CodeDeflated, CodeInflated, CodeModuleTime, CodeModuleMemory, CodeModuleAnswer:
		return true
	}
	return strings.HasPrefix(code, "BST-Q30") || strings.HasPrefix(code, "BST-Q34") || strings.HasPrefix(code, "BST-Q36")
}

// Why the key can not be read by which repetitions are told. Such a record is kept.
const (
	CodeKeyNotJSON = "BST-Q353" // the value is no JSON, or not UTF-8
	CodeKeyAbsent  = "BST-Q354" // a part of the key is null or not there
	CodeKeyTwice   = "BST-Q355" // two members or headers have the name of a part
	CodeKeyKind    = "BST-Q356" // a part is an object or a list, or a number that can not be compared
	CodeKeyChange  = "BST-Q335" // the value is no change event of Debezium, or its position is no identity
)

// CodeSuperseded says why a change event of a database is not written behind newer ones of its row, where a spec asks for that.
const CodeSuperseded = "BST-Q334"

// Why records of a container can not be read. Its objects hold datums, which are not yet the bytes that a value had.
const (
	CodeAvroBlock   = "BST-Q320" // a block is damaged; reading goes on behind the next sync marker
	CodeNoNumber    = "BST-Q321" // which number of a schema stood in front of a value is not known
	CodeNotRendered = "BST-Q322" // a datum has no form as a value: neither string nor bytes, or nothing that JSON has words for
	CodeAvroCodec   = "BST-Q323" // blocks are compressed with something that is not read

	CodeParquetCodec = "BST-Q324" // pages are compressed or encoded with something that is not read
	CodeParquetType  = "BST-Q325" // a column has a type that JSON has no form for
	CodeParquetGroup = "BST-Q326" // a row group is damaged; reading goes on behind it

	CodeAggregate = "BST-Q327" // a record of the Kinesis Producer Library can not be taken apart
)

func (e *DamagedError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s: object %s: %v", e.Code, e.Object, e.Err)
	}
	if e.Object == "" {
		return fmt.Sprintf("%s: record %d: %v", e.Code, e.Offset, e.Err)
	}
	return fmt.Sprintf("%s: object %s at %d: %v", e.Code, e.Object, e.Offset, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }
