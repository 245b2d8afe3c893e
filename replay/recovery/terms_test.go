package recovery

import (
	"errors"
	"strings"
	"testing"
	"time"

	"backstitch/partition/calendar"
	"backstitch/replay/spec"
)

// timed is a plan of bytes to write, within the given hours and deadline, that takes from low to high seconds.
func timed(t *testing.T, body string, bytes, low, high int64) (*builder, *Plan) {
	t.Helper()
	r, err := spec.Parse("job.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: job}\nspec:\n"+
		"  source: {dir: {path: /archive, topic: orders}}\n  target: {dir: {path: /copy, topic: orders}}\n"+body), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r = r.WithDefaults()
	recipe, _, err := NewRecipe(r)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC) // 07:00 in Berlin
	p := &Plan{Spec: r, Recipe: recipe, Totals: Totals{Records: 1000, Bytes: bytes, Fill: 1, LowSeconds: low, HighSeconds: high}}
	return &builder{spec: r, opt: Options{Now: func() time.Time { return now }}}, p
}

const berlin = `  schedule:
    timezone: Europe/Berlin
    peakHours:
      - {cron: "0 7 * * MON-FRI", duration: 1h, throttle: {bytesPerSecond: 1KiB}}
    blackout:
      - {cron: "30 8 * * *", duration: 2h}
`

// When a job ends goes by its hours: slow ones, dark ones, and those between.
func TestEndsGoesByTheHours(t *testing.T) {
	for _, row := range []struct {
		bytes, seconds int64
		want           string
	}{
		{1 << 10, 10, "07:00:10"},      // the limit allows more than the job does
		{60 << 10, 10, "07:01:00"},     // a minute's worth of the limit
		{7200 << 10, 10, "08:00:05"},   // half in the hour of the limit, and the rest at its own pace
		{7200 << 10, 3600, "08:30:00"}, // half an hour is left at 8, and it is over as the blackout begins
		{7200 << 10, 3604, "10:30:02"}, // a little less than that does not fit before the blackout
	} {
		_, p := timed(t, berlin, row.bytes, row.seconds, row.seconds)
		c, err := calendar.New(p.Recipe.Terms.Calendar())
		if err != nil {
			t.Fatal(err)
		}
		got := p.ends(c, time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC), row.seconds).In(c.Zone()).Round(time.Second).Format("15:04:05")
		if got != row.want {
			t.Errorf("%d bytes in %d s: ends at %s, want %s", row.bytes, row.seconds, got, row.want)
		}
	}
}

// What is read back for the proof counts in peak hours as what is written, in bytes and in records.
func TestPeakHoursCountWhatIsReadBack(t *testing.T) {
	for _, row := range []struct {
		limit string
		want  time.Duration
	}{
		{"bytesPerSecond: 1KiB/s", 2400 * time.Second}, // 600 s for what is written, and 1800 for what is read
		{"bytesPerSecond: 1KiB", 2400 * time.Second},
		{"recordsPerSecond: 10/s", 500 * time.Second}, // 1,000 records and 4,000
	} {
		_, p := timed(t, "  schedule: {peakHours: [{cron: \"0 6 * * *\", duration: 3h, throttle: {"+row.limit+"}}]}\n", 600<<10, 10, 10)
		p.Slices = []Slice{{Kind: "fill", Bytes: 600 << 10, Records: 1000}, {Kind: "verify", Bytes: 1800 << 10, Records: 4000}}
		c, err := calendar.New(p.Recipe.Terms.Calendar())
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC)
		if got := p.ends(c, now, 10).Sub(now).Round(time.Second); got != row.want {
			t.Errorf("%s: it takes %s, want %s", row.limit, got, row.want)
		}
	}
}

