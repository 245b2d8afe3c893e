package open_test

import (
	"encoding/json"
	"errors"
	"testing"

	"backstitch/replay/connect"
	"backstitch/replay/engine"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/sink"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func recipe(t *testing.T, change func(*recovery.Recipe)) []byte {
	t.Helper()
	r := recovery.Recipe{
		Version: 1,
		Source:  recovery.Source{Layout: "archive", URL: t.TempDir(), Topic: "orders"},
		Target:  recovery.Target{Kind: "kafka", Brokers: "127.0.0.1:1", Topic: "orders", TopicID: "00112233445566778899aabbccddeeff"},
		Write:   recovery.Write{OriginHeaders: true, CommitRecords: 100, CommitMs: 250, MaxQuarantine: 7},
	}
	change(&r)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func noEnv(string) (string, bool) { return "", false }

func TestEndsOfARecipe(t *testing.T) {
	o := open.New(open.Config{Cluster: "c", Env: noEnv})
	for name, change := range map[string]func(*recovery.Recipe){
		"archive to kafka": func(*recovery.Recipe) {},
		"kafka to kafka": func(r *recovery.Recipe) {
			r.Source = recovery.Source{Layout: "kafka", Brokers: "127.0.0.1:1", Topic: "orders"}
		},
		"archive to a directory": func(r *recovery.Recipe) {
			r.Target = recovery.Target{Kind: "dir", Path: t.TempDir(), Topic: "orders"}
		},
		"files of parquet": func(r *recovery.Recipe) {
			r.Version, r.Target = recovery.FormatVersion, recovery.Target{Kind: "dir", Path: t.TempDir(), Topic: "orders", Format: "parquet", Codec: "zstd"}
			r.Write.CommitBytes = 1 << 20
		},
		"confluent to kafka": func(r *recovery.Recipe) { r.Source.Layout, r.Source.Format = "confluent", "json" },
	} {
		ends, err := o.Open(t.Context(), "bs-a", recipe(t, change))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if ends.Source == nil || ends.Sink == nil || ends.Targets == nil {
			t.Errorf("%s: an end is missing", name)
		}
		if got := ends.Source.Fields() & record.FieldTimestamp; (got == 0) != (name == "confluent to kafka") {
			t.Errorf("%s: fields %v", name, ends.Source.Fields())
		}
		cfg := ends.Engine(engine.DefaultConfig())
		if cfg.CommitRecords != 100 || cfg.CommitEvery.Milliseconds() != 250 || cfg.MaxQuarantine != 7 {
			t.Errorf("%s: engine %+v does not follow the recipe", name, cfg)
		}
		if got, want := cfg.FewCommits, ends.Recipe.Target.Files(); got != want {
			t.Errorf("%s: few commits: got %t, want %t: each stays as a file", name, got, want)
		}
		if want := map[bool]int64{true: 1 << 20, false: engine.DefaultConfig().CommitBytes}[name == "files of parquet"]; cfg.CommitBytes != want {
			t.Errorf("%s: got %d bytes a commit, want %d", name, cfg.CommitBytes, want)
		}
		if err := ends.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatCanNotBeOpened(t *testing.T) {
	o := open.New(open.Config{
		Cluster: "c", Env: noEnv,
		Kafka: func(name string) (connect.Kafka, bool) {
			return connect.Kafka{Brokers: []string{"127.0.0.1:1"}}, name == "prod"
		},
	})
	var conn *connect.Error
	for name, c := range map[string]struct {
		change func(*recovery.Recipe)
		want   func(error) bool
	}{
		"another version": {func(r *recovery.Recipe) { r.Version = 2 }, func(err error) bool { return errors.Is(err, open.ErrRecipe) }},
		"a format it can not know": {func(r *recovery.Recipe) {
			r.Target = recovery.Target{Kind: "dir", Path: t.TempDir(), Topic: "o", Format: "avro"}
		}, func(err error) bool { return errors.Is(err, open.ErrRecipe) }},
		"unknown layout":       {func(r *recovery.Recipe) { r.Source.Layout = "tape" }, func(err error) bool { return errors.Is(err, open.ErrRecipe) }},
		"unknown target":       {func(r *recovery.Recipe) { r.Target.Kind = "tape" }, func(err error) bool { return errors.Is(err, open.ErrRecipe) }},
		"no directory":         {func(r *recovery.Recipe) { r.Target = recovery.Target{Kind: "dir", Path: "/nowhere/at/all", Topic: "o"} }, func(err error) bool { return errors.Is(err, sink.ErrNoTarget) }},
		"unknown connection":   {func(r *recovery.Recipe) { r.Target.Connection = "staging" }, func(err error) bool { return errors.As(err, &conn) && conn.Hint != "" }},
		"connection of s3":     {func(r *recovery.Recipe) { r.Source.Connection = "prod" }, func(err error) bool { return errors.As(err, &conn) }},
		"no archive directory": {func(r *recovery.Recipe) { r.Source.URL = "/nowhere/at/all" }, func(err error) bool { return errors.As(err, &conn) }},
	} {
		ends, err := o.Open(t.Context(), "bs-a", recipe(t, c.change))
		if err == nil {
			_ = ends.Close()
		}
		if !c.want(err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	ends, err := o.Open(t.Context(), "bs-a", recipe(t, func(r *recovery.Recipe) { r.Target.Connection, r.Target.Brokers = "prod", "" }))
	if err != nil {
		t.Fatal(err)
	}
	_ = ends.Close()
	if _, err := o.Open(t.Context(), "bs-a", []byte("{")); !errors.Is(err, open.ErrRecipe) {
		t.Errorf("no JSON: got %v, want %v", err, open.ErrRecipe)
	}
}

// An agent with little memory decodes fewer objects at once; it never decodes larger ones than the source's own default.
func TestMemoryBoundsWhatIsDecodedAtOnce(t *testing.T) {
	for inFlight, want := range map[int64]int64{0: 32 << 20, 8 << 20: 12 << 20, 1 << 30: 32 << 20} {
		if got := open.Limits(open.New(open.Config{InFlightBytes: inFlight})); got.WholeBytes != want {
			t.Errorf("%d bytes in flight: got %d at once, want %d", inFlight, got.WholeBytes, want)
		}
	}
}
