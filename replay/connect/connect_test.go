package connect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/replay/bucket"
	"backstitch/replay/buckettest"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func env(vars map[string]string) Env {
	return func(k string) (string, bool) { v, ok := vars[k]; return v, ok }
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code || e.Hint == "" || e.Object == "" {
		t.Errorf("got %v, want an Error of code %s with an object and a hint", err, code)
	}
}

func TestSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	vars := env(map[string]string{"PW": "from env"})
	for s, want := range map[Secret]string{"env:PW": "from env", Secret("file:" + file): "from file", "": ""} {
		if got, err := s.Resolve(vars); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", s, got, err, want)
		}
	}
	for _, s := range []Secret{"hunter2", "env:", "env:NONE", "file:/does/not/exist", "k8s:a/b"} {
		_, err := s.Resolve(vars)
		wantCode(t, err, CodeSecret)
	}
}

// A literal password that was put where a reference belongs is shown nowhere.
func TestLiteralSecretIsNotShown(t *testing.T) {
	const literal = Secret("hunter2")
	_, err := Kafka{Brokers: []string{"b:1"}, SASL: &SASL{Mechanism: "plain", User: literal, Password: literal}}.Opts("c", env(nil))
	if err == nil || strings.Contains(err.Error(), string(literal)) {
		t.Errorf("got %v, want an error without the secret", err)
	}
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("connect", "password", literal)
	if strings.Contains(out.String(), string(literal)) {
		t.Errorf("got %s, want no secret", out.String())
	}
}

func TestParseBrokers(t *testing.T) {
	got, err := ParseBrokers(" a:1, b ,[::1]:9093")
	if want := []string{"a:1", "b:9092", "[::1]:9093"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, bad := range []string{"", ",", "kafka://a:1", "user@host:1", ":9092"} {
		_, err := ParseBrokers(bad)
		wantCode(t, err, CodeConfig)
	}
}

func ping(t *testing.T, k Kafka, vars map[string]string) error {
	t.Helper()
	cl, err := k.Client(ClientID("bs-test"), env(vars), kgo.RetryTimeout(time.Second), kgo.RequestRetries(1), kgo.DialTimeout(300*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	return k.Ping(t.Context(), cl)
}

func TestKafkaPing(t *testing.T) {
	open, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	locked, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "joe", "right"))
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()

	vars := map[string]string{"U": "joe", "P": "right", "WRONG": "wrong"}
	login := func(pw Secret) *SASL { return &SASL{Mechanism: "scram-sha-256", User: "env:U", Password: pw} }
	if err := ping(t, Kafka{Brokers: open.ListenAddrs()}, nil); err != nil {
		t.Error(err)
	}
	if err := ping(t, Kafka{Brokers: locked.ListenAddrs(), SASL: login("env:P")}, vars); err != nil {
		t.Error(err)
	}
	wantCode(t, ping(t, Kafka{Brokers: locked.ListenAddrs(), SASL: login("env:WRONG")}, vars), CodeKafkaLogin)
	wantCode(t, ping(t, Kafka{Brokers: []string{nobody}}, nil), CodeKafkaDown)
	wantCode(t, ping(t, Kafka{Brokers: open.ListenAddrs(), TLS: &TLS{}}, nil), CodeKafkaTLS)
}

func TestBuckets(t *testing.T) {
	ctx := t.Context()
	keys := map[string]string{"ID": "test", "SECRET": "test"}
	endpoint, _ := buckettest.S3(t, "there", nil)
	s3 := S3{Endpoint: endpoint, AccessKey: "env:ID", SecretKey: "env:SECRET"}
	b, err := Bucket(ctx, "s3://there/some/prefix", s3, env(keys))
	if err != nil {
		t.Fatal(err)
	}
	if err := PingBucket(ctx, b); err != nil {
		t.Error(err)
	}
	if err := ProbeBucket(ctx, b); err != nil {
		t.Error(err)
	}
	if got, want := b.URL(), "s3://there/some/prefix"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	missing, err := Bucket(ctx, "s3://nowhere", s3, env(keys))
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, PingBucket(ctx, missing), CodeStoreMissing)

	unsafe, _ := buckettest.S3(t, "there", func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-None-Match")
			next.ServeHTTP(w, r)
		})
	})
	s3.Endpoint = unsafe
	if b, err = Bucket(ctx, "s3://there", s3, env(keys)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, ProbeBucket(ctx, b), CodeStoreUnsafe)

	denied, _ := buckettest.S3(t, "there", func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<Error><Code>SignatureDoesNotMatch</Code></Error>`)
		})
	})
	s3.Endpoint = denied
	if b, err = Bucket(ctx, "s3://there", s3, env(keys)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, PingBucket(ctx, b), CodeStoreLogin)

	path := filepath.Join(t.TempDir(), "new")
	_, err = Bucket(ctx, path, S3{}, nil)
	wantCode(t, err, CodeStoreMissing)
	if !errors.Is(err, bucket.ErrNoBucket) {
		t.Errorf("got %v, want %v in it", err, bucket.ErrNoBucket)
	}
	if b, err = CreateBucket(ctx, "file://"+path, S3{}, nil); err != nil || b.URL() != path {
		t.Errorf("got %v, %v, want %s", b, err, path)
	}
	for _, bad := range []string{"s3://", "gs://x", ""} {
		_, err := Bucket(ctx, bad, S3{}, nil)
		wantCode(t, err, CodeConfig)
	}
	_, err = S3{Endpoint: "localhost:9000"}.Client(context.Background(), nil)
	wantCode(t, err, CodeConfig)
}

// TestLoginsInAddressesAreRefused: addresses are shown, and kept in plans and the book.
func TestLoginsInAddressesAreRefused(t *testing.T) {
	const secret = "hunter2hunter2"
	_, brokers := ParseBrokers("ana:" + secret + "@k:9092")
	for what, err := range map[string]error{
		"brokers":         brokers,
		"endpoint":        S3{Endpoint: "https://ana:" + secret + "@host"}.Check(),
		"endpoint, query": S3{Endpoint: "https://host/?key=" + secret}.Check(),
		"no endpoint":     S3{Endpoint: "https://ana:" + secret + "@%zz"}.Check(),
		"bucket": func() error {
			_, err := Bucket(t.Context(), "s3://AKIA:"+secret+"@bucket/p", S3{}, env(nil))
			return err
		}(),
		"other store": func() error {
			_, err := Bucket(t.Context(), "https://ana:"+secret+"@host/p", S3{}, env(nil))
			return err
		}(),
		"client": func() error {
			_, err := S3{Endpoint: "https://ana:" + secret + "@host"}.Client(t.Context(), env(nil))
			return err
		}(),
	} {
		wantCode(t, err, CodeConfig)
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the password is in %v", what, err)
		}
	}
	if err := (S3{Endpoint: "https://host:9000/store"}).Check(); err != nil {
		t.Errorf("an endpoint behind a path: %v", err)
	}
}