// A plan that can not be done in time is refused, and one that might not be is not. Its own hours count.
func TestImpossibleDeadlines(t *testing.T) {
	for _, row := range []struct {
		body, code string
		low, high  int64
	}{
		{"  sla: {recoverWithin: 1h}\n", "", 3600, 9000},
		{"  sla: {recoverWithin: 1h}\n", CodeDeadline, 3601, 9000},
		{berlin + "  sla: {recoverWithin: 1h}\n", CodeDeadline, 60, 9000}, // 7200 s at the limit of the hour that has begun
		{berlin + "  sla: {recoverWithin: 61m}\n", "", 60, 9000},
		{"", "", 360_000, 900_000},
	} {
		b, p := timed(t, row.body, 7200<<10, row.low, row.high)
		err := b.deadline(p)
		var e *Error
		if code := ""; err == nil && row.code != "" || err != nil && (!errors.As(err, &e) || e.Code != row.code) {
			t.Errorf("%q, %d s: got %v %s, want %q", row.body, row.low, err, code, row.code)
		}
		if e != nil && e.Field != "spec.sla.recoverWithin" {
			t.Errorf("%q: the field that asks for it is %q", row.body, e.Field)
		}
	}
	b, p := timed(t, "  sla: {recoverWithin: 1h, completeness: \"99.9%\"}\n", 1, 1, 1)
	p.Recipe.Aside = []Aside{{}}
	if err := b.deadline(p); err != nil {
		t.Errorf("1 of 1001 refused, 99.9 %% asked for: %v", err)
	}
	p.Recipe.AsideMore = 1
	if err, e := b.deadline(p), (*Error)(nil); !errors.As(err, &e) || e.Code != CodeIncomplete || e.Field != "spec.sla.completeness" {
		t.Errorf("2 of 1002 refused, 99.9 %% asked for: got %v, want %s", err, CodeIncomplete)
	}
}

// A program that does not know hours does not take the job, and what they mean of a run that is started now is printed.
func TestTermsAreOfTheRecipe(t *testing.T) {
	_, bare := timed(t, "", 1, 1, 2)
	if bare.Recipe.Terms != nil || bare.Recipe.Version != RecipeVersion {
		t.Errorf("without hours: version %d, %+v", bare.Recipe.Version, bare.Recipe.Terms)
	}
	_, p := timed(t, berlin+"  sla: {recoverWithin: 90m, completeness: \"99.95%\", alertAt: \"80%\"}\n", 7200<<10, 10, 6000)
	if p.Recipe.Version != TermsVersion {
		t.Errorf("version %d, want %d", p.Recipe.Version, TermsVersion)
	}
	var b strings.Builder
	p.writeTerms(func(name, text string) { b.WriteString(name + ": " + text + "\n") }, time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC), nil)
	const want = `Hours: 1 peak window and 1 blackout, in Europe/Berlin
SLA: 99.95 % within 1h30m of the detection, alert after 80 %
Started now: it meets peak hours, at most 1.0 KiB/s until 2026-11-27 08:00 Europe/Berlin (07:00Z)
Started now: it meets blackout until 2026-11-27 10:30 Europe/Berlin (09:30Z)
Ends: between 2026-11-27 08:00 Europe/Berlin (07:00Z) and 2026-11-27 10:50 Europe/Berlin (09:50Z), started now, with the comparison
At risk: at the slow end of the estimate it takes 3h50m
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// What is worked on is counted in, also of a job that has no hours of its own.
func TestWindowsOfMaintenanceAreCountedIn(t *testing.T) {
	_, p := timed(t, "", 7200<<10, 10, 6000)
	now := time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC)
	windows := []calendar.Closure{{Name: "kafka-upgrade", Zone: "UTC", From: now.Add(time.Hour), Duration: 2 * time.Hour}}
	var b strings.Builder
	p.writeTerms(func(name, text string) { b.WriteString(name + ": " + text + "\n") }, now, windows)
	const want = `Started now: it meets maintenance kafka-upgrade until 2026-11-27 09:00Z
Ends: between 2026-11-27 06:00Z and 2026-11-27 09:40Z, started now, with the comparison
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	if p.writeTerms(func(name, text string) { b.WriteString(name) }, now, nil); b.Len() > 0 {
		t.Errorf("without windows: %q", b.String())
	}
}
