package main

import (
	"context"
	"errors"
	"fmt"
)

// part is one long-running piece of an agent. Its run blocks until its context ends and everything of it is gone.
type part struct {
	name string
	run  func(context.Context) error
}

// runParts starts the parts in order and stops them in the reverse order, each only when the one after it is gone, as soon as
// ctx ends or any of them does. The first error of a part that was not asked to stop decides.
func runParts(ctx context.Context, parts []part) error {
	type running struct {
		name string
		stop context.CancelFunc
		done chan struct{}
		err  error
	}
	ended := make(chan struct{}, len(parts))
	list := make([]*running, len(parts))
	for i, p := range parts {
		// Values pass through, the end does not: parts are ended one by one.
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		r := &running{name: p.name, stop: stop, done: make(chan struct{})}
		list[i] = r
		go func() {
			r.err = p.run(own)
			close(r.done)
			ended <- struct{}{}
		}()
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	var first error
	for _, r := range list { // look before anybody is asked to stop
		select {
		case <-r.done:
			if r.err != nil && first == nil {
				first = fmt.Errorf("%s: %w", r.name, r.err)
			}
		default:
		}
	}
	for i := len(list) - 1; i >= 0; i-- {
		list[i].stop()
		<-list[i].done
		if err := list[i].err; err != nil && first == nil && !errors.Is(err, context.Canceled) {
			first = fmt.Errorf("stop %s: %w", list[i].name, err)
		}
	}
	return first
}
