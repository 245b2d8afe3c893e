package discover

import (
	"bytes"
	"errors"
	"net/url"
	"testing"
)

// FuzzRead: whatever answers in EC2's place, there comes out an error of bounded length, or addresses that can be dialled.
func FuzzRead(f *testing.F) {
	var page bytes.Buffer
	a := &account{t: nil, page: 1, instances: []machine{node(1, "running"), node(2, "running")}}
	a.answer(&page, url.Values{}, 0)
	f.Add(200, page.Bytes())
	f.Add(503, []byte(`<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>m</Message></Error></Errors></Response>`))
	f.Add(200, []byte(`<DescribeInstancesResponse><reservationSet><item><instancesSet><item><privateIpAddress>0.0.0.0</privateIpAddress><ipv6Address>fe80::1%eth0</ipv6Address></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`))
	f.Add(200, []byte(`<!DOCTYPE a [<!ENTITY b "c">]><DescribeInstancesResponse>&b;</DescribeInstancesResponse>`))
	f.Add(200, []byte(`<DescribeInstancesResponse/><DescribeInstancesResponse/>`))
	f.Fuzz(func(t *testing.T, status int, raw []byte) {
		a, err := read(status, bytes.NewReader(raw))
		var r *refusal
		switch {
		case errors.As(err, &r) && (status == 200 || len(r.Error()) > 600):
			t.Fatalf("status %d: an error of %d bytes", status, len(r.Error()))
		case err != nil:
			return
		case status != 200:
			t.Fatalf("status %d is taken for an answer", status)
		}
		for _, i := range a.instances() {
			for _, kind := range []AddrType{PrivateV4, PublicV4, PrivateV6} {
				if ip, ok := i.addr(kind); ok && (ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" || ip.Is4() == (kind == PrivateV6)) {
					t.Errorf("%s: %s is dialled", kind, ip)
				}
			}
		}
	})
}
