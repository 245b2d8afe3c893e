package spec

import (
	"errors"
	"strings"
	"testing"
)

// Each kind of mistake that a plan, a dataset or a flow must not be made of is refused with its code, at the place where it is written: « stands in front of it.
func TestMistakesAreRefusedWhereTheyStand(t *testing.T) {
	const (
		flow     = "apiVersion: backstitch.dev/v1\nkind: Flow\nmetadata: {name: f}\nspec:\n  steps:\n"
		recovery = "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: r}\nspec:\n  source: {dir: {path: /archive, topic: orders}}\n  target: {dir: {path: /copy, topic: orders}}\n"
		dataset  = "apiVersion: backstitch.dev/v1\nkind: Dataset\nmetadata: {name: d}\nspec:\n  reference: {dir: {path: /archive, topic: orders}}\n  targets: [{dir: {path: /copy, topic: orders}}]\n"
	)
	for _, row := range []struct{ name, code, text string }{
		{"cycle of two", CodeCycle, flow + "    - {name: a, needs: [b], manual: {prompt: x}}\n    - {name: b, needs: [«a], manual: {prompt: x}}\n"},
		{"cycle of one", CodeCycle, flow + "    - {name: a, needs: [«a], manual: {prompt: x}}\n"},
		{"unknown step in needs", CodeNoStep, flow + "    - {name: a, needs: [«bb], manual: {prompt: x}}\n    - {name: b, manual: {prompt: x}}\n"},
		{"unknown step in a gate", CodeNoStep, flow + "    - {name: a, gate: {verified: «bb}, manual: {prompt: x}}\n"},
		{"unknown step in verify", CodeNoStep, flow + "    - {name: a, verify: {step: «bb}}\n"},
		{"unknown step in undo", CodeNoStep, flow + "    - {name: a, manual: {prompt: x}, undo: {step: «bb}}\n"},
		{"timeout without unit", CodeUnit, flow + "    - {name: a, manual: {prompt: x}, timeout: «90}\n"},
		{"timeout that is negative", CodeUnit, flow + "    - {name: a, manual: {prompt: x}, timeout: «-5m}\n"},
		{"attempts that are negative", CodeValue, flow + "    - {name: a, manual: {prompt: x}, retry: {attempts: «-1}}\n"},
		{"pause without unit", CodeUnit, flow + "    - {name: a, manual: {prompt: x}, retry: {initial: «5}}\n"},
		{"lag that is negative", CodeValue, flow + "    - {name: a, waitForConsumers: {kafka: main, topic: t, groups: [g], maxLag: «-1}}\n"},

		{"limit of bytes without unit", CodeUnit, dataset + "  policy: run\n  limits: {maxRecords: 5, maxBytes: «500}\n"},
		{"limit of bytes that is negative", CodeUnit, dataset + "  policy: run\n  limits: {maxRecords: 5, maxBytes: «-1GiB}\n"},
		{"limit of no bytes", CodeUnit, dataset + "  policy: run\n  limits: {maxRecords: 5, maxBytes: «0B}\n"},
		{"limit of records that is negative", CodeValue, dataset + "  policy: run\n  limits: {maxRecords: «-5, maxBytes: 1GiB}\n"},
		{"limit of no records", CodeValue, dataset + "  policy: run\n  limits: {maxRecords: «0, maxBytes: 1GiB}\n"},
		{"limit of bytes left out", CodeRequired, dataset + "  policy: run\n  «limits: {maxRecords: 5}\n"},
		{"run without limits", CodeTogether, dataset + "  policy: «run\n"},
		{"limits of what runs nothing", CodeTogether, dataset + "  policy: planAndWait\n  «limits: {maxRecords: 5, maxBytes: 1GiB}\n"},
		{"policy that there is not", CodeValue, dataset + "  policy: «always\n"},
		{"deadline of a dataset in the past", CodeUnit, dataset + "  policy: planAndWait\n  sla: {recoverWithin: «-1h}\n"},
		{"deadline of a dataset at once", CodeDeadline, dataset + "  policy: planAndWait\n  sla: {recoverWithin: «0s}\n"},
		{"share above all", CodeDeadline, dataset + "  policy: planAndWait\n  sla: {recoverWithin: 1h, completeness: «\"101%\"}\n"},
		{"alert after no time", CodeDeadline, dataset + "  policy: planAndWait\n  sla: {recoverWithin: 1h, alertAt: «\"0%\"}\n"},
		{"peak hours that overlap with other limits", CodeCalendar, dataset + "  policy: planAndWait\n  hours:\n    peakHours:\n      - {cron: \"0 7 * * *\", duration: 4h, throttle: {bytesPerSecond: 1MiB/s}}\n      - {cron: \"0 9 * * *\", duration: 4h, «throttle: {bytesPerSecond: 2MiB/s}}\n"},
		{"blackouts that leave no time", CodeCalendar, dataset + "  policy: planAndWait\n  hours:\n    blackout: [{cron: \"0 * * * *\", duration: «1h}]\n"},
		{"zone that there is not", CodeCalendar, dataset + "  policy: planAndWait\n  hours: {timezone: «Europe/Berlinn, blackout: [{cron: \"0 7 * * *\", duration: 1h}]}\n"},
		{"window of a cron line that is none", CodeCalendar, dataset + "  policy: planAndWait\n  hours: {blackout: [{cron: «\"0 25 * * *\", duration: 1h}]}\n"},
		{"scans of a cron line that is none", CodeValue, dataset + "  schedule: {cron: «\"61 * * * *\"}\n"},
		{"schedule of a flow by a cron line that is none", CodeValue, flow + "    - {name: a, manual: {prompt: x}}\n  schedule: {cron: «\"61 * * * *\"}\n"},
		{"schedule of a flow in a zone that there is not", CodeCalendar, flow + "    - {name: a, manual: {prompt: x}}\n  schedule: {cron: \"0 3 * * *\", timezone: «Europe/Berlinn}\n"},
		{"schedule of a flow in two ways", CodeTogether, flow + "    - {name: a, manual: {prompt: x}}\n  «schedule: {cron: \"0 3 * * *\", every: 1h}\n"},
		{"schedule of a flow too often", CodeValue, flow + "    - {name: a, manual: {prompt: x}}\n  schedule: {every: «30s}\n"},
		{"zone without a cron line", CodeTogether, flow + "    - {name: a, manual: {prompt: x}}\n  schedule: {every: 1h, timezone: «Europe/Berlin}\n"},
		{"schedule of plans without limits", CodeTogether, flow + "    - {name: a, uses: {file: a.yaml}}\n  «schedule: {every: 1h}\n"},
		{"limits of a flow without a schedule", CodeTogether, flow + "    - {name: a, uses: {file: a.yaml}}\n  «limits: {maxRecords: 5, maxBytes: 1GiB}\n"},
		{"limits of a flow that plans nothing", CodeTogether, flow + "    - {name: a, manual: {prompt: x}}\n  schedule: {every: 1h}\n  «limits: {maxRecords: 5, maxBytes: 1GiB}\n"},
		{"limits of a flow without unit", CodeUnit, flow + "    - {name: a, uses: {file: a.yaml}}\n  schedule: {every: 1h}\n  limits: {maxRecords: 5, maxBytes: «500}\n"},
		{"notice that a flow never has", CodeValue, flow + "    - {name: a, manual: {prompt: x}}\n  notify: [{name: bus, format: cloudevents, url: \"https://bus\", on: [«found]}]\n"},
		{"notice that a format has no word for", CodeTogether, flow + "    - {name: a, manual: {prompt: x}}\n  notify: [{name: am, format: alertmanager, url: \"https://am\", «on: [started]}]\n"},
		{"two endpoints of a flow with one name", CodeTwice, flow + "    - {name: a, manual: {prompt: x}}\n  notify: [{name: am, format: cloudevents, url: \"https://a\"}, {name: «am, format: cloudevents, url: \"https://b\"}]\n"},
		{"token of a flow over plain http", CodeTogether, flow + "    - {name: a, manual: {prompt: x}}\n  notify: [{name: am, format: cloudevents, url: \"http://a\", token: «\"env:BACKSTITCH_NOTIFY_A\"}]\n"},

		{"deadline in the past", CodeUnit, recovery + "  sla: {recoverWithin: «-1h}\n"},
		{"deadline after more than a year", CodeDeadline, recovery + "  sla: {recoverWithin: «9000h}\n"},
		{"blackouts of a recovery that leave no time", CodeCalendar, recovery + "  schedule:\n    blackout: [{cron: \"0 * * * *\", duration: «1h}]\n"},
		{"limit of a rate without unit", CodeUnit, recovery + "  schedule:\n    peakHours: [{cron: \"0 7 * * *\", duration: 1h, throttle: {bytesPerSecond: «5}}]\n"},
		{"expression of a name that there is not", CodeExpression, recovery + "  transform:\n    version: r1\n    steps:\n      - set: {field: total, expr: value.a + «vlaue.b}\n"},
		{"expression that ends too early", CodeExpression, recovery + "  transform:\n    version: r1\n    steps:\n      - set: {field: total, expr: value.a *« }\n"},
		{"limit of a rate that is negative", CodeUnit, recovery + "  schedule:\n    peakHours: [{cron: \"0 7 * * *\", duration: 1h, throttle: {bytesPerSecond: «-5MiB/s}}]\n"},
	} {
		t.Run(strings.ReplaceAll(row.name, " ", "-"), func(t *testing.T) {
			before, after, _ := strings.Cut(row.text, "«")
			line := strings.Count(before, "\n") + 1
			column := len(before) - strings.LastIndex(before, "\n")
			var wrong *Error
			if err := parseAny("s.yaml", before+after); !errors.As(err, &wrong) {
				t.Fatalf("got %v, want it refused", err)
			}
			for _, p := range wrong.Problems {
				if p.Code != row.code || p.Line != line || p.Column != column {
					continue
				}
				// The caret stands under the place, in the line below that of the file.
				shown := strings.Split(p.Excerpt, "\n")
				written := strings.Split(before+after, "\n")[line-1]
				if len(shown) < 2 || !strings.HasSuffix(shown[0], written) || len(shown[0])-len(written)+column-1 != strings.Index(shown[1], "^") {
					t.Errorf("excerpt:\n%s", p.Excerpt)
				}
				return
			}
			t.Errorf("want %s at %d:%d, got:\n%v", row.code, line, column, wrong)
		})
	}
}

