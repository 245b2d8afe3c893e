package spec

import (
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"
)

// The schemas are made here, from the types, and lie beside them as files: the program holds the files alone, and nothing of what makes them.

// generate makes the schema of one of the kinds from the types. comments is the directory of their source, for the descriptions.
func generate(comments, name string) ([]byte, error) {
	r := &jsonschema.Reflector{Anonymous: true, ExpandedStruct: true}
	if err := r.AddGoComments("backstitch/replay/spec", comments); err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	var s *jsonschema.Schema
	defaults := map[string]map[string]any{}
	switch name {
	case DatasetSchemaName:
		s = r.Reflect(&Dataset{})
		s.Title = "backstitch dataset"
	case FlowSchemaName:
		s = r.Reflect(&Flow{})
		s.Title = "backstitch flow"
		defaults["FlowRetry"] = map[string]any{"initial": string(DefaultFlowInitial), "max": string(DefaultFlowMax), "retryOn": defaultRetryOn}
	default:
		s = r.Reflect(&Recovery{})
		s.Title = "backstitch recovery"
		// The reflector drops the tags of fields whose type describes itself.
		defaults["Write"] = map[string]any{"commitInterval": string(DefaultCommitInterval)}
		defaults["Slices"] = map[string]any{"bytes": string(DefaultSliceBytes)}
		defaults["Throttle"] = map[string]any{"floor": string(DefaultFloor)}
		defaults["Spare"] = map[string]any{"maxLagIncrease": string(DefaultMaxLagIncrease)}
		defaults["Wasm"] = map[string]any{"memory": string(DefaultWasmMemory), "time": string(DefaultWasmTime)}
	}
	for _, choice := range []string{"Source", "Target", "Step"} {
		one := uint64(1)
		if def, ok := s.Definitions[choice]; ok {
			def.MinProperties, def.MaxProperties = &one, &one
		}
	}
	for def, fields := range defaults {
		for name, value := range fields {
			field, ok := s.Definitions[def].Properties.Get(name)
			if !ok {
				return nil, fmt.Errorf("type %s has no field %s", def, name)
			}
			field.Default = value
		}
	}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

// What describes itself, because its text form is narrower than its type.

// JSONSchema describes the text form.
func (KeyPart) JSONSchema() *jsonschema.Schema { return text(keyPartPattern) }

// JSONSchema describes the text form.
func (UUID) JSONSchema() *jsonschema.Schema { return text(uuidPattern) }

// JSONSchema describes the text form.
func (EventTime) JSONSchema() *jsonschema.Schema { return text(eventTimePattern) }

// JSONSchema describes the text form.
func (ByteRate) JSONSchema() *jsonschema.Schema { return text(byteRatePattern) }

// JSONSchema describes the text form.
func (Records) JSONSchema() *jsonschema.Schema { return text(recordsPattern) }

// JSONSchema describes the text form.
func (Throughput) JSONSchema() *jsonschema.Schema { return text(throughPattern) }

// JSONSchema takes everything.
func (Value) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Description: "Any value of JSON."}
}

// JSONSchema describes the text form.
func (Path) JSONSchema() *jsonschema.Schema { return text(pathPattern) }

// JSONSchema describes the text form.
func (Duration) JSONSchema() *jsonschema.Schema { return text(durationPattern) }

// JSONSchema describes the text form.
func (Bytes) JSONSchema() *jsonschema.Schema { return text(bytesPattern) }

// JSONSchema describes the text form.
func (PerSecond) JSONSchema() *jsonschema.Schema { return text(perSecondPattern) }

// JSONSchema describes the text form.
func (Time) JSONSchema() *jsonschema.Schema { return text(timePattern) }

// JSONSchema describes the text form.
func (Partitions) JSONSchema() *jsonschema.Schema { return text(partitionsPattern) }

// JSONSchema takes any number.
func (Number) JSONSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "number"} }

// JSONSchema describes the text form.
func (Percent) JSONSchema() *jsonschema.Schema { return text(percentPattern) }

// JSONSchema describes the text form.
func (Share) JSONSchema() *jsonschema.Schema { return text(sharePattern) }

func text(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern}
}
