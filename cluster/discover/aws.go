package discover

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// This file asks EC2 which instances run and have the tag: one signed query, page by page. The library for EC2 has seven hundred other ones, and would make
// the program larger by more than everything else here. Credentials, region and endpoint come from where every program for AWS has them from.

const (
	awsTimeout  = 45 * time.Second // of one lookup, with the tries of all its pages
	awsAttempts = 4                // for each page
	awsPage     = 200              // instances asked for at a time: about a megabyte
	awsPages    = 64
	awsAnswer   = 8 << 20 // bytes of one page
	awsBackoff  = 500 * time.Millisecond
)

// ec2 is used by one goroutine.
type ec2 struct {
	tag    Tag
	http   aws.HTTPClient // nil for the library's own
	clock  func() time.Time
	random func() float64

	conf     *aws.Config // nil when it has to be read
	endpoint string
	signer   *v4.Signer
}

func (c *ec2) lookup(ctx context.Context) ([]netip.AddrPort, error) {
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	who, err := c.conf.Credentials.Retrieve(ctx)
	if err != nil {
		c.conf = nil
		return nil, hinted{fmt.Errorf("there are no credentials: %w", err), giveRole}
	}
	var out []netip.AddrPort
	seen, next := 0, ""
	for range awsPages {
		a, err := c.page(ctx, who, next)
		if err != nil {
			return nil, c.explain(err)
		}
		for _, i := range a.instances() {
			seen++
			if ip, ok := i.addr(c.tag.Addr); ok {
				out = append(out, netip.AddrPortFrom(ip, c.tag.Port))
			}
		}
		if next = a.NextToken; next != "" {
			continue
		}
		switch {
		case seen == 0:
			return nil, hinted{fmt.Errorf("no running instance in %s has the tag %s=%s", c.conf.Region, c.tag.Key, c.tag.Value),
				"tag the instances; or is it another region? region=REGION in the entry"}
		case len(out) == 0:
			return nil, hinted{fmt.Errorf("none of %d running instances has a %s address", seen, c.tag.Addr), "addr_type=private_v4 in the entry, or leave it out"}
		}
		return out, nil
	}
	return nil, hinted{fmt.Errorf("more than %d running instances have the tag %s=%s", awsPages*awsPage, c.tag.Key, c.tag.Value), "choose a tag that only nodes have"}
}

// open reads what AWS's own tools read: the environment, ~/.aws, and the machine's metadata for credentials and region. It is read again after what failed
// and after credentials that were refused: a machine's role may arrive after its first process, and somebody may mend a file.
func (c *ec2) open(ctx context.Context) error {
	if c.conf != nil {
		return nil
	}
	var opts []func(*config.LoadOptions) error
	if c.tag.Region != "" {
		opts = append(opts, config.WithRegion(c.tag.Region))
	}
	conf, err := config.LoadDefaultConfig(ctx, opts...)
	if err == nil && conf.Region == "" {
		// Asked last, and only then: outside of AWS nobody answers.
		if conf, err = config.LoadDefaultConfig(ctx, config.WithEC2IMDSRegion()); err != nil {
			return hinted{fmt.Errorf("no region is known: %w", err), "region=REGION in the entry, or AWS_REGION"}
		}
	}
	switch {
	case err != nil:
		return hinted{fmt.Errorf("the settings of AWS can not be read: %w", err), "check the AWS_* variables and the files under ~/.aws"}
	case !region.MatchString(conf.Region):
		return hinted{fmt.Errorf("%q is no region", conf.Region), "region=REGION in the entry, or mend AWS_REGION"}
	case conf.Credentials == nil:
		return hinted{errors.New("there are no credentials"), giveRole}
	}
	at, err := endpoint(ctx, conf)
	if err != nil {
		return err
	}
	if c.http == nil {
		c.http = conf.HTTPClient
	}
	c.conf, c.endpoint, c.signer = &conf, at, v4.NewSigner()
	return nil
}

// page asks for one page, again after a throttle, a fault of the server or a broken connection.
func (c *ec2) page(ctx context.Context, who aws.Credentials, token string) (*answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := c.ask(ctx, who, token)
		if err == nil || attempt == awsAttempts || retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) != aws.TrueTernary {
			return a, err
		}
		// Nodes that start together are throttled together, so each waits for another time.
		pause := time.NewTimer(time.Duration(float64(awsBackoff<<(attempt-1)) * (0.5 + c.random())))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, fmt.Errorf("%w (%w)", err, ctx.Err())
		}
	}
}

// ask sends one request.
func (c *ec2) ask(ctx context.Context, who aws.Credentials, token string) (*answer, error) {
	form := url.Values{
		"Action": {"DescribeInstances"}, "Version": {"2016-11-15"}, "MaxResults": {strconv.Itoa(awsPage)},
		"Filter.1.Name": {"tag:" + c.tag.Key}, "Filter.1.Value.1": {c.tag.Value},
		"Filter.2.Name": {"instance-state-name"}, "Filter.2.Value.1": {"running"},
	}
	if token != "" {
		form.Set("NextToken", token)
	}
	body := []byte(form.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, who, req, hex.EncodeToString(sum[:]), "ec2", c.conf.Region, c.clock()); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	defer resp.Body.Close()
	return read(resp.StatusCode, resp.Body)
}

const giveRole = "give the instance a role that allows ec2:DescribeInstances, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"

// explain adds to what EC2 answered what to do about it.
func (c *ec2) explain(err error) error {
	var h hinted
	var refused *refusal
	switch {
	case errors.As(err, &h):
		return err
	case !errors.As(err, &refused):
		return hinted{fmt.Errorf("%s does not answer: %w", c.endpoint, err),
			"check that this machine reaches it, by a route, a proxy, or an endpoint in the VPC (AWS_ENDPOINT_URL_EC2)"}
	}
	switch refused.Code {
	case "UnauthorizedOperation":
		return hinted{err, "allow ec2:DescribeInstances, on all resources, to the role of this machine"}
	case "AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationToken", "ExpiredToken", "OptInRequired":
		c.conf = nil
		return hinted{err, "check the credentials (" + giveRole + "), and that the region is enabled for the account"}
	case "RequestExpired":
		return hinted{err, "set this machine's clock; or were credentials renewed?"}
	}
	return hinted{err, "it is tried again by itself; see what AWS says of " + refused.Code}
}
