package foreign

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Objects under the directory of another time. A pattern with YYYY where yyyy was meant gives the year of the week, and files
// the last days of December under the next year (or the first of January under the last). The records are there and are
// compared like all others: such an object is misplaced, and nothing of it is lost. An hour that is absent or twice as large
// on the day of a time change is no finding; directories are never counted.

// Misplaced is an object under the wrong directory.
type Misplaced struct {
	Partition int32
	Key       string
	Reason    string
	Records   int64 // -1 when it is damaged
	Base      int64
}

var (
	namedDirs = regexp.MustCompile(`(?:^|/)year=(\d{4})/month=(\d{2})/day=(\d{2})(?:/hour=(\d{2}))?(?:/|$)`)
	bareDirs  = regexp.MustCompile(`(?:^|/)(\d{4})/(\d{2})/(\d{2})(?:/(\d{2}))?(?:/|$)`)
)

// FiledAt is the time that the directories of a key say, zero when they say none.
func FiledAt(dirs string) time.Time {
	m := namedDirs.FindStringSubmatch(dirs)
	if m == nil {
		m = bareDirs.FindStringSubmatch(dirs)
	}
	if m == nil {
		return time.Time{}
	}
	text := m[1] + "-" + m[2] + "-" + m[3]
	hour := 0
	if m[4] != "" {
		hour, _ = strconv.Atoi(m[4])
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || hour > 24 {
		return time.Time{}
	}
	return t.Add(time.Duration(hour) * time.Hour)
}

const day = 24 * time.Hour

// aYear is how far an object must be from its time to be called misplaced. Zones, late records and clocks explain less.
const aYear = 300 * day

// slack is how far an object may be from what is next to it.
const slack = 10 * day

// misplaced compares directories with the times in names, and with the directories of the objects around them. It goes through
// the objects in both directions, because the first of an archive may be the ones that are misplaced.
func misplaced(l *Listing, files []*entry) {
	moved := make([]time.Time, len(files))
	var near time.Time
	look := func(i, before int) {
		e := files[i]
		if before < 0 || before >= len(files) || files[before].name.Partition != e.name.Partition {
			near = time.Time{}
		}
		switch {
		case e.name.Filed.IsZero():
		case !e.name.Dated.IsZero():
			moved[i] = trueDay(e.name.Filed, e.name.Dated)
		case near.IsZero():
			near = e.name.Filed
		default:
			if t := trueDay(e.name.Filed, near); !t.IsZero() {
				moved[i] = t
				return
			}
			near = e.name.Filed
		}
	}
	for i := range files {
		look(i, i-1)
	}
	for i := len(files) - 1; i >= 0; i-- {
		if moved[i].IsZero() {
			look(i, i+1)
		}
	}
	for i, e := range files {
		if moved[i].IsZero() {
			continue
		}
		m := Misplaced{Partition: e.name.Partition, Key: e.in.Key, Records: e.records, Base: e.start(),
			Reason: fmt.Sprintf("filed under %s, and of about %s: the directory has the year of the week", e.name.Filed.Format(time.DateOnly), moved[i].Format(time.DateOnly))}
		if e.damage != nil {
			m.Records = -1
		}
		l.Misplaced = append(l.Misplaced, m)
	}
}

// trueDay is the day that an object is of if it was filed by the year of the week, near a time that others say; zero if that
// does not explain where it lies.
func trueDay(filed, near time.Time) time.Time {
	years := 1
	if filed.After(near) {
		years = -1
	}
	day := filed.AddDate(years, 0, 0)
	if filed.Sub(near).Abs() < aYear || day.Sub(near).Abs() > slack || !slices.Contains(weekYears(day), filed.Year()) {
		return time.Time{}
	}
	return day
}

// weekYears are the years of the week of a day, by ISO 8601 and as in the United States, where they differ from its own.
func weekYears(t time.Time) (out []int) {
	if iso, _ := t.ISOWeek(); iso != t.Year() {
		out = append(out, iso)
	}
	if saturday := t.AddDate(0, 0, int(time.Saturday-t.Weekday())); saturday.Year() != t.Year() {
		out = append(out, saturday.Year())
	}
	return out
}
