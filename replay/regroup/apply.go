package regroup

import (
	"context"
	"fmt"
	"strings"

	"backstitch/replay/gap"
	"backstitch/replay/klog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ReceiptVersion is the version of the receipts that this program writes, and the newest that it reads.
const ReceiptVersion = 1

// Receipt is what a plan changed: what was there before, and what reading back has shown. It is written before the first change, with
// every move Intended, and once more afterwards.
type Receipt struct {
	Version   int      `json:"version"`
	Plan      string   `json:"plan"` // SHA-256 of the plan
	Group     string   `json:"group"`
	To        Place    `json:"to"`
	AppliedMs int64    `json:"appliedMs"`
	Results   []Result `json:"results"` // by partition
}

// Access is the way to both clusters of a plan; they may be one.
type Access struct{ From, To *kgo.Client }

func (p *Plan) journey(cl *kgo.Client) *journey {
	return &journey{cl: cl, group: p.Group, to: p.To, moves: p.moves(), verb: "apply"}
}

// Refuse returns why p can not be applied now, and how many of its moves were made already. It writes nothing.
func (p *Plan) Refuse(ctx context.Context, a Access) (made int, err error) {
	_, done, err := p.refuse(ctx, a)
	return len(done), err
}

func (p *Plan) refuse(ctx context.Context, a Access) (todo []Move, done []Result, err error) {
	if !p.From.same(p.To) {
		if err := p.refuseSource(ctx, a.From); err != nil {
			return nil, nil, err
		}
	}
	if todo, done, err = p.journey(a.To).refuse(ctx); err != nil {
		return nil, nil, err
	}
	return todo, done, p.reach(ctx, a.To, todo)
}

// refuseSource holds the topic that the group comes from against what the plan saw.
func (p *Plan) refuseSource(ctx context.Context, cl *kgo.Client) error {
	if err := sameTopic(ctx, cl, p.From, "apply"); err != nil {
		return err
	}
	if err := inactive(ctx, cl, p.Group, p.From); err != nil {
		return err
	}
	now, err := commits(ctx, cl, p.Group, p.From.Topic)
	if err != nil {
		return err
	}
	var moved []string
	for _, s := range p.origin() {
		if has := commit(now, s.Partition); !stands(has, s.Stands) {
			moved = append(moved, fmt.Sprintf("%s: the group stands at %s, and stood at %s", gap.Name(p.From.Topic, s.Partition), has, s.Stands))
		}
	}
	if len(moved) > 0 {
		return movedError(p.Group, moved)
	}
	return nil
}

// reach refuses positions that the log does not have any more: a group that is set there is reset by auto.offset.reset.
func (p *Plan) reach(ctx context.Context, cl *kgo.Client, todo []Move) error {
	t, err := klog.Watermarks(ctx, cl, p.To.Topic)
	if err != nil {
		return err
	}
	var out []string
	for _, m := range todo {
		w, ok := t.Partitions[m.Partition]
		if !ok || m.After.Offset < w.LogStart || m.After.Offset > w.End {
			out = append(out, fmt.Sprintf("%s: the new position is %s, and the log is [%s, %s)", gap.Name(p.To.Topic, m.Partition), m.After, gap.Count(w.LogStart), gap.Count(w.End)))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return &Error{Code: CodeOther, Title: "the log of " + p.To.Topic + " does not have the new positions", Exit: exitConflict,
		Why: strings.Join(out, "\n") + "\nRetention has gone on, or records were lost. Nothing was written.", Hint: "make a new plan: backstitch groups plan " + p.Group + " ..."}
}

// Apply makes the moves of p and keeps the receipt in a file. hash is that of the plan. It refuses before it writes; an error with
// CodePartly names what was not moved, and the receipt has the rest.
func (p *Plan) Apply(ctx context.Context, a Access, hash, receipt string, nowMs int64) (*Receipt, error) {
	todo, done, err := p.refuse(ctx, a)
	if err != nil {
		return nil, err
	}
	r := &Receipt{Version: ReceiptVersion, Plan: hash, Group: p.Group, To: p.To, AppliedMs: nowMs}
	intended := make([]Result, len(todo))
	for i, m := range todo {
		intended[i] = Result{Move: m, Outcome: Intended}
	}
	r.Results = merge(done, intended)
	if err := r.begin(receipt); err != nil {
		return nil, err
	}
	if len(todo) == 0 {
		return r, nil
	}
	made, err := p.journey(a.To).travel(ctx, todo)
	if err != nil {
		return r, err
	}
	r.Results = merge(done, made)
	if err := r.save(receipt); err != nil {
		return r, err
	}
	return r, left(r.Results, p.Group, "backstitch groups apply FILE")
}

// begin keeps the receipt, and refuses a file that is something else: also a receipt of another plan, which may be the only way back
// from that.
func (r *Receipt) begin(path string) error {
	there, err := exists(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if there {
		old, err := ReadReceipt(path)
		if err != nil {
			return receiptKind.overwrites(path, "Nothing was written.")
		}
		if old.Plan != r.Plan {
			return receiptKind.overwrites(path, "It is the receipt of another plan, "+old.Plan+". Nothing was written.")
		}
	}
	return r.save(path)
}

func (r *Receipt) save(path string) error {
	_, err := receiptKind.write(path, r)
	return err
}

// left is the error of moves that were not made, nil when all were.
func left(results []Result, group, again string) error {
	var why []string
	moved := 0
	for _, r := range results {
		if r.Outcome == Moved {
			moved++
			continue
		}
		why = append(why, fmt.Sprintf("p%02d is %s: %s", r.Partition, r.Outcome, r.Reason))
	}
	if len(why) == 0 {
		return nil
	}
	e := &Error{Code: CodePartly, Title: fmt.Sprintf("%d of %s of group %s were moved", moved, gap.Plural(int64(len(results)), "position"), group), Exit: exitPartly,
		Why:  strings.Join(why, "\n") + "\nThis is what was read back.",
		Hint: "with the cause gone: " + again + "     it goes on with what is left"}
	if moved == 0 {
		e.Exit = exitFailed
	}
	return e
}

func (r *Receipt) journey(cl *kgo.Client) *journey {
	j := &journey{cl: cl, group: r.Group, to: r.To, verb: "undo"}
	for _, x := range r.Results {
		j.moves = append(j.moves, Move{Partition: x.Partition, Before: x.After, After: x.Before})
	}
	return j
}

// Refuse returns why r can not be undone now, and how many of its moves were undone already, or never made. It writes nothing.
func (r *Receipt) Refuse(ctx context.Context, cl *kgo.Client) (undone int, err error) {
	_, done, err := r.journey(cl).refuse(ctx)
	return len(done), err
}

// Undo puts back what was there before: each position with all that belonged to it, and none where there was none. It refuses what
// applying refuses, and goes on where it stopped.
func (r *Receipt) Undo(ctx context.Context, cl *kgo.Client) ([]Result, error) {
	j := r.journey(cl)
	todo, done, err := j.refuse(ctx)
	if err != nil {
		return nil, err
	}
	if len(todo) == 0 {
		return merge(done), nil
	}
	made, err := j.travel(ctx, todo)
	if err != nil {
		return nil, err
	}
	out := merge(done, made)
	return out, left(out, r.Group, "backstitch groups undo RECEIPT")
}
