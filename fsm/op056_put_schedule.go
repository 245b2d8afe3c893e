package fsm

import (
	"fmt"
	"strings"
	"time"
)

// PutSchedule makes or replaces a schedule, or removes it when it has no order. Scans that it has started stay.
//
// Since: 3. Proposed by: the API. Refused: UnknownSchedule (there is none to remove), Invalid (among others: not exactly one of EveryNanos
// and Cron, a next due time that has passed, too many schedules). The same content again is OK and changes nothing, the next due time
// included.
type PutSchedule struct {
	Name       string
	Order      *ScanOrder // nil removes the schedule
	EveryNanos int64
	Cron       string // five fields, in UTC; the book does not read it
	// NextUnixNanos is when the first scan is due.
	NextUnixNanos int64
}

// MinEvery is the shortest time between two scans of a schedule.
const MinEvery = time.Minute

const maxCronBytes = 128

// Op returns 56.
func (PutSchedule) Op() uint16 { return 56 }

func (c PutSchedule) subject() string { return "schedule " + c.Name }

func (c PutSchedule) apply(t *tx) Result {
	if why := c.invalid(t.env.UnixNanos); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	var s Schedule
	known := t.read(scheduleKey(c.Name), &s)
	switch {
	case c.Order == nil && !known:
		return t.refuse(UnknownSchedule, c.Name)
	case c.Order == nil:
		t.remove(scheduleKey(c.Name))
		return t.ok()
	case !known && len(t.keys(key(kindSchedule))) >= MaxSchedules:
		return t.refuse(Invalid, fmt.Sprintf("%s: there are %d schedules already", c.subject(), MaxSchedules))
	case known && s.EveryNanos == c.EveryNanos && s.Cron == c.Cron && t.hash(&s.Order) == t.hash(c.Order):
		return t.ok()
	}
	if !known {
		s.Last = t.newestScan(scanGroup(c.Name, "")) // one of that name may have been removed while its scan ran
	}
	s.Name, s.Order, s.EveryNanos, s.Cron, s.NextUnixNanos = c.Name, *c.Order, c.EveryNanos, c.Cron, c.NextUnixNanos
	s.PutBy, s.PutUnixNanos, s.ModifyIndex = t.env.Actor, t.env.UnixNanos, t.index
	t.write(scheduleKey(c.Name), &s)
	return t.ok()
}

func (c PutSchedule) invalid(now int64) string {
	switch {
	case c.Name == "" || len(c.Name) > maxIDBytes || strings.ContainsRune(c.Name, 0):
		return fmt.Sprintf("a name of %d bytes, want 1 to %d without a zero byte", len(c.Name), maxIDBytes)
	case c.Order == nil && (c.EveryNanos != 0 || c.Cron != "" || c.NextUnixNanos != 0):
		return "it is to be removed and says when it is due"
	case c.Order == nil:
		return ""
	case (c.EveryNanos == 0) == (c.Cron == ""):
		return "want either a time between scans or a cron line"
	case c.Cron == "" && c.EveryNanos < int64(MinEvery):
		return fmt.Sprintf("%s between scans, want at least %s", time.Duration(c.EveryNanos), MinEvery)
	case len(c.Cron) > maxCronBytes:
		return fmt.Sprintf("a cron line of %d bytes, at most %d are allowed", len(c.Cron), maxCronBytes)
	case c.NextUnixNanos <= now:
		return fmt.Sprintf("the first scan would be due at %d, and it is %d already", c.NextUnixNanos, now)
	}
	return c.Order.invalid()
}
