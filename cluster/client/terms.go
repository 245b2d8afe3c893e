package client

import "time"

// Terms are when a job may work, and until when it has to be done.
type Terms struct {
	Timezone  string   `json:"timezone,omitempty" maxLength:"64" doc:"IANA name; left out, UTC"`
	PeakHours []Window `json:"peakHours,omitempty" maxItems:"32" doc:"in which the job keeps below a rate"`
	Blackout  []Window `json:"blackout,omitempty" maxItems:"32" doc:"in which nothing of the job runs"`
	SLA       *SLA     `json:"sla,omitempty"`
}

// Window is a time that comes again.
type Window struct {
	Cron       string `json:"cron" maxLength:"128" doc:"when it begins: minute, hour, day of month, month, day of week"`
	DurationMs int64  `json:"durationMs" minimum:"60000" maximum:"31622400000"`
	Rate       *Rate  `json:"rate,omitempty" doc:"of peak hours"`
}

// SLA is how much of a job has to be done when.
type SLA struct {
	RecoverWithinMs int64  `json:"recoverWithinMs" minimum:"1000" maximum:"31622400000" doc:"from the detection of the loss"`
	AlertPercent    uint8  `json:"alertPercent" minimum:"1" maximum:"100" doc:"of that time, after which people hear of it"`
	CompletePPM     uint32 `json:"completePPM" minimum:"1" maximum:"1000000" doc:"millionths of the planned records that have to be in the target"`
}

// Hours are what a job's calendar says of now.
type Hours struct {
	Timezone string     `json:"timezone"`
	Blackout *time.Time `json:"blackout,omitempty" doc:"when the blackout ends that is on"`
	// Maintenance and NextMaintenance are windows of the cluster, of the namespace or of the target: the blackout that is on and the next one are theirs.
	Maintenance     string     `json:"maintenance,omitempty" doc:"name of the window of maintenance that is on; the blackout is that"`
	NextMaintenance string     `json:"nextMaintenance,omitempty" doc:"name of the window of maintenance that begins next"`
	Peak            *time.Time `json:"peak,omitempty" doc:"when the peak hours end that are on"`
	Rate            *Rate      `json:"rate,omitempty" doc:"that the peak hours allow"`
	Next            *time.Time `json:"next,omitempty" doc:"when the next window begins"`
	NextKind        string     `json:"nextKind,omitempty" enum:"blackout,peakHours"`
	Problem         string     `json:"problem,omitempty" doc:"why the calendar can not be read by this node; then nothing of the job runs while such a node leads"`
}

// Deadline is how a job stands with its SLA. Its state is one of on-track, unknown (too little was measured), at-risk, missed, met.
type Deadline struct {
	DetectedAt time.Time `json:"detectedAt"`
	At         time.Time `json:"at"`
	AlertAt    time.Time `json:"alertAt" doc:"from then on it counts as at risk"`
	State      string    `json:"state" enum:"on-track,unknown,at-risk,missed,met"`
	Why        string    `json:"why,omitempty"`
	// Earliest and Latest are when the job should be done at the rates of its last minutes, the blackouts that lie before counted in; nil where too
	// little was measured.
	Earliest    *time.Time `json:"earliest,omitempty"`
	Latest      *time.Time `json:"latest,omitempty"`
	CompletePPM uint32     `json:"completePPM" doc:"millionths of the planned records that have to be in the target"`
	// RiskTold and MissedTold are when people were told, nil if they were not: once of each, whatever the state is later.
	RiskTold   *time.Time `json:"riskTold,omitempty" doc:"when it was told that the job is at risk"`
	MissedTold *time.Time `json:"missedTold,omitempty" doc:"when it was told that the deadline was missed"`
}
