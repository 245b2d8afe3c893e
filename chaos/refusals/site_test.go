//go:build process

package refusals

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/cluster/client"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 4
	records    = 4000 // of the topic; the second half of them is lost
	recordSize = 100
	limit      = time.Minute // of one command, and of anything that is waited for
)

// site is what a mistake can hurt: three agents, a broker and an object store, and a topic that has lost half of its records.
type site struct {
	*testbed.Fleet
	parent  *testing.T // what is started again has to outlive the subtest that does it
	sandbox testbed.Sandbox
	dir     string
	topic   testbed.Topic
	store   *s3.Client
	kafka   *kgo.Client
}

func newSite(t *testing.T, prepare func(dir string)) *site {
	t.Helper()
	dir := t.ArtifactDir()
	if prepare != nil {
		prepare(dir)
	}
	s := &site{parent: t, dir: dir, sandbox: testbed.StartSandbox(t, dir)}
	s.Fleet = testbed.StartFleet(t, dir, 3, s.sandbox.Broker, s.sandbox.Endpoint)
	s.store = s3.New(s3.Options{
		BaseEndpoint: aws.String(s.sandbox.Endpoint), Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("testbed", "testbed", ""),
	})
	// What topics there are is asked anew each time: an answer of seconds ago is not the world.
	client, err := kgo.NewClient(kgo.SeedBrokers(s.sandbox.Broker), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.kafka = client
	s.topic = testbed.Topic{Broker: s.sandbox.Broker, Name: "orders", Partitions: partitions}
	s.topic.Create(t)
	s.topic.Produce(t, traffic.Noise(1, records, partitions, recordSize), func(int64, traffic.Event) bool { return true })
	if r := s.command(t, "archive", "orders", s.archive(), "--kafka", testbed.KafkaConnection, "--s3", testbed.S3Connection, "-q"); r.status != 0 {
		t.Fatalf("archive: %+v", r)
	}
	s.lose(t)
	return s
}

// lose makes the topic anew with the first half of its records.
func (s *site) lose(t *testing.T) {
	t.Helper()
	s.topic.Drop(t)
	s.topic.Create(t)
	s.topic.Produce(t, traffic.Noise(1, records, partitions, recordSize), func(n int64, _ traffic.Event) bool { return n < records/2 })
}

func (s *site) archive() string { return "s3://" + s.sandbox.Bucket + "/archive" }

// result is what one command came to.
type result struct {
	status         int
	stdout, stderr string
}

// command runs the program as a person does who has no terminal.
func (s *site) command(t *testing.T, args ...string) result {
	t.Helper()
	return execute(t, s.dir, s.environment(), args...)
}

// environment tells a command where the nodes are and what the connections are called.
func (s *site) environment() []string {
	var nodes []string
	for _, n := range s.Nodes {
		nodes = append(nodes, n.API)
	}
	return append(testbed.Keys(), "BACKSTITCH_ADDR="+strings.Join(nodes, ","), "BACKSTITCH_CONNECTIONS="+filepath.Join(s.dir, "connections.yaml"))
}

// execute runs the program with nothing of ours in its environment but env.
func execute(t *testing.T, dir string, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	err := cmd.Run()
	r := result{stdout: stdout.String(), stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("backstitch %s did not end in %s\n%s%s", strings.Join(args, " "), limit, r.stdout, r.stderr)
	case errors.As(err, &exit):
		r.status = exit.ExitCode()
	case err != nil:
		t.Fatalf("backstitch %s: %v", strings.Join(args, " "), err)
	}
	return r
}

// must runs a command that has to end with status.
func (s *site) must(t *testing.T, status int, args ...string) result {
	t.Helper()
	r := s.command(t, args...)
	if r.status != status {
		t.Fatalf("backstitch %s: exit status: got %d, want %d\n%s%s", strings.Join(args, " "), r.status, status, r.stdout, r.stderr)
	}
	return r
}

// spec writes a job spec that fills topic orders from its archive, with every old replaced by its new, and returns its path.
func (s *site) spec(t *testing.T, name string, oldnew ...string) string {
	t.Helper()
	text := testbed.Spec{Name: name, Source: testbed.InS3(s.sandbox.Bucket, "archive"), Target: testbed.InKafka("orders")}.String()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			t.Fatalf("the spec has no %q", oldnew[i])
		}
		text = strings.Replace(text, oldnew[i], oldnew[i+1], 1)
	}
	path := filepath.Join(s.dir, name+".yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// plan makes a plan of a spec and returns its path.
func (s *site) plan(t *testing.T, spec string) string {
	t.Helper()
	path := strings.TrimSuffix(spec, ".yaml") + ".plan"
	s.must(t, 0, "plan", "-f", spec, "-o", path, "-q")
	return path
}

// world is all that a mistake could have changed, in words that can be compared.
func (s *site) world(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for topic, sum := range s.contents(t) {
		out["topic "+topic] = sum
	}
	for _, o := range s.objects(t, "") {
		if !strings.Contains(*o.Key, ".backstitch-probe") { // whether a store keeps its word is tried with an object
			out["object "+*o.Key] = *o.ETag
		}
	}
	jobs, _, err := s.Client.Jobs(t.Context(), client.Blocking{})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		out["job "+j.ID] = fmt.Sprintf("%s at index %d", j.State, j.ModifyIndex)
	}
	return out
}

