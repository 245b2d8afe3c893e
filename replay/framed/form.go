package framed

import (
	"fmt"

	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/tree"
)

// Text is a schema as a recipe keeps it: nothing that it refers to is outside of it.
type Text struct {
	Schema     string
	References []Reference // each before those that refer to it
}

// Reference is a schema that another one refers to, under the name that it does.
type Reference struct {
	Name   string `json:"name"`
	Schema string `json:"schema"`
}

// Schema is what values are written with. It is never changed, and may be used by several goroutines.
type Schema interface {
	// Whole is its text, and those of all that it refers to.
	Whole() Text
	// Payload is what a JSON text says as a payload.
	Payload(json []byte) ([]byte, error)
	// JSON is a payload as rules, steps and people see it.
	JSON(payload []byte) ([]byte, error)
}

// Form is what payloads of one kind are.
type Form interface {
	// Noun names the values to people: datums of Avro.
	Noun() string
	// Parse reads the text of a schema. message names the one of its messages that is meant, "" the first; only Protobuf has any.
	Parse(t Text, message string) (Schema, error)
	// Chain makes steps ready. Values come out under out with id in front. With spare, fields that out has no place for are left out; else
	// a record that has any is refused.
	Chain(steps []spec.Step, out Schema, id uint32, spare bool) (Chain, error)
}

// Chain is steps in order, and what comes out of them. It is never changed, and may be used by several goroutines.
type Chain interface {
	// ID is the number of the schema that values come out under.
	ID() uint32
	// Output is the schema that values come out under.
	Output() Schema
	// Changer makes a changer.
	Changer() Changer
	// Reader makes a reader of what comes out.
	Reader() Reader
}

// Changer changes payloads, one after the other. It is used by one goroutine.
type Changer interface {
	// Change appends what becomes of a payload that was written with w to dst. err is a *transform.Refused. Nothing is kept.
	Change(dst []byte, w Schema, payload []byte) ([]byte, error)
}

// Indexed is an upgrade of Schema whose payloads begin with what says which of several types of the schema they are: Protobuf.
type Indexed interface {
	// Index is what payloads that come out begin with. It must not be changed.
	Index() []byte
}

// Glued is an upgrade of Indexed whose payloads begin with something else in AWS Glue's frame: Protobuf.
type Glued interface {
	Indexed
	// Unglue returns what stands in front of a payload elsewhere for what begins it in that frame, and how many bytes of it that is.
	// The index must not be changed.
	Unglue(payload []byte) (index []byte, n int, err error)
	// GlueIndex is what payloads that come out begin with in that frame. It must not be changed.
	GlueIndex() []byte
}

// Reader makes trees of payloads that came out. It is used by one goroutine.
type Reader interface {
	Parse(payload []byte) (tree.Doc, error)
}

// Refuse is a refusal with a code of package source.
func Refuse(code, format string, args ...any) *transform.Refused {
	return &transform.Refused{Code: code, Err: fmt.Errorf(format, args...)}
}
