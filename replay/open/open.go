package open

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/connect"
	"backstitch/replay/engine"
	"backstitch/replay/feedback"
	"backstitch/replay/foreign"
	"backstitch/replay/klog"
	"backstitch/replay/late"
	"backstitch/replay/layout"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/sink"
	kafkasink "backstitch/replay/sink/kafka"
	"backstitch/replay/sink/objects"
	"backstitch/replay/source"
	"backstitch/replay/source/archive"
	kafkasource "backstitch/replay/source/kafka"
	"backstitch/replay/throttle"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Config is what an agent knows and a recipe does not.
type Config struct {
	Cluster string // of backstitch; part of transactional ids
	Env     connect.Env
	Now     func() time.Time // for records without a timestamp of their own; nil leaves that to the Kafka client, record by record
	// Kafka and S3 look up connections by name; nil knows none.
	Kafka func(name string) (connect.Kafka, bool)
	S3    func(name string) (connect.S3, bool)
	// Registry looks up connections to schema registries by name; nil knows none.
	Registry func(name string) (connect.Registry, bool)
	// AnyRegistry lets specs name registries by address. Agents ask only those of their configuration: who may send them a spec shall not
	// choose which addresses they dial.
	AnyRegistry bool
	// InFlightBytes bounds what one writer has on its way, and with it how large an object may be to be decoded at once; 0 is the
	// defaults of sink and source.
	InFlightBytes int64
	// Pace bounds how fast archives are read for a scan, nil does not. Jobs that write have their own limits.
	Pace *throttle.Limiter
	// Client are further options for clients that read or write Kafka, e.g. a logger.
	Client []kgo.Opt
}

// Ends are the open ends of one job.
type Ends struct {
	Recipe  recovery.Recipe
	Source  source.Source
	Sink    sink.Sink
	Targets sink.Targets
	// Frames is how records of the two are told to be the same; nil takes every part as the bytes that it is.
	Frames *record.Frames
	// Look is how to see what those suffer whom the job is to spare; nil where it spares nobody that has to be looked at.
	Look *feedback.Look

	looks *kgo.Client // that Look asks with
}

// Close closes all of them.
func (e *Ends) Close() error {
	var errs []error
	if e.looks != nil {
		e.looks.Close()
	}
	if e.Source != nil {
		errs = append(errs, e.Source.Close())
	}
	if e.Sink != nil {
		errs = append(errs, e.Sink.Close())
	}
	return errors.Join(errs...)
}

// Paced are the same ends whose target is read back as lane allows. They are closed with e.
func (e *Ends) Paced(lane *throttle.Lane) *Ends {
	paced := *e
	paced.Targets = lane.Targets(e.Targets)
	return &paced
}

// Engine is how the recipe wants slices to be run, on top of base.
func (e *Ends) Engine(base engine.Config) engine.Config {
	w := e.Recipe.Write
	if w.CommitRecords > 0 {
		base.CommitRecords = int64(w.CommitRecords)
	}
	if w.CommitMs > 0 {
		base.CommitEvery = time.Duration(w.CommitMs) * time.Millisecond
	}
	if w.CommitBytes > 0 {
		base.CommitBytes = w.CommitBytes
	}
	base.MaxQuarantine = w.MaxQuarantine
	base.FewCommits = e.Recipe.Target.Files()
	return base
}

// Opener opens recipes.
type Opener struct{ cfg Config }

// New makes an opener.
func New(cfg Config) *Opener { return &Opener{cfg: cfg} }

// ErrRecipe says that a recipe can not be followed by this program.
var ErrRecipe = errors.New("recipe can not be followed")

// Open opens the ends that recipe, the JSON of a recovery.Recipe, names for job. The caller closes them.
func (o *Opener) Open(ctx context.Context, job partition.JobID, recipe []byte) (*Ends, error) {
	return o.OpenMetered(ctx, job, recipe, nil)
}

