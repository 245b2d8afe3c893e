package main

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/revise"
)

// shownRecord is a record of a reference for people. What is no text is in base64.
type shownRecord struct {
	apart
	Timestamp *time.Time    `json:"timestamp,omitempty"` // nil where the reference holds none
	Key       *shownBytes   `json:"key"`                 // null where there is none
	Headers   []shownHeader `json:"headers"`
	Value     *shownBytes   `json:"value"`
	// Now is why steps and rules of the job refuse the record as it stands now, "" when they take it.
	Now string `json:"now,omitempty"`
}

type shownHeader struct {
	Key   string      `json:"key"`
	Value *shownBytes `json:"value"`
}

type shownBytes struct {
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"` // where it is not UTF-8
}

func bytesShown(b []byte) *shownBytes {
	switch {
	case b == nil:
		return nil
	case utf8.Valid(b):
		return &shownBytes{Text: string(b)}
	}
	return &shownBytes{Base64: b}
}

func (s *shownBytes) String() string {
	switch {
	case s == nil:
		return "null"
	case s.Base64 != nil:
		return fmt.Sprintf("%s, not UTF-8: %.200q", countOf(int64(len(s.Base64)), "byte"), s.Base64)
	}
	return printable(s.Text)
}

func newQuarantineShow(a *app) *cobra.Command {
	var where places
	cmd := &cobra.Command{
		Use:   "show JOB RECORD",
		Short: "Read a record that a job has set aside, and say why",
		Long: `Read a record that is in quarantine from the reference, where it still is, and print key, headers and value as they stand there, with the
reason and with what the job's steps and rules say to it now. A RECORD is a partition and an offset, as list prints them. Nothing is
written.`,
		Example:           "  backstitch quarantine show bs-7f3k2m p07@4711 --connections agent.yaml",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := parseSpot(args[1])
			if err != nil {
				return usage(cmd, err)
			}
			if err := where.load(a); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			q, err := quarantineOf(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			x, ok := q.find(at)
			if !ok {
				return q.missingFrom(at)
			}
			found, err := recovery.Find(cmd.Context(), q.recipe.Source, where.clients(), at.part, at.offset)
			if errors.Is(err, recovery.ErrNoRecord) {
				return &failure{Code: codeNotAside, Title: fmt.Sprintf("record %s is not in the reference any more", at), Detail: err.Error() + ".",
					Next: "restore it there", Exit: client.ExitNotFound, Err: err}
			}
			if err != nil {
				return err
			}
			s, err := shown(x, found, &q.recipe.Source)
			if err != nil {
				return err
			}
			return a.print(answer{value: s, names: []string{s.Record}, text: func(w io.Writer) error { return s.writeText(w, q.Job) }})
		},
	}
	where.flags(cmd.Flags())
	return cmd
}

func shown(x apart, f *recovery.Found, src *recovery.Source) (*shownRecord, error) {
	s := &shownRecord{apart: x, Headers: []shownHeader{}, Key: bytesShown(f.Record.Key), Value: bytesShown(f.Record.Value)}
	if s.Object == "" {
		s.Object = f.Object
	}
	if f.Fields&record.FieldTimestamp != 0 {
		at := time.UnixMilli(f.Record.TimestampMs).UTC()
		s.Timestamp = &at
	}
	for _, h := range f.Record.Headers {
		s.Headers = append(s.Headers, shownHeader{h.Key, bytesShown(h.Value)})
	}
	v, err := revise.From(src)
	if err != nil {
		return nil, err
	}
	if _, refused := v.Make(x.Partition, &f.Record); refused != nil {
		s.Now = refused.String()
	}
	return s, nil
}

func (s *shownRecord) writeText(w io.Writer, job string) error {
	line := func(name, text string) { fmt.Fprintf(w, "%-10s %s\n", name, text) }
	line("record", s.Record)
	line("reason", fmt.Sprintf("%s %s (set aside by the %s)", s.Code, s.Reason, s.By))
	if s.Now != "" {
		line("now", s.Now)
	} else {
		line("now", "steps and rules of the job take it")
	}
	if d := s.Discarded; d != nil {
		line("discarded", fmt.Sprintf("%s by %s: %s", d.At.Format(time.RFC3339), d.By, printable(d.Reason)))
	}
	if s.Object != "" {
		line("object", s.Object)
	}
	if s.Timestamp != nil {
		line("timestamp", s.Timestamp.Format("2006-01-02T15:04:05.000Z07:00"))
	}
	line("key", s.Key.String())
	for _, h := range s.Headers {
		line("header", printable(h.Key)+" = "+h.Value.String())
	}
	line("value", s.Value.String())
	if s.Discarded != nil {
		_, err := fmt.Fprintf(w, "Next: backstitch quarantine restore %s --position %s   if it is to be put back after all\n", job, s.Record)
		return err
	}
	_, err := fmt.Fprintf(w, "Next: mend steps or rules, then: backstitch quarantine replay %s -f SPEC -o FILE.plan\n", job)
	return err
}

// printable is text without what would steer a terminal.
func printable(text string) string {
	out := []rune(text)
	for i, r := range out {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			out[i] = utf8.RuneError
		}
	}
	return string(out)
}
