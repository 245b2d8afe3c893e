package feedback

import (
	"fmt"
	"strconv"
	"time"

	"backstitch/replay/pace"
)

// text says what holds the job back: the signal, and what became of it.
func text(s *pace.State) string {
	switch {
	case !s.Bounded():
		return ""
	case s.Rest:
		return "it rests for a moment, as all nodes do, to hear how brokers answer without it"
	case s.Why.Kind == pace.None:
		return "it began slowly, and nobody has suffered yet"
	case s.Why.Unseen != "":
		return fmt.Sprintf("%s can not be seen, so the rate does not rise: %s", subject(&s.Why), s.Why.Unseen)
	}
	out := what(&s.Why)
	if !s.Now {
		out += "; that is over, and the rate rises"
	} else if s.AtFloor {
		out += "; this is the least that feedback leaves"
	}
	return out
}

func subject(s *pace.Signal) string {
	switch s.Kind {
	case pace.Lag:
		return "lag of group " + s.Object
	case pace.Busy:
		return "how busy broker " + s.Object + " is"
	}
	return "replicas of topic " + s.Object
}

// what says what a signal is about, with its numbers.
func what(s *pace.Signal) string {
	switch s.Kind {
	case pace.Lag:
		return fmt.Sprintf("lag of group %s grew by %s (limit %s)", s.Object, count(s.Value), count(s.Limit))
	case pace.OutOfSync:
		if s.Value == 1 {
			return fmt.Sprintf("1 replica of topic %s fell out of sync", s.Object)
		}
		return fmt.Sprintf("%s replicas of topic %s fell out of sync", count(s.Value), s.Object)
	case pace.Latency:
		return fmt.Sprintf("one produce request in ten takes %s or longer (limit %s)", seconds(s.Value), seconds(s.Limit))
	case pace.Busy:
		return fmt.Sprintf("broker %s takes %s to answer, where %s is as usual while the job rests", s.Object, fine(s.Value), fine(s.Limit))
	case pace.Throttled:
		return fmt.Sprintf("brokers delayed requests by %s", seconds(s.Value))
	case pace.SlowDown:
		return fmt.Sprintf("the object store answered %s times that it is asked for too much", count(s.Value))
	}
	return ""
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

// fine is for what takes no longer than a few milliseconds.
func fine(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(10 * time.Microsecond).String()
}

// count prints a whole number with separators.
func count(n float64) string {
	digits := strconv.FormatInt(int64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