// OpenMetered is Open that counts calls of the target with meter, which may be nil.
func (o *Opener) OpenMetered(ctx context.Context, job partition.JobID, recipe []byte, meter *throttle.Meter) (*Ends, error) {
	ends := new(Ends)
	if err := json.Unmarshal(recipe, &ends.Recipe); err != nil {
		return nil, fmt.Errorf("recipe of job %s: %w: %w", job, err, ErrRecipe)
	}
	if want := ends.Recipe.Needs(); ends.Recipe.Version != want {
		return nil, fmt.Errorf("recipe of job %s has version %d, want %d: %w", job, ends.Recipe.Version, want, ErrRecipe)
	}
	var err error
	if ends.Frames, err = ends.Recipe.Frames(); err != nil {
		return nil, fmt.Errorf("recipe of job %s: %w: %w", job, err, ErrRecipe)
	}
	if ends.Source, err = o.source(ctx, job, &ends.Recipe, meter); err != nil {
		return nil, fmt.Errorf("open source of job %s: %w", job, err)
	}
	if err = o.target(ctx, job, ends, meter); err != nil {
		_ = ends.Close()
		return nil, fmt.Errorf("open target of job %s: %w", job, err)
	}
	if err = o.look(job, ends); err != nil {
		_ = ends.Close()
		return nil, fmt.Errorf("open target of job %s: %w", job, err)
	}
	return ends, nil
}

// look makes what a job needs to see whom it hurts.
func (o *Opener) look(job partition.JobID, ends *Ends) error {
	f, to := ends.Recipe.Feedback, &ends.Recipe.Target
	if f == nil || f.Off || to.Kind != "kafka" || len(f.Groups) == 0 && !f.Replicas && !f.Brokers {
		return nil
	}
	k, err := o.kafka(to.Connection, to.Brokers)
	if err != nil {
		return err
	}
	if ends.looks, err = k.Client(connect.ClientID(string(job)), o.cfg.Env, o.cfg.Client...); err != nil {
		return err
	}
	spared := feedback.Spared{Groups: f.Groups, Replicas: f.Replicas, Brokers: f.Brokers}
	ends.Look = feedback.KafkaLook(ends.looks, to.ClusterID+" "+to.Connection+" "+to.Brokers, to.Topic, spared)
	return nil
}

// source opens the reference, with its records changed and judged if the recipe says so.
func (o *Opener) source(ctx context.Context, job partition.JobID, r *recovery.Recipe, meter *throttle.Meter) (source.Source, error) {
	tally, err := r.Tally()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrRecipe)
	}
	if _, err := r.Dedupe.Rule(); err != nil { // it is for the proof, which would find out at the end
		return nil, fmt.Errorf("%w: %w", err, ErrRecipe)
	}
	watermark, err := r.Late.Rule()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrRecipe)
	}
	src, err := o.plainSource(ctx, job, &r.Source, meter)
	if err != nil {
		return nil, err
	}
	over, err := r.Source.Over(src, tally)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", err, ErrRecipe), src.Close())
	}
	if watermark != nil {
		over = late.Over(over, watermark, r.Late.Begins)
	}
	return over, nil
}

func (o *Opener) plainSource(ctx context.Context, job partition.JobID, src *recovery.Source, meter *throttle.Meter) (source.Source, error) {
	if src.Layout == "kafka" {
		k, err := o.kafka(src.Connection, src.Brokers)
		if err != nil {
			return nil, err
		}
		cl, err := k.Client(connect.ClientID(string(job)), o.cfg.Env, o.cfg.Client...)
		if err != nil {
			return nil, err
		}
		return kafkasource.New(cl, kafkasource.Config{Topic: src.Topic, CloseClient: true})
	}
	store, err := o.store(src.Connection, src.Endpoint, src.Region)
	if err != nil {
		return nil, err
	}
	store.Answered = meter.Answered
	b, err := connect.Bucket(ctx, src.URL, store, o.cfg.Env)
	if err != nil {
		return nil, err
	}
	switch {
	case src.Layout == layout.Archive:
		return archive.New(b, archive.Config{Topic: src.Topic})
	case layout.Foreign(src.Layout):
		opts := Layout(src)
		opts.Limits = o.limits()
		return layout.Open(b, opts)
	}
	return nil, fmt.Errorf("layout %q: %w", src.Layout, ErrRecipe)
}

// Layout is what a recipe says of an archive that somebody else wrote.
func Layout(src *recovery.Source) layout.Options {
	values, numbers := src.Values.Rendering()
	return layout.Options{
		Values: values, Numbers: numbers,
		Layout: src.Layout, Topic: src.Topic, Format: src.Format, Fields: src.Fields, Envelope: src.Envelope, Keys: src.Keys, Headers: src.Headers, Rows: src.Rows,
		TopicsDir: src.TopicsDir, DirDelim: src.DirDelim, FileDelim: src.FileDelim,
	}
}

// limits bound what reading such an archive may take.
func (o *Opener) limits() foreign.Limits {
	l := foreign.DefaultLimits()
	if o.cfg.InFlightBytes > 0 {
		// An object that is decoded at once is held until its last record has arrived, with the next one beside it already.
		l.WholeBytes = min(l.WholeBytes, o.cfg.InFlightBytes*3/2)
	}
	return l
}

