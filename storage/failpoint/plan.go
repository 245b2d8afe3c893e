package failpoint

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The environment of a program with failpoints.
const (
	EnvArm     = "BACKSTITCH_FAILPOINTS"         // the plan, see the package comment
	EnvReached = "BACKSTITCH_FAILPOINTS_REACHED" // a file to which each point is appended when it is first reached
	EnvClock   = "BACKSTITCH_CLOCK"              // a file that says what is wrong with the wall clock: "skew -1h", or "freeze"
)

// ErrPlan says that a plan can not be read.
var ErrPlan = errors.New("not a plan of failpoints")

type deed uint8

const (
	doCrash deed = iota + 1
	doDelay
	doError
)

// action is what an armed point does. from is the first reach that it happens at, times how often, 0 for ever.
type action struct {
	do    deed
	delay time.Duration
	from  int
	times int
}

func (a action) due(n int) bool { return n >= a.from && (a.times == 0 || n < a.from+a.times) }

// parse reads a plan. It is strict: a fault that is not understood must not become none.
func parse(text string) (map[Point]action, error) {
	armed := make(map[Point]action)
	if text == "" {
		return armed, nil
	}
	for part := range strings.SplitSeq(text, ";") {
		name, what, ok := strings.Cut(part, "=")
		if !ok {
			return nil, fmt.Errorf("%q: want POINT=ACTION: %w", part, ErrPlan)
		}
		row, ok := find(name)
		if !ok {
			return nil, fmt.Errorf("%q is not a point of this program: %w", name, ErrPlan)
		}
		if _, twice := armed[row.point]; twice {
			return nil, fmt.Errorf("%s is there twice: %w", name, ErrPlan)
		}
		act, err := parseAction(what)
		if err != nil {
			return nil, fmt.Errorf("%s=%s: %w", name, what, err)
		}
		if act.do == doError && !row.fails {
			return nil, fmt.Errorf("%s takes no error: %w", name, ErrPlan)
		}
		armed[row.point] = act
	}
	return armed, nil
}

func parseAction(text string) (action, error) {
	what, when, at := strings.Cut(text, "@")
	a := action{from: 1}
	if text, ok := strings.CutSuffix(when, "x"); at && ok {
		n, err := positive(text)
		if err != nil {
			return action{}, err
		}
		a.times = n
	} else if at {
		n, err := positive(when)
		if err != nil {
			return action{}, err
		}
		a.from = n
	}
	verb, arg, has := strings.Cut(what, ":")
	switch {
	case verb == "crash" && !has && a.times == 0:
		a.do = doCrash
	case verb == "error" && !has:
		a.do = doError
	case verb == "delay" && has:
		d, err := time.ParseDuration(arg)
		if err != nil || d <= 0 {
			return action{}, fmt.Errorf("%q is not a delay: %w", arg, ErrPlan)
		}
		a.do, a.delay = doDelay, d
	default:
		return action{}, fmt.Errorf("want crash, delay:DURATION or error, then @N or (not for crash) @Nx: %w", ErrPlan)
	}
	return a, nil
}

func positive(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || strconv.Itoa(n) != text {
		return 0, fmt.Errorf("%q is not a count: %w", text, ErrPlan)
	}
	return n, nil
}
