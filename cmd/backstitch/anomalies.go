package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/gap/sequence"
	"backstitch/replay/sentinel/anomaly"
)

// anomalies is `anomalies`: what a topic has by the hour, against what such hours usually have.
type anomalies struct {
	app      *app
	where    places
	kafka    string
	source   string
	nulls    []string
	days     int
	judge    time.Duration
	late     time.Duration
	grace    time.Duration
	except   []string
	state    string
	all      bool
	detailed bool
}

func newAnomalies(a *app) *cobra.Command {
	n := &anomalies{app: a}
	cmd := &cobra.Command{
		Use:   "anomalies TOPIC",
		Short: "Say which hours of a topic have fewer or more records than such hours usually have",
		Long: `Count a topic by the hour, learn what its hours of the day and of the week usually have, and say which of the newest are not so: too few
or too many records, of all partitions or of some; more records without a value, or without a field (--null); more that are late; and
sources that fall silent while the total looks as ever (--source). Each finding says what was expected and what was seen.

Two weeks are learned before anything is judged. Where a topic keeps less, --state FILE holds what was learned, in a few kilobytes:
run it each hour or day with the same FILE. Remove FILE to learn anew. What is unusual need not be lost, and nothing is called so.

Times are those of records, in UTC. Every record is read once, and nothing is written but FILE.`,
		Example: `  backstitch anomalies orders --kafka localhost:9092
  backstitch anomalies clicks --kafka localhost:9092 --source header:host --state clicks.baseline --detailed-exitcode
  backstitch anomalies orders --kafka localhost:9092 --null /customer/id --except 2026-12-25 --except 2026-12-26`,
		Args: cobra.ExactArgs(1),
		RunE: n.run,
	}
	f := cmd.Flags()
	n.where.flags(f)
	f.StringVar(&n.kafka, "kafka", "", "named connection or `host:port,...` of the brokers")
	f.StringVar(&n.source, "source", "", "`PATH` to who sent a record: key, header:NAME, or a JSON pointer into the value, like /meta/host")
	f.StringArrayVar(&n.nulls, "null", nil, "`PATH` to a field that records should have; may be repeated")
	f.IntVar(&n.days, "days", anomaly.MaxHours/24, "how many `days` back to read; the topic may have fewer")
	f.DurationVar(&n.judge, "judge", 24*time.Hour, "findings are about the newest hours, this `duration` long")
	f.DurationVar(&n.late, "late", anomaly.DefaultLate, "a record is late when it is older by this `duration` than one before it in its partition")
	f.DurationVar(&n.grace, "grace", anomaly.DefaultGrace, "`duration` after its end in which an hour may still get records")
	f.StringArrayVar(&n.except, "except", nil, "`day` like 2026-12-25 (UTC) that is neither judged nor learned, e.g. a holiday; may be repeated")
	f.StringVar(&n.state, "state", "", "`FILE` that keeps what was learned; made when it is not there")
	f.BoolVarP(&n.all, "all", "a", false, "also what is as usual")
	f.BoolVar(&n.detailed, "detailed-exitcode", false, "exit with 8 when something is unusual, and with 5 when nothing is and something could not be judged; it is 5 without, too, when nothing at all was judged")
	return cmd
}

func (n *anomalies) run(cmd *cobra.Command, args []string) error {
	in, err := n.input(cmd, args[0])
	if err != nil {
		return err
	}
	a := n.app
	if in.Client, err = n.where.reach(cmd.Context(), a, n.kafka); err != nil {
		return err
	}
	defer in.Client.Close()
	rep, err := anomaly.Look(cmd.Context(), in)
	if errors.Is(err, anomaly.ErrState) {
		return n.refused(err)
	}
	if errors.Is(err, anomaly.ErrCompacted) {
		return &failure{
			Code: codeCompacted, Title: err.Error(), Exit: client.ExitUsage, Err: err,
			Detail: "Its older hours have lost records for which there are newer ones, so they do not say what an hour usually has.",
			Next:   "name a topic that keeps all of its records for a time, like the one that this one is made of",
		}
	}
	if err != nil {
		return err
	}
	if n.state != "" {
		if err := n.keep(rep.State); err != nil {
			return err
		}
	}
	text := func(w io.Writer) error { return rep.WriteText(w, anomaly.RenderOptions{All: n.all, Kept: n.state}) }
	gap.NameRunbooks(rep.Findings)
	if err := a.print(answer{value: rep, rows: anys(rep.Findings), names: ids(rep.Findings), text: text}); err != nil {
		return err
	}
	if rep.Judged == 0 && len(rep.Findings) == 0 {
		return exitStatus(client.ExitIndeterminate) // with and without: nothing judged is no pass
	}
	if !n.detailed {
		return nil
	}
	return detailedStatus(len(rep.Findings) > 0, len(rep.Places)-rep.Judged)
}

