package regroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/gap"
	"backstitch/replay/klog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Applying and undoing are one thing: positions that are one way and have to be another. The trap is the answer to a commit. It may be lost
// when the commit was done, or be a yes for some partitions; and a broker that has said yes may have an older position after a change of
// coordinator. So every answer is only a reason to give beside what reading back has shown.

// Move is one position: what it was, and what it is to be. nil is none at all.
type Move struct {
	Partition int32   `json:"partition"`
	Before    *Commit `json:"before"`
	After     *Commit `json:"after"`
}

// Outcome is what reading back showed.
type Outcome string

// The outcomes.
const (
	Intended Outcome = "intended" // not written yet, or not known to be
	Moved    Outcome = "moved"    // it is what it was to be
	Kept     Outcome = "kept"     // it is what it was
	Lost     Outcome = "other"    // it is neither: somebody else has committed meanwhile
)

// Result is a move, and what became of it.
type Result struct {
	Move
	Outcome Outcome `json:"outcome"`
	Already bool    `json:"already,omitempty"` // it was so before anything was written
	Reason  string  `json:"reason,omitempty"`  // why not, as the broker said it or failed to
}

// journey is moves of one group in one topic.
type journey struct {
	cl    *kgo.Client
	group string
	to    Place
	moves []Move
	verb  string // for people: apply, undo
}

// refuse looks at everything that can be looked at before the first write, and returns which moves are to be made and which are made.
func (j *journey) refuse(ctx context.Context) (todo []Move, done []Result, err error) {
	if err := sameTopic(ctx, j.cl, j.to, j.verb); err != nil {
		return nil, nil, err
	}
	if err := inactive(ctx, j.cl, j.group, j.to); err != nil {
		return nil, nil, err
	}
	now, err := commits(ctx, j.cl, j.group, j.to.Topic)
	if err != nil {
		return nil, nil, err
	}
	var moved []string
	for _, m := range j.moves {
		switch has := commit(now, m.Partition); {
		case equal(has, m.After):
			done = append(done, Result{Move: m, Outcome: Moved, Already: true})
		case stands(has, m.Before):
			todo = append(todo, m)
		default:
			moved = append(moved, fmt.Sprintf("%s: the group stands at %s, and stood at %s", gap.Name(j.to.Topic, m.Partition), has, m.Before))
		}
	}
	if len(moved) > 0 {
		return nil, nil, movedError(j.group, moved)
	}
	return todo, done, nil
}

func movedError(group string, moved []string) error {
	return &Error{Code: CodeMoved, Title: "group " + group + " has moved since", Exit: exitConflict,
		Why: strings.Join(moved, "\n") + "\nNothing was written.", Hint: "make a new plan: backstitch groups plan " + group + " ..."}
}

// sameTopic refuses another cluster and another topic of the same name.
func sameTopic(ctx context.Context, cl *kgo.Client, want Place, verb string) error {
	id, err := clusterID(ctx, cl)
	if err != nil {
		return err
	}
	if id != want.Cluster {
		return &Error{Code: CodeOther, Title: "this is another Kafka cluster", Exit: exitConflict,
			Why:  fmt.Sprintf("The file is about cluster %s, this is %s. Nothing was written.", want.Cluster, id),
			Hint: "name the right one: backstitch groups " + verb + " FILE --kafka HOST:9092"}
	}
	now, err := klog.ID(ctx, cl, want.Topic)
	if err != nil {
		return err
	}
	if now.String() != want.TopicID {
		return &Error{Code: CodeOther, Title: "topic " + want.Topic + " was deleted and made anew", Exit: exitConflict,
			Why:  fmt.Sprintf("It had id %s, and has %s now: offsets of the one say nothing of the other. Nothing was written.", want.TopicID, now),
			Hint: "make a new plan: backstitch groups plan GROUP ..."}
	}
	return nil
}

// inactive refuses a group that has members: they would go on from where they are, and commit over what is written.
func inactive(ctx context.Context, cl *kgo.Client, group string, at Place) error {
	state, err := members(ctx, cl, group)
	if err != nil {
		return err
	}
	if state != "" {
		return &Error{Code: CodeActive, Title: "group " + group + " has members", Exit: exitConflict,
			Why:  fmt.Sprintf("It is %s at %s. Its consumers would go on from where they are and commit over what is written. Nothing was written.", state, at.Kafka),
			Hint: "stop its consumers, wait until Kafka has noticed (session.timeout.ms), and run this again"}
	}
	return nil
}

