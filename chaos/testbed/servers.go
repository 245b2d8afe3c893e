package testbed

import (
	"fmt"
	"path/filepath"
	"testing"

	"backstitch/chaos/process"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Kafka runs one real broker under dir and returns its address.
func Kafka(t testing.TB, dir string) string {
	t.Helper()
	port := FreePorts(t, 2)
	broker := Start(t, FormatKafka(t, dir, "127.0.0.1", port))
	Listening(t, broker, port)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// FormatKafka makes the data of one real broker under dir, and returns what starts it at that address, for the first time or again.
func FormatKafka(t testing.TB, dir, ip string, port int) process.Spec {
	t.Helper()
	script := filepath.Join(Scripts, "kafka.sh")
	data := filepath.Join(dir, "kafka")
	format := Start(t, process.Spec{
		Name: "kafka format", Path: script, Args: []string{"format", data, fmt.Sprint(port), ip}, Log: filepath.Join(dir, "format.log"),
	})
	if status, err := format.Wait(t.Context()); err != nil || status != 0 {
		Tail(t, "kafka format", format.Spec().Log)
		t.Fatalf("format: status %d, %v", status, err)
	}
	return process.Spec{Name: "kafka", Path: script, Args: []string{"run", data}, Log: filepath.Join(dir, "kafka.log")}
}

// Keys of the S3 servers; they live as long as a test and listen on loopback.
const (
	accessKey = "testbed"
	secretKey = "testbed-secret"
	region    = "us-east-1"
)

// Keys are what a client of the S3 servers needs in its environment.
func Keys() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_REGION=" + region}
}

// S3 runs one real S3 server under dir and returns its endpoint.
func S3(t testing.TB, dir string) string {
	t.Helper()
	port := FreePorts(t, 1)
	server := Start(t, process.Spec{
		Name: "s3", Path: filepath.Join(Scripts, "s3server.sh"), Args: []string{"run", filepath.Join(dir, "s3"), fmt.Sprint(port)},
		Env: []string{"ROOT_ACCESS_KEY=" + accessKey, "ROOT_SECRET_KEY=" + secretKey}, Log: filepath.Join(dir, "s3.log"),
	})
	Listening(t, server, port)
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

// Client is one for an S3 server that S3 runs.
func Client(endpoint string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(endpoint), Region: region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
}

// Bucket makes a bucket in an S3 server.
func Bucket(t testing.TB, endpoint, name string) {
	t.Helper()
	if _, err := Client(endpoint).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name)}); err != nil {
		t.Fatalf("make bucket %s: %v", name, err)
	}
}
