package connect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"backstitch/replay/bucket"
	"backstitch/replay/bucket/dir"
	s3bucket "backstitch/replay/bucket/s3"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// S3 is how an object store is reached. The zero value is AWS with the environment's region and credentials.
type S3 struct {
	Endpoint  string // http(s)://host:port of an S3-compatible store, "" for AWS
	Region    string // "" for the environment's; an endpoint of its own defaults to us-east-1
	PathStyle Toggle // bucket in the path and not in the host name; auto: on with an Endpoint
	AccessKey Secret // both or none; none takes the environment's credentials
	SecretKey Secret
	HTTP      aws.HTTPClient // carries the requests, e.g. to a store in memory; nil for the library's own
	// Answered is told the status of every answer, those included after which the library tries again by itself; nil tells nobody.
	Answered func(status int)
}

// Toggle is on, off, or left to the rule of the option; its zero value is the rule.
type Toggle uint8

// Values of Toggle.
const (
	Auto Toggle = iota
	On
	Off
)

func (t Toggle) or(rule bool) bool {
	if t == Auto {
		return rule
	}
	return t == On
}

// The library's own attempts for one request. Their waits double, so the longest is bounded too: a person who mistyped an
// address waits for all of them, and a worker tries a slice again by itself.
const (
	maxS3Attempts = 5
	maxS3Backoff  = 4 * time.Second
)

// Check reports an endpoint that can not be meant. Endpoints are shown and kept, so one with a login is refused, and not repeated.
func (s S3) Check() error {
	if s.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || strings.Contains(s.Endpoint, "@") || u.RawQuery != "" || u.Fragment != "" {
		return &Error{Code: CodeConfig, Object: "s3 endpoint", Err: errors.New("it holds more than https://host:port; a login has no place in it"),
			Hint: "write it as https://host:port, and name keys in connections.NAME.s3.accessKey and secretKey"}
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return &Error{Code: CodeConfig, Object: s.Endpoint, Err: errors.New("not an endpoint"), Hint: "write it as https://host:port"}
	}
	return nil
}

// Client makes a client. It does not connect.
func (s S3) Client(ctx context.Context, env Env) (*s3.Client, error) {
	opts := []func(*config.LoadOptions) error{config.WithRetryer(func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxS3Attempts, maxS3Backoff })
	})}
	region := s.Region
	if region == "" && s.Endpoint != "" {
		region = "us-east-1" // stores of one's own mostly ignore it, but the signature needs one
	}
	if region != "" {
		opts = append(opts, config.WithRegion(region))
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	switch id, err := s.AccessKey.Resolve(env); {
	case err != nil:
		return nil, err
	case (s.AccessKey == "") != (s.SecretKey == ""):
		return nil, &Error{Code: CodeSecret, Object: "s3 credentials", Err: errors.New("access key and secret key go together"), Hint: "name both or none"}
	case id != "":
		secret, err := s.SecretKey.Resolve(env)
		if err != nil {
			return nil, err
		}
		opts = append(opts, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(id, secret, "")))
	}
	conf, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, &Error{Code: CodeConfig, Object: "s3", Err: err, Hint: "check the AWS_* variables and the files under ~/.aws"}
	}
	return s3.NewFromConfig(conf, func(o *s3.Options) {
		if s.HTTP != nil {
			o.HTTPClient = s.HTTP
		}
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error { return hush(stack, conf.Credentials) })
		if s.Answered != nil {
			o.APIOptions = append(o.APIOptions, s.listen)
		}
		o.UsePathStyle = s.PathStyle.or(s.Endpoint != "")
		if s.Endpoint != "" {
			o.BaseEndpoint = aws.String(s.Endpoint)
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
	}), nil
}

// hush takes credentials out of errors: there are stores that quote the request, or a part of it, in what they answer to it, and what they answer
// helps to find out what is wrong.
func hush(stack *middleware.Stack, credentials aws.CredentialsProvider) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("backstitch.Hush",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleInitialize(ctx, in)
			if err == nil || credentials == nil {
				return out, meta, err
			}
			known, failed := credentials.Retrieve(ctx) // they are kept from the request, or there were none to send
			if failed != nil {
				return out, meta, err
			}
			return out, meta, &hushed{err, []string{known.SecretAccessKey, known.SessionToken, known.AccessKeyID}}
		}), middleware.Before)
}

// hushed is an error that does not say some words.
type hushed struct {
	err   error
	words []string
}

func (h *hushed) Error() string {
	text := h.err.Error()
	for _, w := range h.words {
		if len(w) >= 8 { // what is shorter is no secret, and may be a part of anything: the sandbox takes any word
			text = strings.ReplaceAll(text, w, "(a credential)")
		}
	}
	return text
}

func (h *hushed) Unwrap() error { return h.err }