// readBack is what the group has now. A connection that breaks with the answer to a commit may take the first question along.
func (j *journey) readBack(ctx context.Context) (now map[int32]Commit, err error) {
	for range 3 {
		if now, err = commits(ctx, j.cl, j.group, j.to.Topic); err == nil || !kgo.IsRetryableBrokerErr(err) {
			break
		}
	}
	return now, err
}

// travel makes the moves that refuse has left and reads them back.
func (j *journey) travel(ctx context.Context, todo []Move) ([]Result, error) {
	reasons := j.write(ctx, todo)
	now, err := j.readBack(ctx)
	if err != nil {
		return nil, &Error{Code: CodeUnknown, Title: "it is not known what was written", Exit: exitFailed, Err: err,
			Why:  "The positions could not be read back: " + err.Error(),
			Hint: "do not start the consumers; run the same command again: it reads before it writes"}
	}
	out := make([]Result, len(todo))
	for i, m := range todo {
		r := Result{Move: m, Outcome: Lost}
		has := commit(now, m.Partition)
		switch {
		case equal(has, m.After):
			r.Outcome = Moved
		case equal(has, m.Before):
			r.Outcome = Kept
		}
		if r.Outcome != Moved {
			r.Reason = fmt.Sprintf("the broker said yes, and the group stands at %s", has)
			if err := reasons[m.Partition]; err != nil {
				r.Reason = err.Error()
			}
		}
		out[i] = r
	}
	return out, nil
}

// write sends what is to be committed and what is to be deleted, and returns why not, by partition.
func (j *journey) write(ctx context.Context, todo []Move) map[int32]error {
	var put, drop []Move
	for _, m := range todo {
		if m.After != nil {
			put = append(put, m)
		} else {
			drop = append(drop, m)
		}
	}
	why := map[int32]error{}
	if len(put) > 0 {
		j.put(ctx, put, why)
	}
	if len(drop) > 0 {
		j.drop(ctx, drop, why)
	}
	return why
}

// put commits as nobody's member, under the id of the topic that the plan saw: brokers that know ids (4.1) refuse another topic of that
// name also when it was made after we have looked. All brokers refuse it to a group that got members meanwhile.
func (j *journey) put(ctx context.Context, moves []Move, why map[int32]error) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = j.group, -1
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic = j.to.Topic
	id, err := klog.ParseTopicID(j.to.TopicID)
	rt.TopicID = id
	for _, m := range moves {
		rp := kmsg.NewOffsetCommitRequestTopicPartition()
		rp.Partition, rp.Offset, rp.LeaderEpoch = m.Partition, m.After.Offset, m.After.LeaderEpoch
		rp.Metadata = kmsg.StringPtr(m.After.Metadata)
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	var resp *kmsg.OffsetCommitResponse
	if err == nil {
		resp, err = req.RequestWith(ctx, j.cl)
	}
	all(moves, why, err)
	if err != nil {
		return
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			why[p.Partition] = kerr.ErrorForCode(p.ErrorCode)
		}
	}
}

// drop deletes positions.
func (j *journey) drop(ctx context.Context, moves []Move, why map[int32]error) {
	set := kadm.TopicsSet{}
	for _, m := range moves {
		set.Add(j.to.Topic, m.Partition)
	}
	resp, err := kadm.NewClient(j.cl).DeleteOffsets(ctx, j.group, set)
	all(moves, why, err)
	for part, err := range resp[j.to.Topic] {
		why[part] = err
	}
}

// errNoAnswer is the reason of a partition of which an answer says nothing.
var errNoAnswer = errors.New("the broker's answer does not name the partition")

// all gives each of the moves one reason, until an answer knows better.
func all(moves []Move, why map[int32]error, err error) {
	if err == nil {
		err = errNoAnswer
	} else {
		err = fmt.Errorf("no answer: %w; what was sent may still arrive", klog.Denied(err))
	}
	for _, m := range moves {
		why[m.Partition] = err
	}
}

// String prints a position, or that there is none.
func (c *Commit) String() string {
	if c == nil {
		return "no position"
	}
	return gap.Count(c.Offset)
}

// stands reports whether a group stands where want says. What it has written beside its position may be other.
func stands(has, want *Commit) bool {
	if has == nil || want == nil {
		return has == want
	}
	return has.Offset == want.Offset
}

// equal reports whether two positions are the same in everything.
func equal(a, b *Commit) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// merge puts results together, by partition.
func merge(lists ...[]Result) []Result {
	out := slices.Concat(lists...)
	slices.SortFunc(out, func(a, b Result) int { return int(a.Partition) - int(b.Partition) })
	return out
}
