package compat

// Kind is what kind of problem it is. Kinds are stable; docs/schemas.md explains each.
type Kind string

const (
	KindUndecided  Kind = "undecided"   // not understood here
	KindSchemaType Kind = "schema-type" // Avro here, Protobuf there

	// Avro.
	KindType    Kind = "type"    // another type, and no promotion
	KindName    Kind = "name"    // another name, and no alias
	KindDefault Kind = "default" // a field that the writer has not, without default
	KindBranch  Kind = "branch"  // no branch of a union takes it
	KindSymbol  Kind = "symbol"  // symbols of an enum that the reader has not, without default
	KindSize    Kind = "size"    // another size of a fixed
	KindDecimal Kind = "decimal" // another precision or scale
	KindAlias   Kind = "alias"   // two fields of the writer are one of the reader

	// JSON Schema; also KindType.
	KindPropertyAdded   Kind = "property-added"   // a property that the writer's open content model lets be anything
	KindPropertyRemoved Kind = "property-removed" // a property that the reader's closed content model refuses
	KindContentModel    Kind = "content-model"    // the reader takes fewer properties or items than the writer
	KindRequired        Kind = "required"         // the reader needs what the writer may leave out
	KindRange           Kind = "range"            // minimum, maximum, multipleOf, lengths, counts
	KindPattern         Kind = "pattern"          // a pattern that is new or another one
	KindEnum            Kind = "enum"             // values that the reader does not list
	KindUnique          Kind = "unique"           // items have to be unique now
	KindCombined        Kind = "combined"         // no branch of anyOf or oneOf takes it, or not does not

	// Protobuf; also KindRequired.
	KindFieldType     Kind = "field-type"     // a type of another group on the wire
	KindNamedType     Kind = "named-type"     // another message or enum
	KindLabel         Kind = "label"          // repeated here, single there
	KindOneofMove     Kind = "oneof-move"     // fields that exclude each other now
	KindOneofRemoved  Kind = "oneof-removed"  // a member of a oneof is gone
	KindMessage       Kind = "message"        // a message that the reader has not
	KindEnumValue     Kind = "enum-value"     // a value that the reader's closed enum has not
	KindReservedReuse Kind = "reserved-reuse" // the younger schema uses a number that the older one reserved
)
