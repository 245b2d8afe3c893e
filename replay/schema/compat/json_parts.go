package compat

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// parts are all places at which a schema stands in the document.
func (s *jsonSchema) parts() []part {
	return jsonParts(jsonNode{doc: s.doc, v: s.doc.root}, false)
}

// Keywords that hold schemas: one, a list, or by name.
var (
	holdOne = []string{"items", "additionalProperties", "additionalItems", "contains", "not", "if", "then", "else", "propertyNames",
		"unevaluatedItems", "unevaluatedProperties"}
	holdList  = []string{"anyOf", "oneOf", "allOf", "items", "prefixItems"}
	holdNamed = []string{"properties", "patternProperties", "definitions", "$defs", "dependentSchemas"}
	// spoken are for people and tools.
	spoken = []string{"title", "description", "$comment", "examples", "$schema", "$id", "id"}
)

func jsonParts(n jsonNode, required bool) []part {
	own := map[string]any{}
	var out []part
	needs := n.strings("required")
	for k, v := range n.object() {
		if slices.Contains(spoken, k) || k == "required" {
			continue
		}
		_, list := v.([]any)
		_, named := v.(map[string]any)
		switch {
		case slices.Contains(holdOne, k) && named:
			one, _ := n.sub(k)
			out = append(out, jsonParts(one, false)...)
		case slices.Contains(holdList, k) && list:
			for _, inner := range n.subs(k) {
				out = append(out, jsonParts(inner, false)...)
			}
		case slices.Contains(holdNamed, k) && named:
			for _, name := range n.names(k) {
				inner, _ := n.named(k, name)
				need := k == "properties" && slices.Contains(needs, name)
				if need {
					needs = slices.DeleteFunc(slices.Clone(needs), func(s string) bool { return s == name })
				}
				out = append(out, jsonParts(inner, need)...)
			}
		default:
			own[k] = v
		}
	}
	text := jsonText(own)
	if v, ok := n.v.(bool); ok {
		text = fmt.Sprint(v)
	}
	if len(needs) > 0 { // properties that it needs and does not describe
		slices.Sort(needs)
		text += ", required " + strings.Join(needs, ", ")
	}
	if required {
		text += ", required"
	}
	return append(out, part{"#" + n.at, text})
}

func jsonText(own map[string]any) string {
	if t, ok := own["type"].(string); ok && len(own) == 1 {
		return t
	}
	b, err := json.Marshal(own)
	if err != nil {
		return fmt.Sprint(own)
	}
	return brief(string(b))
}
