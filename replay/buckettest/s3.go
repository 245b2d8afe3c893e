package buckettest

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// S3 starts an S3 server with one bucket and returns its endpoint and a client. wrap, if not nil, stands before the server
// and may fail requests.
func S3(t testing.TB, name string, wrap func(http.Handler) http.Handler) (endpoint string, cl *s3.Client) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(name); err != nil {
		t.Fatal(err)
	}
	handler := headVersions(gofakes3.New(backend).Server())
	if wrap != nil {
		handler = wrap(handler)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cl = s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(srv.URL), UsePathStyle: true,
		Credentials:                credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:                 &http.Client{Transport: transport},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	return srv.URL, cl
}

// headVersions lets the server say of a version what it says of the current object: it knows versions only when they are read.
func headVersions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead && r.URL.Query().Has("versionId") {
			r.Method = http.MethodGet
			next.ServeHTTP(headOnly{w}, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

type headOnly struct{ http.ResponseWriter }

func (h headOnly) Write(b []byte) (int, error) { return len(b), nil }

// Overwrite replaces an object behind a bucket's back.
func Overwrite(ctx context.Context, t testing.TB, cl *s3.Client, name, key string, body []byte) {
	t.Helper()
	if _, err := cl.PutObject(ctx, &s3.PutObjectInput{Bucket: &name, Key: &key, Body: bytes.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
}
