package discover

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// This file reads what EC2 answers: instances as
//
//	<DescribeInstancesResponse>
//	  <reservationSet><item><instancesSet><item>
//	    <privateIpAddress/> <ipAddress/> <ipv6Address/> <networkInterfaceSet><item><ipv6AddressesSet><item><ipv6Address/>
//	  <nextToken/>
//
// or <Response><Errors><Error><Code/><Message/>. Whoever answers in EC2's place, a proxy or a portal, is told apart by the name of the root.

type answer struct {
	XMLName      xml.Name `xml:"DescribeInstancesResponse"`
	Reservations []struct {
		Instances []instance `xml:"instancesSet>item"`
	} `xml:"reservationSet>item"`
	NextToken string `xml:"nextToken"`
}

type instance struct {
	PrivateIP  string `xml:"privateIpAddress"`
	PublicIP   string `xml:"ipAddress"`
	IPv6       string `xml:"ipv6Address"`
	Interfaces []struct {
		IPv6 []string `xml:"ipv6AddressesSet>item>ipv6Address"`
	} `xml:"networkInterfaceSet>item"`
}

func (a *answer) instances() []instance {
	var out []instance
	for _, r := range a.Reservations {
		out = append(out, r.Instances...)
	}
	return out
}

// addr is the instance's address of type t, if it has one. What can not be dialled is none.
func (i instance) addr(t AddrType) (netip.Addr, bool) {
	var texts []string
	switch t {
	case PrivateV4:
		texts = []string{i.PrivateIP}
	case PublicV4:
		texts = []string{i.PublicIP}
	case PrivateV6:
		texts = []string{i.IPv6}
		for _, n := range i.Interfaces {
			texts = append(texts, n.IPv6...)
		}
	}
	for _, text := range texts {
		ip, err := netip.ParseAddr(strings.TrimSpace(text))
		if err == nil && ip.Zone() == "" && !ip.IsUnspecified() && !ip.IsMulticast() && ip.Is4() == (t != PrivateV6) && !ip.Is4In6() {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// refusal is an answer of EC2 that is an error. Its methods are those by which AWS's library tells what is worth another try.
type refusal struct {
	Status  int
	Code    string
	Message string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("AWS answers ec2:DescribeInstances with %s (HTTP status %d): %s", r.Code, r.Status, r.Message)
}
func (r *refusal) ErrorCode() string   { return r.Code }
func (r *refusal) HTTPStatusCode() int { return r.Status }

const maxMessage = 300 // characters of what EC2 says; an encoded authorization message has thousands

// read reads one answer, and not more than awsAnswer bytes of it.
func read(status int, body io.Reader) (*answer, error) {
	raw, err := io.ReadAll(io.LimitReader(body, awsAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case len(raw) > awsAnswer:
		return nil, fmt.Errorf("an answer of more than %d MiB, which is none of EC2's", awsAnswer>>20)
	case status != 200:
		return nil, refused(status, raw)
	}
	var a answer
	if err := decode(raw, &a); err != nil {
		return nil, fmt.Errorf("an answer that is not EC2's: %w", err)
	}
	return &a, nil
}

// decode reads one document and nothing after it.
func decode(raw []byte, into any) error {
	d := xml.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(into); err != nil {
		return err
	}
	for {
		switch t, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		default:
			if text, blank := t.(xml.CharData); !blank || len(bytes.TrimSpace(text)) > 0 {
				return errors.New("something follows the document")
			}
		}
	}
}

func refused(status int, raw []byte) error {
	var said struct {
		XMLName xml.Name `xml:"Response"`
		Errors  []struct {
			Code    string
			Message string
		} `xml:"Errors>Error"`
	}
	if err := decode(raw, &said); err != nil || len(said.Errors) == 0 {
		return &refusal{Status: status, Code: "no code", Message: "the answer is not EC2's; is there a proxy in between?"}
	}
	return &refusal{Status: status, Code: short(said.Errors[0].Code, 64), Message: short(said.Errors[0].Message, maxMessage)}
}

// short is text in one line of at most n bytes.
func short(text string, n int) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "..."
}