// TestLoginsAreNotRepeated: what stands under a misspelled key or in an address may be a password, and a spec goes into plans and the book.
func TestLoginsAreNotRepeated(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, text := range []string{
		"  source: {s3: {bucket: bkt, prefix: p, endpoint: \"https://ana:SECRET@host\"}}\n  target: {kafka: {connection: k, topic: t}}\n",
		"  source: {s3: {bucket: bkt, prefix: p, endpoint: \"https://host/?key=SECRET\"}}\n  target: {kafka: {connection: k, topic: t}}\n",
		"  source: {s3: {bucket: bkt, prefix: p, endpoint: \"ftp://ana:SECRET@host\"}}\n  target: {kafka: {connection: k, topic: t}}\n",
		"  source: {s3: {bucket: \"AKIA:SECRET@b\", prefix: p}}\n  target: {kafka: {connection: k, topic: t}}\n",
		"  source: {s3: {bucket: bkt, prefix: p}}\n  target: {kafka: {brokers: \"ana:SECRET@k:9092\", topic: t}}\n",
		"  source: {s3: {bucket: bkt, prefix: p}}\n  target:\n    kafka:\n      connection: k\n      topic: t\n      pasword: SECRET\n",
		"  source: {s3: {bucket: bkt, prefix: p, secret: SECRET, key: SECRET}}\n  target: {kafka: {connection: k, topic: t}}\n",
		"  source: {s3: {bucket: bkt, prefix: p, pasword: \"SECRET, SECRET\", tokens: [SECRET, SECRET], layout: none-such}}\n  target: {kafka: {connection: k, topic: t}}\n",
	} {
		_, err := Parse("s.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: a}\nspec:\n"+strings.ReplaceAll(text, "SECRET", secret)), Options{})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s\ngot %v, want it refused without the secret", text, err)
		}
	}
	_, err := Parse("s.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata:\n  nmae: a\n"), Options{})
	if want := "\n     4 |   nmae: .\n       |   ^\n"; err == nil || !strings.Contains(err.Error()+"\n", want) {
		t.Errorf("the place is not shown as %q: %v", want, err)
	}
}

