package discover

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// endpoint is where EC2 is asked. One that is set wins, as for every program: AWS_ENDPOINT_URL_EC2, AWS_ENDPOINT_URL, or endpoint_url in ~/.aws/config,
// unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS. The library keeps its own reading of these to itself, so they are asked of where it has them from.
func endpoint(ctx context.Context, conf aws.Config) (string, error) {
	set, err := configured(ctx, conf)
	if err != nil {
		return "", err
	}
	if set == "" {
		return "https://" + hostOf(conf.Region, wants(ctx, conf)) + "/", nil
	}
	u, err := url.Parse(set)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return "", hinted{errors.New("the endpoint that is set for EC2 is not http(s)://HOST:PORT"), "mend or unset AWS_ENDPOINT_URL_EC2, AWS_ENDPOINT_URL, or endpoint_url in ~/.aws/config"}
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String(), nil
}

func configured(ctx context.Context, conf aws.Config) (string, error) {
	for _, from := range conf.ConfigSources {
		if p, ok := from.(interface {
			GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
		}); ok {
			if ignore, found, err := p.GetIgnoreConfiguredEndpoints(ctx); err == nil && found {
				if ignore {
					return "", nil
				}
				break
			}
		}
	}
	for _, from := range conf.ConfigSources {
		if p, ok := from.(interface {
			GetServiceBaseEndpoint(ctx context.Context, service string) (string, bool, error)
		}); ok {
			at, found, err := p.GetServiceBaseEndpoint(ctx, "EC2")
			if err != nil {
				return "", fmt.Errorf("the endpoint of EC2: %w", err)
			}
			if found {
				return at, nil
			}
		}
	}
	return aws.ToString(conf.BaseEndpoint), nil
}

// wanted is what people may have to ask of every service: hosts with validated cryptography, and hosts that have IPv6 addresses too.
type wanted struct{ fips, dual bool }

// wants reads AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, and what ~/.aws/config has for them.
func wants(ctx context.Context, conf aws.Config) wanted {
	var out wanted
	var knowFIPS, knowDual bool
	for _, from := range conf.ConfigSources {
		if p, ok := from.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok && !knowFIPS {
			if state, found, err := p.GetUseFIPSEndpoint(ctx); err == nil && found {
				out.fips, knowFIPS = state == aws.FIPSEndpointStateEnabled, true
			}
		}
		if p, ok := from.(interface {
			GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
		}); ok && !knowDual {
			if state, found, err := p.GetUseDualStackEndpoint(ctx); err == nil && found {
				out.dual, knowDual = state == aws.DualStackEndpointStateEnabled, true
			}
		}
	}
	return out
}

// partition is a part of AWS with names of its own.
type partition struct {
	prefix string // of its regions
	suffix string
	dual   string // suffix of hosts that have IPv6 addresses too
}

// partitions, with the more particular prefix first. The last one is all the rest.
var partitions = []partition{
	{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	{"us-gov-", "amazonaws.com", "api.aws"},
	{"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
	{"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
	{"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
	{"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
	{"", "amazonaws.com", "api.aws"},
}

// hostOf is the name of EC2 in a region.
func hostOf(region string, w wanted) string {
	for _, p := range partitions {
		if !strings.HasPrefix(region, p.prefix) {
			continue
		}
		service, suffix := "ec2", p.suffix
		if w.fips && (p.prefix != "us-gov-" || w.dual) {
			service = "ec2-fips" // the others of us-gov are validated as they are
		}
		if w.dual {
			suffix = p.dual
		}
		return service + "." + region + "." + suffix
	}
	panic("discover: partitions end with one for the rest")
}
