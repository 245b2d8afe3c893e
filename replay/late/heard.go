package late

import (
	"context"
	"fmt"
	"io"
	"sync"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// Readers of a target have seen what is in it. A plan compares that anyway, so its event times are looked at on the way, and only what the
// comparison had no need to read is read for them.

// Heard is a target of which the event times are looked at as it is read. It may be used by several goroutines.
type Heard struct {
	sink.Targets
	rule *Rule

	mu    sync.Mutex
	parts map[int32]*heardPart
}

type heardPart struct {
	read partition.Ranges // of the target's offsets
	mark Mark
}

// Listen returns what looks at the event times of t. Closing it closes t.
func Listen(t sink.Targets, rule *Rule) *Heard {
	return &Heard{Targets: t, rule: rule, parts: map[int32]*heardPart{}}
}

// Read reads a partition.
func (h *Heard) Read(ctx context.Context, part int32, from, to int64) (sink.Reader, error) {
	r, err := h.Targets.Read(ctx, part, from, to)
	if err != nil {
		return nil, err
	}
	return &hearing{Reader: r, heard: h, part: part, at: from, mark: h.rule.Watermark(Mark{})}, nil
}

// Until is the mark of what a partition has below an offset, and the first offset that it has. It reads what was not read up to now.
func (h *Heard) Until(ctx context.Context, part int32, to int64) (Mark, int64, error) {
	start, _, err := h.Bounds(ctx, part)
	if err != nil {
		return Mark{}, 0, err
	}
	for _, rest := range (partition.Ranges{{From: start, To: max(start, to)}}).Minus(h.of(part).read) {
		if err := h.all(ctx, part, rest); err != nil {
			return Mark{}, 0, fmt.Errorf("read event times of partition %d of the target: %w", part, err)
		}
	}
	return h.of(part).mark, start, nil
}

// all reads a range, for what is heard.
func (h *Heard) all(ctx context.Context, part int32, rg partition.Range) error {
	r, err := h.Read(ctx, part, rg.From, rg.To)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		b.Release()
	}
}

func (h *Heard) of(part int32) heardPart {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.parts[part]; p != nil {
		return *p
	}
	return heardPart{}
}

// add enters what a reader has seen between two offsets.
func (h *Heard) add(part int32, from, to int64, mark Mark) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.parts[part]
	if p == nil {
		p = &heardPart{}
		h.parts[part] = p
	}
	if from < to {
		p.read = partition.Normalize(append(p.read[:len(p.read):len(p.read)], partition.Range{From: from, To: to}))
	}
	p.mark = p.mark.Over(mark)
}

type hearing struct {
	sink.Reader
	heard *Heard
	part  int32
	at    int64 // everything before was entered
	mark  *Watermark
}

// Next is Reader's.
func (r *hearing) Next(ctx context.Context) (*record.Batch, error) {
	b, err := r.Reader.Next(ctx)
	to := r.at
	switch {
	case err == nil:
		for i := range b.Records {
			r.mark.See(&b.Records[i])
		}
		to = b.Next
	case err == io.EOF:
		to = r.Position()
	}
	if to > r.at {
		r.heard.add(r.part, r.at, to, r.mark.High())
		r.at = to
	}
	return b, err
}
