package schema

import (
	"context"
	"time"
)

// Wait replaces how r waits between attempts.
func (r *Registry) Wait(f func(context.Context, time.Duration) error) { r.wait = f }

// Limits of one question.
const (
	MostBytes = mostBytes
	MaxDepth  = maxDepth
)

// Attempts is how often one question is asked at most.
var Attempts = len(waits) + 1