// store is an object store, by the name of a connection or by an address.
func (o *Opener) store(connection, endpoint, region string) (connect.S3, error) {
	if connection == "" {
		return connect.S3{Endpoint: endpoint, Region: region}, nil
	}
	if o.cfg.S3 != nil {
		if store, ok := o.cfg.S3(connection); ok {
			return store, nil
		}
	}
	return connect.S3{}, unknownConnection(connection, "s3")
}

func (o *Opener) target(ctx context.Context, job partition.JobID, ends *Ends, meter *throttle.Meter) error {
	to := &ends.Recipe.Target
	switch to.Kind {
	case "kafka":
		k, err := o.kafka(to.Connection, to.Brokers)
		if err != nil {
			return err
		}
		cfg := kafkasink.DefaultConfig()
		if cfg.Client, err = k.Opts(connect.ClientID(string(job)), o.cfg.Env); err != nil {
			return err
		}
		cfg.Client = append(cfg.Client, o.cfg.Client...)
		if hook := meter.Hook(); hook != nil {
			cfg.Client = append(cfg.Client, kgo.WithHooks(hook))
		}
		if to.TopicID != "" {
			if cfg.TopicID, err = klog.ParseTopicID(to.TopicID); err != nil {
				return err
			}
		}
		cfg.Cluster, cfg.Topic = o.cfg.Cluster, to.Topic
		cfg.Undated, cfg.Now = ends.Source.Fields()&record.FieldTimestamp == 0, o.cfg.Now
		cfg.OriginHeaders, cfg.SourceTopic = ends.Recipe.Write.OriginHeaders, ends.Recipe.Source.Topic
		if o.cfg.InFlightBytes > 0 {
			cfg.InFlightBytes = o.cfg.InFlightBytes
		}
		cfg.Rule = to.Reshape.Rule()
		s, err := kafkasink.New(cfg)
		if err != nil {
			return err
		}
		ends.Sink, ends.Targets = s, s
		if to.Reshape != nil {
			if ends.Targets, err = to.Reshape.View(s, ends.Recipe.Source.Topic); err != nil {
				return errors.Join(fmt.Errorf("%w: %w", err, ErrRecipe), s.Close())
			}
		}
	case "dir", "s3":
		s, err := o.files(ctx, &ends.Recipe, meter)
		if err != nil {
			return err
		}
		ends.Sink, ends.Targets = s, s
	default:
		return fmt.Errorf("target kind %q: %w", to.Kind, ErrRecipe)
	}
	return nil
}

// Files opens the target of a recipe that writes into files, and nothing else of it. The caller closes it.
func (o *Opener) Files(ctx context.Context, r *recovery.Recipe) (*objects.Sink, error) {
	return o.files(ctx, r, nil)
}

func (o *Opener) files(ctx context.Context, r *recovery.Recipe, meter *throttle.Meter) (*objects.Sink, error) {
	to := &r.Target
	if !to.Files() {
		return nil, fmt.Errorf("target kind %q: %w", to.Kind, ErrRecipe)
	}
	columns, err := to.Columns.Parsed()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrRecipe)
	}
	store, err := o.store(to.Connection, to.Endpoint, to.Region)
	if err != nil {
		return nil, err
	}
	store.Answered = meter.Answered
	b, err := connect.Bucket(ctx, to.Path, store, o.cfg.Env)
	if errors.Is(err, bucket.ErrNoBucket) {
		return nil, fmt.Errorf("%w: %w", sink.ErrNoTarget, err)
	}
	if err != nil {
		return nil, err
	}
	return objects.New(meter.Calls(b), objects.Config{
		Topic: to.Topic, Format: objects.Format(to.Format), Codec: to.Codec, Columns: columns, OriginHeaders: r.Write.OriginHeaders, SourceTopic: r.Source.Topic,
	})
}

func (o *Opener) kafka(connection, brokers string) (connect.Kafka, error) {
	if connection != "" {
		if o.cfg.Kafka != nil {
			if k, ok := o.cfg.Kafka(connection); ok {
				return k, nil
			}
		}
		return connect.Kafka{}, unknownConnection(connection, "kafka")
	}
	list, err := connect.ParseBrokers(brokers)
	return connect.Kafka{Brokers: list}, err
}

func unknownConnection(name, kind string) error {
	return &connect.Error{
		Code: connect.CodeConfig, Object: "connection " + name, Err: fmt.Errorf("this agent has no %s connection of that name", kind),
		Hint: "add connections." + name + "." + kind + " to the agent's configuration on every node",
	}
}