// contents sums up what a reader of committed records sees in each topic, by partition and in order.
func (s *site) contents(t *testing.T) map[string]string {
	t.Helper()
	admin := kadm.NewClient(s.kafka)
	topics, err := admin.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name := range topics {
		out[name] = s.read(t, name)
	}
	return out
}

func (s *site) read(t *testing.T, topic string) string {
	t.Helper()
	admin := kadm.NewClient(s.kafka)
	ends, err := admin.ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	hash, n := sha256.New(), 0
	for _, p := range slices.Sorted(maps.Keys(ends[topic])) {
		to := ends[topic][p].Offset
		if to == 0 {
			continue
		}
		reader, err := kgo.NewClient(kgo.SeedBrokers(s.sandbox.Broker), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
			kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {p: kgo.NewOffset().AtStart()}}))
		if err != nil {
			t.Fatal(err)
		}
		for at := int64(0); at < to; {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			fetches := reader.PollFetches(ctx)
			cancel()
			if err := fetches.Err(); err != nil {
				t.Fatalf("read %s/%d at %d of %d: %v", topic, p, at, to, err)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				at = r.Offset + 1
				if !r.Attrs.IsControl() {
					n++
					fmt.Fprintf(hash, "%d %q %q %d\n", p, r.Key, r.Value, r.Timestamp.UnixMilli())
				}
			})
		}
		reader.Close()
	}
	return fmt.Sprintf("%d records %x", n, hash.Sum(nil)[:8])
}

// count says how many records a reader of committed records sees.
func (s *site) count(t *testing.T, topic string) string {
	t.Helper()
	n, _, _ := strings.Cut(s.read(t, topic), " ")
	return n
}

type object = struct{ Key, ETag *string }

func (s *site) objects(t *testing.T, prefix string) []object {
	t.Helper()
	list, err := s.store.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &s.sandbox.Bucket, Prefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	var out []object
	for _, o := range list.Contents {
		out = append(out, object{o.Key, o.ETag})
	}
	return out
}

// segment is the one object of a partition of the archive.
func (s *site) segment(t *testing.T, partition int) string {
	t.Helper()
	objects := s.objects(t, fmt.Sprintf("archive/orders/%05d/", partition))
	if len(objects) != 1 {
		t.Fatalf("objects of partition %d: got %d, want 1", partition, len(objects))
	}
	return *objects[0].Key
}

func (s *site) get(t *testing.T, key string) []byte {
	t.Helper()
	o, err := s.store.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &s.sandbox.Bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	body, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func (s *site) put(t *testing.T, key string, body []byte) {
	t.Helper()
	if _, err := s.store.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.sandbox.Bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
}

func (s *site) remove(t *testing.T, key string) {
	t.Helper()
	if _, err := s.store.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &s.sandbox.Bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
}
