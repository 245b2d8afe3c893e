package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/layout"
	"backstitch/replay/recovery"
	"backstitch/replay/refusal"
	"backstitch/replay/spec"
)

// subject is what a command that reads data is about: a spec in a file, or the same said in flags.
type subject struct {
	where  places
	file   string
	kafka  string
	url    string
	s3     string
	layout string
	stock  string // an S3 Inventory of the archive's bucket
	span   string
	parts  partitionList

	registry       string // schema registry of the topic
	sourceRegistry string // and of what was archived
}

const defaultLayout = layout.Auto

// pairFlags say what is compared.
var pairFlags = []string{"kafka", "archive", "s3", "layout", "inventory", "registry", "source-registry", "range", "partitions"}

// saysAll refuses what says again what the flag by has said: topics, pairFlags, and those of more. instead is what to do.
func saysAll(cmd *cobra.Command, by, instead string, topics []string, more ...string) error {
	for _, name := range slices.Concat(more, pairFlags) {
		if cmd.Flags().Changed(name) {
			return usage(cmd, fmt.Errorf("--%s and --%s exclude each other: %s", name, by, instead))
		}
	}
	if len(topics) > 0 {
		return usage(cmd, fmt.Errorf("a topic and --%s exclude each other: --%s says which topic", by, by))
	}
	return nil
}

// fileFlags are those of a command that takes a spec from a file only.
func (s *subject) fileFlags(cmd *cobra.Command) {
	s.where.flags(cmd.Flags())
	cmd.Flags().StringVarP(&s.file, "file", "f", "", "`file` with a job spec")
}

func (s *subject) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	s.where.flags(f)
	f.StringVarP(&s.file, "file", "f", "", "`file` with a job spec; instead of the topic and the flags below")
	f.StringVar(&s.kafka, "kafka", "", "named connection or `host:port,...` of the topic's brokers")
	f.StringVar(&s.url, "archive", "", "`URL` of the archive: s3://BUCKET/PREFIX or a directory")
	f.StringVar(&s.s3, "s3", "", "named connection or `endpoint` of the archive's object store; without it AWS, with the environment's credentials")
	f.StringVar(&s.layout, "layout", defaultLayout, "`layout` of the archive: "+strings.Join(append([]string{layout.Auto}, layout.Names()...), ", "))
	f.StringVar(&s.stock, "inventory", "", "`URL` of an S3 Inventory of the archive's bucket, to list by: s3://DESTINATION/PREFIX/BUCKET/CONFIG-ID")
	f.StringVar(&s.registry, "registry", "", "named connection or `URL` of the topic's schema registry, to compare by schema and not by its number or GUID; with --source-registry")
	f.StringVar(&s.sourceRegistry, "source-registry", "", "named connection or `URL` of the schema registry that the archived records were written with")
	f.StringVar(&s.span, "range", "", "`@FROM:TO` in record time, like @-48h:-24h; without it everything")
	f.Var(&s.parts, "partitions", "`list` of partitions, like 0-7,12; without it all")
}

// load returns the spec that the flags name. topics is what stands on the command line besides flags.
func (s *subject) load(a *app, cmd *cobra.Command, topics []string) (*spec.Recovery, error) {
	if err := s.where.load(a); err != nil {
		return nil, err
	}
	if s.file != "" {
		if err := saysAll(cmd, "file", "write it into the spec", topics); err != nil {
			return nil, err
		}
		return readSpec(s.file, &s.where)
	}
	if err := s.complete(cmd, topics); err != nil {
		return nil, err
	}
	r, err := s.said(topics[0])
	if err != nil {
		return nil, usage(cmd, err)
	}
	// A spec is parsed whoever wrote it: the same checks, the same messages.
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, err
	}
	return spec.Parse(spec.CommandLine, text, spec.Options{Connections: s.where.kinds()})
}

// placed says of an error that a field of the spec's file asks for where that stands, as for a mistake of the file, and of an end that is not there
// which flags named it. Others are passed on.
func (s *subject) placed(err error) error {
	var r *refusal.Error
	if !errors.As(err, &r) {
		return err
	}
	if s.kafka != "" && (r.Code == recovery.CodeNoTarget || r.Code == recovery.CodeNoReference) {
		flagged := *r
		flagged.Hint = "check the topic, --kafka and --archive"
		return &flagged
	}
	if s.file == "" || r.Field == "" {
		return err
	}
	data, readErr := readSpecFile(s.file)
	if readErr != nil {
		return err // what is wrong with the plan is the better thing to say
	}
	message := r.Title
	if r.Why != "" {
		message += ". " + strings.TrimSuffix(r.Why, ".")
	}
	return spec.Refuse(s.file, data, spec.Problem{Code: r.Code, Path: r.Field, Message: message, Hint: r.Hint})
}