// listen puts Answered where each attempt of a request comes by.
func (s S3) listen(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("backstitch.Answered",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleDeserialize(ctx, in)
			if resp, ok := out.RawResponse.(*smithyhttp.Response); ok && resp != nil {
				s.Answered(resp.StatusCode)
			}
			return out, meta, err
		}), middleware.After)
}

// Bucket opens the bucket that rawURL names: s3://bucket/prefix, file:///path, or a plain path. A directory must be there.
func Bucket(ctx context.Context, rawURL string, s S3, env Env) (bucket.Bucket, error) {
	return open(ctx, rawURL, s, env, dir.Open)
}

// CreateBucket is Bucket for a writer: it makes a missing directory. An S3 bucket must be there all the same.
func CreateBucket(ctx context.Context, rawURL string, s S3, env Env) (bucket.Bucket, error) {
	return open(ctx, rawURL, s, env, dir.Create)
}

func open(ctx context.Context, rawURL string, s S3, env Env, openDir func(string) (*dir.Bucket, error)) (bucket.Bucket, error) {
	if _, rest, ok := strings.Cut(rawURL, "://"); ok {
		if host, _, _ := strings.Cut(rest, "/"); strings.Contains(host, "@") { // not repeated: what stands before it is a login
			return nil, &Error{Code: CodeConfig, Object: "archive address", Err: errors.New("it holds a user or a password"), Hint: "write s3://bucket/prefix, and name keys in connections.NAME.s3"}
		}
	}
	if rest, ok := strings.CutPrefix(rawURL, "s3://"); ok {
		name, prefix, _ := strings.Cut(rest, "/")
		if name == "" {
			return nil, &Error{Code: CodeConfig, Object: rawURL, Err: errors.New("no bucket in it"), Hint: "write it as s3://bucket/prefix"}
		}
		cl, err := s.Client(ctx, env)
		if err != nil {
			return nil, err
		}
		return s3bucket.New(cl, name, prefix), nil
	}
	path := strings.TrimPrefix(rawURL, "file://")
	if path == "" {
		return nil, &Error{Code: CodeConfig, Object: "archive address", Err: errors.New("none is given"), Hint: "write s3://bucket/prefix or a directory"}
	}
	if scheme, _, ok := strings.Cut(path, "://"); ok {
		return nil, &Error{Code: CodeConfig, Object: rawURL, Err: fmt.Errorf("no store is called %q", scheme), Hint: "write s3://bucket/prefix or a directory"}
	}
	d, err := openDir(filepath.Clean(path))
	if err != nil {
		return nil, ExplainBucket(rawURL, err)
	}
	return d, nil
}

// storePingTimeout leaves the client's own attempts, with up to 11 s between them, room to end: their last error names the host
// and says what is wrong with it, a deadline says neither.
const storePingTimeout = 20 * time.Second

// PingBucket makes sure that the bucket is there and can be listed. Its errors are *Error.
func PingBucket(ctx context.Context, b bucket.Bucket) error {
	ctx, cancel := context.WithTimeout(ctx, storePingTimeout)
	defer cancel()
	for _, err := range b.List(ctx, "") {
		if err != nil {
			return ExplainBucket(b.URL(), err)
		}
		break
	}
	return nil
}

// ProbeBucket makes sure that the store keeps two writers of one key apart. A directory always does.
func ProbeBucket(ctx context.Context, b bucket.Bucket) error {
	p, ok := b.(interface{ Probe(context.Context) error })
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, PingTimeout)
	defer cancel()
	if err := p.Probe(ctx); err != nil {
		return ExplainBucket(b.URL(), err)
	}
	return nil
}

// ExplainBucket sorts what a store says into a code and a hint.
func ExplainBucket(object string, err error) error {
	e := &Error{Object: object, Err: err}
	var api smithy.APIError
	var status interface{ HTTPStatusCode() int }
	var netErr net.Error
	switch {
	case errors.Is(err, bucket.ErrNoBucket):
		e.Code, e.Hint = CodeStoreMissing, "check the name; backstitch does not make buckets"
	case errors.Is(err, bucket.ErrNotConditional):
		e.Code, e.Hint = CodeStoreUnsafe, "use a store that honours If-None-Match, or make sure by other means that one process writes"
	case errors.Is(err, os.ErrPermission), errors.As(err, &status) && (status.HTTPStatusCode() == http.StatusForbidden || status.HTTPStatusCode() == http.StatusUnauthorized):
		e.Code, e.Hint = CodeStoreLogin, "check the credentials, and that their policy allows listing and reading"
	case errors.As(err, &netErr), errors.Is(err, context.DeadlineExceeded), !errors.As(err, &api):
		e.Code, e.Hint = CodeStoreDown, "check the address and the network from this machine"
	default:
		e.Code, e.Hint = CodeStoreDown, "the store answered "+api.ErrorCode()+": see its documentation"
	}
	return e
}
