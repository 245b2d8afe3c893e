package discover

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
)

// The names are those that AWS's own library for EC2 (v1.346.0) gives.
func TestHostsOfEC2(t *testing.T) {
	rows := []struct {
		region string
		want   wanted
		host   string
	}{
		{"eu-central-1", wanted{}, "ec2.eu-central-1.amazonaws.com"},
		{"eu-central-1", wanted{fips: true}, "ec2-fips.eu-central-1.amazonaws.com"},
		{"eu-central-1", wanted{dual: true}, "ec2.eu-central-1.api.aws"},
		{"us-east-1", wanted{fips: true, dual: true}, "ec2-fips.us-east-1.api.aws"},
		{"cn-north-1", wanted{}, "ec2.cn-north-1.amazonaws.com.cn"},
		{"cn-north-1", wanted{dual: true}, "ec2.cn-north-1.api.amazonwebservices.com.cn"},
		{"us-gov-west-1", wanted{}, "ec2.us-gov-west-1.amazonaws.com"},
		{"us-gov-west-1", wanted{fips: true}, "ec2.us-gov-west-1.amazonaws.com"},
		{"us-gov-west-1", wanted{dual: true}, "ec2.us-gov-west-1.api.aws"},
		{"us-gov-west-1", wanted{fips: true, dual: true}, "ec2-fips.us-gov-west-1.api.aws"},
		{"us-iso-east-1", wanted{}, "ec2.us-iso-east-1.c2s.ic.gov"},
		{"us-isob-east-1", wanted{fips: true}, "ec2-fips.us-isob-east-1.sc2s.sgov.gov"},
		{"us-isof-south-1", wanted{dual: true}, "ec2.us-isof-south-1.api.aws.hci.ic.gov"},
		{"eu-isoe-west-1", wanted{dual: true}, "ec2.eu-isoe-west-1.api.cloud-aws.adc-e.uk"},
		{"eusc-de-east-1", wanted{}, "ec2.eusc-de-east-1.amazonaws.eu"},
	}
	for _, row := range rows {
		if got := hostOf(row.region, row.want); got != row.host {
			t.Errorf("%s %+v: got %s, want %s", row.region, row.want, got, row.host)
		}
	}
}

func TestTheEndpointIsSetAsForEveryProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("[default]\nservices = ours\n[services ours]\nec2 =\n  endpoint_url = https://file.internal\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rows := map[string]struct {
		env  map[string]string
		want string
	}{
		"none":           {nil, "https://ec2.eu-central-1.amazonaws.com/"},
		"fips":           {map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "https://ec2-fips.eu-central-1.amazonaws.com/"},
		"dual":           {map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://ec2.eu-central-1.api.aws/"},
		"of all":         {map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "http://127.0.0.1:4566/"},
		"of the service": {map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_EC2": "https://vpce.internal/ec2"}, "https://vpce.internal/ec2"},
		"in the file":    {map[string]string{"AWS_CONFIG_FILE": file}, "https://file.internal/"},
		"ignored": {map[string]string{"AWS_CONFIG_FILE": file, "AWS_ENDPOINT_URL_EC2": "https://vpce.internal", "AWS_ENDPOINT_URL": "https://x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
			"https://ec2.eu-central-1.amazonaws.com/"},
	}
	for what, row := range rows {
		t.Run(what, func(t *testing.T) {
			environment(t, row.env)
			conf, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("eu-central-1"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := endpoint(t.Context(), conf); err != nil || got != row.want {
				t.Errorf("got %q, %v, want %q", got, err, row.want)
			}
		})
	}
}