// What a field asks for that turns out to be impossible is said where it stands, as a mistake is; where it is left out, at what it belongs to.
func TestMistakesThatShowLater(t *testing.T) {
	for _, row := range []struct{ path, text string }{
		{"spec.sla.recoverWithin", "kind: Recovery\nspec:\n  sla:\n    recoverWithin: «1h\n"},
		{"spec.sla.recoverWithin", "kind: Recovery\nspec:\n  sla: {completeness: \"99%\", recoverWithin: «\"1h\"}\n"},
		{"spec.sla.completeness", "kind: Recovery\nspec:\n  «sla: {recoverWithin: 1h}\n"},
	} {
		before, after, _ := strings.Cut(row.text, "«")
		got := Refuse("s.yaml", []byte(before+after), Problem{Code: "BST-E1214", Path: row.path, Message: "it takes longer", Hint: "more time"})
		line, column := strings.Count(before, "\n")+1, len(before)-strings.LastIndex(before, "\n")
		p := got.Problems[0]
		if got.ErrorCode() != "BST-E1214" || p.Line != line || p.Column != column {
			t.Errorf("%s: got %d:%d %s, want %d:%d", row.path, p.Line, p.Column, got.ErrorCode(), line, column)
		}
		shown, written := strings.Split(p.Excerpt, "\n"), strings.Split(before+after, "\n")[line-1]
		if len(shown) < 2 || !strings.HasSuffix(shown[0], written) || len(shown[0])-len(written)+column-1 != strings.Index(shown[1], "^") {
			t.Errorf("excerpt:\n%s", p.Excerpt)
		}
	}
}
