package admin

import (
	"cmp"
	"slices"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/fsm/runbook"
	"backstitch/partition"
)

// hourTime is when an hour since 1970 begins.
func hourTime(hour int64) time.Time { return time.Unix(hour*3600, 0).UTC() }

// describeCounted says how far a dataset's topics are counted, and what of them is unusual: what goes on first, each the newest first.
func describeCounted(view *fsm.View, name fsm.DatasetName) (hours []client.DatasetHours, unusual []client.DatasetAnomaly, err error) {
	w, ok, err := view.Watch(name)
	if err != nil || !ok {
		return nil, nil, err
	}
	all, err := view.Baselines(name)
	if err != nil {
		return nil, nil, err
	}
	for _, x := range w.Topics {
		out := client.DatasetHours{Target: int(x.Target), Topic: x.Topic, MaxBytes: int64(x.MaxBytes)}
		if i := slices.IndexFunc(all, func(b fsm.Baseline) bool { return b.Target == x.Target }); i >= 0 {
			b := all[i]
			learned, err := view.Learned(name, x.Target)
			if err != nil {
				return nil, nil, err
			}
			out.Hours, out.Records, out.Places, out.Judged, out.Notes, out.Bytes = b.Hours, b.Records, b.Places, b.Judged, b.Notes, len(learned)
			out.By, out.LookedAt, out.Failures, out.Failure = string(b.LookedBy), instant(b.LookedUnixNanos), b.Failures, b.Failure
			if b.LastHour > 0 {
				from, to := hourTime(b.FirstHour), hourTime(b.LastHour+1)
				out.From, out.To = &from, &to
			}
			scans, err := view.ScansInto(b)
			if err != nil {
				return nil, nil, err
			}
			for i, a := range b.Anomalies {
				unusual = append(unusual, describeAnomaly(b.Topic, a, scans[i]))
			}
		}
		hours = append(hours, out)
	}
	slices.SortStableFunc(unusual, func(a, b client.DatasetAnomaly) int {
		if a.Over != b.Over {
			return cmp.Compare(b2i(a.Over), b2i(b.Over))
		}
		return b.FoundAt.Compare(a.FoundAt)
	})
	return hours, unusual, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func describeAnomaly(topic string, a fsm.Anomaly, scan partition.JobID) client.DatasetAnomaly {
	u := a.Unusual
	return client.DatasetAnomaly{
		ID: a.ID, Topic: topic, About: u.About, More: u.More, Since: hourTime(u.SinceHour), Until: hourTime(u.UntilHour), Off: u.Off, Hour: hourTime(u.Hour),
		From: u.From, To: u.To, Seen: u.Seen, Season: u.Season, Reason: u.Reason, Cause: u.Cause, FoundAt: time.Unix(0, a.FoundUnixNanos).UTC(), Over: a.Over,
		OverAt: instant(a.OverUnixNanos), Scan: string(scan), Evidence: "E0", Runbook: runbook.OfKind("anomaly"),
	}
}