// input is what the flags ask for.
func (n *anomalies) input(cmd *cobra.Command, topic string) (in anomaly.Input, err error) {
	if err := required(cmd, "kafka"); err != nil {
		return in, err
	}
	in = anomaly.Input{Topic: topic, NowMs: time.Now().UnixMilli(), Grace: n.grace, Late: n.late, Hours: n.days * 24, Judge: int(n.judge / time.Hour), Progress: n.app.reading("scan")}
	switch {
	case n.days < 1 || in.Hours > anomaly.MaxHours:
		return in, usage(cmd, fmt.Errorf("--days must be 1 to %d", anomaly.MaxHours/24))
	case n.judge < time.Hour || n.judge > 7*24*time.Hour || n.judge%time.Hour != 0:
		return in, usage(cmd, errors.New("--judge must be whole hours, 1h to 168h"))
	case n.late <= 0 || n.grace < 0:
		return in, usage(cmd, errors.New("--late must be positive, and --grace not negative"))
	}
	if n.source != "" {
		p, err := sequence.ParsePath(n.source)
		if err != nil {
			return in, usage(cmd, fmt.Errorf("--source %w", err))
		}
		in.Source = &p
	}
	for _, text := range n.nulls {
		p, err := sequence.ParsePath(text)
		if err != nil {
			return in, usage(cmd, fmt.Errorf("--null %w", err))
		}
		in.Nulls = append(in.Nulls, p)
	}
	var days []int64
	for _, text := range n.except {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return in, usage(cmd, fmt.Errorf("--except %q: want a day like 2026-12-25", text))
		}
		days = append(days, day.Unix()/(24*3600))
	}
	in.Except = func(hour int64) bool { return slices.Contains(days, hour/24) }
	in.State, err = n.known()
	return in, err
}

// known is what earlier looks have learned; nil for nothing.
func (n *anomalies) known() (*anomaly.State, error) {
	if n.state == "" {
		return nil, nil
	}
	text, err := os.ReadFile(n.state)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &failure{Code: codeFile, Title: "can not read " + n.state, Detail: err.Error(), Next: "name another file with --state", Exit: client.ExitNotFound, Err: err}
	}
	s, err := anomaly.ParseState(text)
	if err != nil {
		return nil, n.refused(err)
	}
	return s, nil
}

func (n *anomalies) refused(err error) error {
	return &failure{
		Code: codeBaseline, Title: n.state + " is not what this topic has learned", Detail: err.Error(), Exit: client.ExitUsage, Err: err,
		Next: "name another file with --state, or remove it to learn anew",
	}
}

// keep writes the state whole: a file that is half old and half new would be none.
func (n *anomalies) keep(s *anomaly.State) error {
	text, err := s.Bytes()
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(n.state), ".baseline-*")
	if err == nil {
		defer os.Remove(temp.Name()) // where it was not renamed
		_, err = temp.Write(text)
		err = errors.Join(err, temp.Sync(), temp.Close())
	}
	if err == nil {
		err = os.Rename(temp.Name(), n.state)
	}
	if err != nil {
		return &failure{Code: codeFile, Title: "can not write " + n.state, Detail: err.Error(), Next: "name another file with --state", Exit: client.ExitFailed, Err: err}
	}
	return nil
}
