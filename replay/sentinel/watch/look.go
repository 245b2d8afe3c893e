package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/sentinel/anomaly"
	"backstitch/replay/throttle"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Dial makes a client of a connection's brokers, or of those that are named. The caller closes it.
type Dial func(ctx context.Context, connection, brokers string) (*kgo.Client, error)

// look reads what is new of a topic. learned is what was learned up to the base's hour; nil for nothing.
func look(ctx context.Context, dial Dial, x fsm.WatchedTopic, base fsm.Baseline, learned []byte, nowMs int64) (*fsm.Look, error) {
	r, err := parse(x.Recipe)
	if err != nil {
		return nil, err
	}
	in, err := r.input(int(x.MaxBytes))
	if err != nil {
		return nil, err
	}
	in.NowMs = nowMs
	if len(learned) > 0 {
		if in.State, err = anomaly.ParsePacked(learned); err != nil {
			in.State = nil // of a program that knows more: what it has learned is learned anew
		}
	}
	if in.Client, err = dial(ctx, r.Connection, r.Brokers); err != nil {
		return nil, err
	}
	defer in.Client.Close()
	limiter := throttle.New(x.RateBytes)
	in.Progress = func(_, bytes int64) { _ = limiter.Wait(ctx, bytes) } // an ended context ends the look anyway
	rep, err := anomaly.Look(ctx, in)
	if errors.Is(err, anomaly.ErrState) {
		in.State = nil // another topic of that name, or other fields
		rep, err = anomaly.Look(ctx, in)
	}
	if err != nil {
		return nil, err
	}
	out := compose(rep, base, in.State == nil)
	if len(out.State) > int(x.MaxBytes) {
		return nil, fmt.Errorf("what was learned of %s has %d bytes, at most %d are kept", r.Topic, len(out.State), x.MaxBytes)
	}
	return out, nil
}

// compose is a report as the book keeps it.
func compose(rep *anomaly.Report, base fsm.Baseline, anew bool) *fsm.Look {
	l := &fsm.Look{
		TopicID: rep.State.ID, FirstHour: rep.FromMs / hourMs, LastHour: rep.State.Last, Hours: (rep.ToMs - rep.FromMs) / hourMs, Records: rep.Records,
		Anew: anew && base.LastHour != 0, Places: uint32(len(rep.Places)), Judged: uint32(rep.Judged), State: rep.State.Pack(),
	}
	for _, n := range rep.NotChecked {
		if strings.HasPrefix(n, "sources that fall silent") || strings.Contains(n, "of other hours") {
			continue // it was not asked for; the hour that is not over is read with the ones that are
		}
		l.Notes = append(l.Notes, cut(strings.TrimSuffix(n, " (--state keeps what was learned, where retention is shorter)"), noteBytes))
	}
	if l.Anew {
		l.Notes = append(l.Notes, "what was learned before: the topic was made anew, or is counted in another way")
	}
	if l.Hours == 0 {
		l.Notes = append(l.Notes, "the newest hours: the topic does not have all of their records any more")
	}
	l.Notes = l.Notes[:min(len(l.Notes), maxNotes)]
	seen := map[string]int{}
	for _, u := range rep.Unusual {
		f := fsm.Unusual{
			About: cut(u.About, textBytes), More: u.More, Partition: partition.NoPartition, SinceHour: u.SinceHour, UntilHour: u.UntilHour, Off: u.Count, New: u.New,
			Hour: u.UntilHour - 1, Season: u.Season, Reason: cut(u.Reason, textBytes), Cause: u.Cause,
		}
		if u.Partition >= 0 {
			f.Partition = u.Partition
		}
		if u.Worst != nil {
			f.Hour, f.From, f.To, f.Seen = u.Worst.Hour, int64(u.Worst.From), int64(u.Worst.To), int64(u.Worst.Count)
		}
		// Of what came, went and came again within one look the newest counts.
		k := fmt.Sprint(f.More, f.About)
		if at, twice := seen[k]; twice {
			l.Unusual[at] = f
			continue
		}
		if len(l.Unusual) == fsm.MaxAnomalies {
			l.Notes = append(l.Notes[:min(len(l.Notes), maxNotes-1)], fmt.Sprintf("more than %d unusual things at a time", fsm.MaxAnomalies))
			break
		}
		seen[k] = len(l.Unusual)
		l.Unusual = append(l.Unusual, f)
	}
	return l
}

const (
	hourMs    = 3600 * 1000
	noteBytes = 500
	textBytes = 1000
	maxNotes  = 16
)

// cut leaves out what is too much of a text, and what no book takes.
func cut(s string, most int) string {
	s = strings.ReplaceAll(s, "\x00", "?")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-3], "") + "..."
}