// again is what names the same subject on another command line: topics and flags as they were given.
func (s *subject) again(topics []string) string {
	words := slices.Clone(topics)
	for _, f := range []struct{ flag, value string }{
		{"-f", s.file}, {"--kafka", s.kafka}, {"--archive", s.url}, {"--s3", s.s3}, {"--inventory", s.stock}, {"--registry", s.registry}, {"--source-registry", s.sourceRegistry}, {"--range", s.span}, {"--partitions", s.parts.String()},
	} {
		if f.value != "" {
			words = append(words, f.flag, quoted(f.value))
		}
	}
	if s.file == "" && s.layout != defaultLayout {
		words = append(words, "--layout", s.layout)
	}
	if flags := s.where.again(); flags != "" {
		words = append(words, flags)
	}
	return strings.Join(words, " ")
}

// quoted protects what a shell would take apart.
func quoted(s string) string {
	if strings.ContainsAny(s, " \t\"'$`\\!*?[](){}<>|&;~#") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// complete refuses half a command line, and names that nothing answers to, before anything is connected to.
func (s *subject) complete(cmd *cobra.Command, topics []string) error {
	var missing []string
	if len(topics) == 0 {
		missing = append(missing, "a topic")
	}
	if s.kafka == "" {
		missing = append(missing, "--kafka")
	}
	if s.url == "" {
		missing = append(missing, "--archive")
	}
	if len(missing) > 0 {
		return &failure{
			Code: codeUsage, Title: "usage: missing: " + strings.Join(missing, ", "), Exit: client.ExitUsage,
			Detail: "What is compared is a topic and an archive of it; a job spec can say both.",
			Next:   "give TOPIC --kafka HOST:9092 --archive s3://BUCKET/PREFIX [--s3 https://HOST:9000]     or -f SPEC",
		}
	}
	if _, err := s.where.kafka(s.kafka); err != nil {
		return err
	}
	for _, name := range []string{s.registry, s.sourceRegistry} {
		if name == "" {
			continue
		}
		if _, err := s.where.registry(name); err != nil {
			return err
		}
	}
	_, err := s.where.s3(s.s3)
	return err
}

// said makes a spec of the flags.
func (s *subject) said(topic string) (*spec.Recovery, error) {
	r := &spec.Recovery{APIVersion: spec.APIVersion, Kind: spec.Kind, Metadata: spec.Metadata{Name: specName(topic)}}
	r.Spec.Target.Kafka = &spec.KafkaTarget{Topic: topic, Registry: s.registry}
	if _, named := s.where.named[s.kafka]; named || !strings.Contains(s.kafka, ":") {
		r.Spec.Target.Kafka.Connection = s.kafka
	} else {
		r.Spec.Target.Kafka.Brokers = s.kafka
	}
	of := spec.Layout{Layout: s.layout}
	if rest, ok := strings.CutPrefix(s.url, "s3://"); ok {
		bucket, prefix, _ := strings.Cut(rest, "/")
		src := &spec.S3Source{Bucket: bucket, Prefix: prefix, Inventory: s.stock, Registry: s.sourceRegistry, Layout: of}
		if strings.Contains(s.s3, "://") {
			src.Endpoint = s.s3
		} else {
			src.Connection = s.s3
		}
		r.Spec.Source.S3 = src
	} else {
		if s.s3 != "" {
			return nil, fmt.Errorf("--s3 %s: the archive %s is a directory", s.s3, s.url)
		}
		if s.stock != "" {
			return nil, fmt.Errorf("--inventory %s: the archive %s is a directory", s.stock, s.url)
		}
		if u, err := url.Parse(s.url); err == nil && u.Scheme != "" && u.Scheme != "file" {
			return nil, fmt.Errorf("--archive %s: want s3://BUCKET/PREFIX or a directory", s.url)
		}
		dir, err := filepath.Abs(strings.TrimPrefix(s.url, "file://"))
		if err != nil {
			return nil, err
		}
		r.Spec.Source.Dir = &spec.DirSource{Path: dir, Registry: s.sourceRegistry, Layout: of}
	}
	if len(s.parts) > 0 {
		r.Spec.Select = &spec.Select{Partitions: spec.Partitions(s.parts.String())}
	}
	if s.span != "" {
		span, err := parseRange(s.span, time.Now())
		if err != nil {
			return nil, err
		}
		r.Spec.Range = &spec.Range{From: specTime(span.fromMs), To: specTime(span.toMs)}
	}
	return r, nil
}

func specTime(ms int64) spec.Time {
	if ms == 0 {
		return ""
	}
	return spec.Time(time.UnixMilli(ms).UTC().Format(time.RFC3339Nano))
}

// specName makes a job's name of a topic's, which may have letters that a name may not.
func specName(topic string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, topic)
	if name = strings.Trim(name[:min(len(name), 58)], ".-"); name == "" {
		name = "topic"
	}
	return name + "-gap"
}
