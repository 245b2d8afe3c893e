package conductor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"backstitch/cluster/turns"
	"backstitch/fsm"
	"backstitch/fsm/flow"
)

// A wait for consumer groups reads and never writes, so nothing about it has to be done once. What must survive the leader is where the topic
// ended when the wait began: these marks are in the book with the first note, and whoever leads next waits for the same.

// Wait is what consumer groups are waited for.
type Wait struct {
	Kafka  string   `json:"kafka"` // name of a connection of the agents
	Topic  string   `json:"topic"`
	Groups []string `json:"groups"`
	Until  string   `json:"until"` // UntilBegun or UntilEnd
	// MaxLag is how many offsets of the topic a group may still have before it.
	MaxLag int64 `json:"maxLag,omitempty"`
}

// Until when groups are waited for.
const (
	UntilBegun = "begun" // the offsets at which the topic ended when the step began
	UntilEnd   = "end"   // those at which it ends when it is looked
)

// MaxGroups is how many groups one step waits for.
const MaxGroups = 50

func (w Wait) check(step string) error {
	switch {
	case w.Kafka == "" || w.Topic == "":
		return fmt.Errorf("step %s: it names no connection, or no topic", step)
	case len(w.Groups) == 0 || len(w.Groups) > MaxGroups:
		return fmt.Errorf("step %s: it waits for %d groups, want 1 to %d", step, len(w.Groups), MaxGroups)
	case w.Until != UntilBegun && w.Until != UntilEnd:
		return fmt.Errorf("step %s: it waits until %q, want %s or %s", step, w.Until, UntilBegun, UntilEnd)
	case w.MaxLag < 0:
		return fmt.Errorf("step %s: a lag of %d", step, w.MaxLag)
	}
	for _, g := range w.Groups {
		if g == "" {
			return fmt.Errorf("step %s: a group without a name", step)
		}
	}
	return nil
}

// Consumers reaches consumer groups. It runs on the leader. An error that is ErrRefused will be the same the next time.
type Consumers interface {
	// Watch begins to look at groups. marks are those of the step, nil when it has none yet.
	Watch(ctx context.Context, w Wait, marks []byte) (Watch, error)
}

// Watch looks at the groups of one step.
type Watch interface {
	// Marks are the offsets that Until: begun means. They are the same for ever, for whoever gets them.
	Marks() []byte
	// Look returns how far each group is, in the order of Wait.Groups.
	Look(ctx context.Context) ([]Standing, error)
	Close()
}

// Standing is how far a group is.
type Standing struct {
	Group  string
	Behind int64 // offsets before it
	Apart  int   // partitions that it has not reached
	None   bool  // it has no offset in the topic
}

const (
	// lookEvery is how often groups are looked at.
	lookEvery = 5 * time.Second
	// noteEvery is how often how far they are goes into the book, at most.
	noteEvery = 15 * time.Second
)

// wait looks at groups until they are where they are waited for. A Kafka that does not answer is asked again: how long is the step's timeout.
func (l *Loop) wait(ctx context.Context, w Wait, marks []byte, say func(fsm.StepNote)) outcome {
	if l.cfg.Consumers == nil {
		return failed(flow.Refused, "this node reaches no consumer groups")
	}
	var watch Watch
	defer func() {
		if watch != nil {
			watch.Close()
		}
	}()
	said, at := "", time.Time{}
	for {
		text, reached, err := "", false, error(nil)
		if watch == nil {
			watch, err = l.cfg.Consumers.Watch(ctx, w, marks)
		}
		var all []Standing
		if err == nil {
			all, err = watch.Look(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return overdue(said)
		case errors.Is(err, ErrRefused):
			return failed(flow.Refused, "%v", err)
		case err != nil:
			text = fmt.Sprintf("they can not be asked: %v", err)
		default:
			text, reached = w.judge(all)
		}
		if reached {
			return outcome{why: text}
		}
		first := marks == nil && watch != nil
		if now := l.cfg.Clock(); first || text != said && (said == "" || now.Sub(at) >= noteEvery) {
			n := fsm.StepNote{Text: text}
			if first {
				marks = watch.Marks()
				n.Marks = marks
			}
			say(n)
			said, at = text, now
		}
		if !turns.Pause(ctx, lookEvery) {
			return overdue(text)
		}
	}
}

func overdue(text string) outcome {
	if text == "" {
		return failed(flow.TimedOut, "its time was over before a broker answered")
	}
	return failed(flow.TimedOut, "its time was over: %s", text)
}

// judge says how far the groups are, and whether that is far enough.
func (w Wait) judge(all []Standing) (text string, reached bool) {
	var parts []string
	reached = true
	for _, s := range all {
		switch {
		case s.Behind <= w.MaxLag && s.Behind == 0:
			parts = append(parts, s.Group+" is there")
			continue
		case s.None:
			parts = append(parts, fmt.Sprintf("%s has no offsets in %s, %d before it", s.Group, w.Topic, s.Behind))
		default:
			parts = append(parts, fmt.Sprintf("%s is %d behind in %d partitions", s.Group, s.Behind, s.Apart))
		}
		reached = reached && s.Behind <= w.MaxLag && !s.None
	}
	return strings.Join(parts, "; "), reached && len(all) == len(w.Groups)
}
