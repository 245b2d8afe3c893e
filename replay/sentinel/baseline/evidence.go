package baseline

import (
	"fmt"
	"math"
	"time"

	"backstitch/replay/gap"
)

// State is what an hour comes to. It is the word that output uses.
type State string

// The states of a series.
const (
	Learning State = "learning" // too little was seen
	Usual    State = "usual"
	Low      State = "low"  // fewer than expected, for long enough
	High     State = "high" // more than expected, for long enough
)

const (
	// enough is the evidence that makes an alarm, in deviations that added up, and most is what one hour can add: two hours at least make one.
	enough, most = 7, 5
	// enoughDays is the same of whole days, each against how far whole days are off.
	enoughDays, mostOfDay, slackOfDay = 3, 3, 1
	// enoughSilence is a factor of e^14 for a tenth of the records, or none, against as many as ever.
	enoughSilence = 14
	// calm is how many hours in a row end an alarm.
	calm = 3
)

// cusum adds up evidence of one kind, and forgets it when there is none.
type cusum struct {
	sum     float32
	since   int64 // the hour in which it began to add up
	alarmed bool
	calm    uint8 // steps in a row without evidence
}

// add takes a step, positive for evidence, in the hour or with the hours from since on. After as many steps without evidence as calm an alarm ends.
func (c *cusum) add(since int64, step, enough float64, calm uint8) {
	if c.sum == 0 {
		c.since = since
	}
	c.sum = float32(min(max(float64(c.sum)+step, 0), 2*enough))
	if !c.alarmed {
		c.alarmed = float64(c.sum) >= enough
		return
	}
	if step >= 0 {
		c.calm = 0
		return
	}
	if c.calm++; c.calm >= calm {
		*c = cusum{}
	}
}

// silence is how much likelier a count is where a tenth is left of mean, as a logarithm. Records that come in bursts say less than as
// many that come one by one: uneven is the square of their relative spread.
func silence(count, mean, uneven float64) float64 {
	return (mean*(1-quiet) + count*math.Log(quiet)) / (1 + uneven*mean)
}

// Judgement is what is said of one hour.
type Judgement struct {
	Hour     int64   `json:"hour"` // since 1970, UTC
	Count    float64 `json:"count"`
	Of       float64 `json:"of,omitempty"`
	State    State   `json:"state"`
	Expected float64 `json:"expected"`
	// From and To are where nineteen of twenty such hours are.
	From float64 `json:"from"`
	To   float64 `json:"to"`
	// Weeks is how many were seen.
	Weeks int64 `json:"weeks"`
	// SinceHour is when an alarm began to show.
	SinceHour int64 `json:"sinceHour,omitempty"`
	// Relearned says that the alarm has lasted for so long that its level counts as usual from the next hour on.
	Relearned bool `json:"relearned,omitempty"`
}

// Text explains it: "expected 41,000 to 52,000 records for Fridays 03:00 to 04:00 UTC (6 weeks), saw 30,120".
func (j Judgement) Text(noun string) string { return j.TextIn(noun, time.UTC) }

// TextIn is Text with the hour as it is called in a zone.
func (j Judgement) TextIn(noun string, zone *time.Location) string {
	return fmt.Sprintf("expected %s to %s %s for %s (%s), saw %s",
		round(j.From), round(j.To), noun, j.Season(zone), gap.Plural(j.Weeks, "week"), gap.Count(int64(j.Count)))
}

// Season says which hours this one is one of: "Fridays 03:00 to 04:00 UTC".
func (j Judgement) Season(zone *time.Location) string {
	at := time.Unix(j.Hour*3600, 0).In(zone)
	return fmt.Sprintf("%ss %s to %s %s", at.Weekday(), at.Format("15:04"), at.Add(time.Hour).Format("15:04"), zone)
}

// round leaves three digits: nobody knows more of what is to come.
func round(v float64) string {
	n := int64(math.Round(v))
	step := int64(1)
	for n/step >= 1000 {
		step *= 10
	}
	return gap.Count((n + step/2) / step * step)
}
