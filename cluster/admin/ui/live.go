package ui

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	livePause = time.Second      // between two events, at least: a job changes the book many times in a second
	liveIdle  = 15 * time.Second // between two, at most, so that a page knows that its node is there
)

// live tells a page, as server-sent events, that the book has changed: the page then asks for itself again. It is answered with 503 when too many
// pages follow, and then a page looks every few seconds.
func (v *visit) live() error {
	if _, err := v.c.Cluster(v.r.Context()); err != nil { // who may not look may not wait for news either
		return err
	}
	select {
	case v.streams <- struct{}{}:
		defer func() { <-v.streams }()
	default:
		http.Error(v.w, "too many pages follow", http.StatusServiceUnavailable)
		return nil
	}
	flush := http.NewResponseController(v.w)
	v.w.Header().Set("Content-Type", "text/event-stream")
	after, _ := strconv.ParseUint(v.r.Header.Get("Last-Event-ID"), 10, 64)
	for {
		if _, err := fmt.Fprintf(v.w, "id: %d\ndata: %d\n\n", after, after); err != nil {
			return nil // it went away
		}
		if err := flush.Flush(); err != nil {
			return nil
		}
		ctx, cancel := context.WithTimeout(v.r.Context(), liveIdle)
		index, err := v.Wait(ctx, after)
		cancel()
		if v.r.Context().Err() != nil || err != nil && ctx.Err() == nil {
			return nil // the page asks again, here or elsewhere
		}
		after = max(after, index)
		select {
		case <-time.After(livePause):
		case <-v.r.Context().Done():
			return nil
		}
	}
}
