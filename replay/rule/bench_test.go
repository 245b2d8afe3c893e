package rule_test

import (
	"testing"

	"backstitch/replay/record"
)

// BenchmarkJudge is what one kind of rule costs per record of about 100 bytes. Reading the value is in each, and so is a parser that
// Over uses again for the next record.
func BenchmarkJudge(b *testing.B) {
	rec := &record.Record{Value: []byte(`{"order":60,"customer":49309,"cents":56217,"currency":"EUR","note":"15008779d57514ed","paid":true}`)}
	for name, text := range map[string]string{
		"required": `"required":["order","customer"]`,
		"range":    `"range":{"field":"cents","min":0,"max":100000}`,
		"type":     `"type":{"field":"currency","is":"string"}`,
		"expr":     `"expr":"value.cents >= 0 && value.currency == \"EUR\""`,
		"schema":   `"schema":{"inline":{"type":"object","required":["order"],"properties":{"cents":{"type":"integer","minimum":0}}}}`,
	} {
		set := rules(b, `[{"name":"r",`+text+`}]`)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := set.Try(0, rec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
