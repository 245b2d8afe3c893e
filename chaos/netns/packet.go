//go:build linux

package netns

import (
	"encoding/binary"
	"net/netip"

	"backstitch/chaos/rule"
)

// Where things lie in an IPv4 packet and in a TCP segment.
const (
	ipHeader   = 20
	ipID       = 4
	ipFragment = 6
	ipTTL      = 8
	ipProto    = 9
	ipSum      = 10
	ipFrom     = 12
	ipTo       = 16
	ipNoMore   = 0x1fff // mask of the fragment's offset

	tcpHeader = 20
	tcpSeq    = 4
	tcpAck    = 8
	tcpFlags  = 13
	tcpSum    = 16

	flagFIN, flagSYN, flagRST, flagACK = 0x01, 0x02, 0x04, 0x10
)

// packet is what rules look at. data is the whole IP packet.
type packet struct {
	data             []byte
	from, to         netip.Addr
	proto            rule.Proto
	fromPort, toPort uint16 // 0 where there are none: other protocols, later fragments
}

// parse reads the headers of an IPv4 packet. ok is false for everything else.
func parse(data []byte) (p packet, ok bool) {
	if len(data) < ipHeader || data[0]>>4 != 4 {
		return p, false
	}
	header := int(data[0]&0xf) * 4
	if header < ipHeader || len(data) < header {
		return p, false
	}
	p = packet{
		data: data, proto: rule.Proto(data[ipProto]),
		from: netip.AddrFrom4([4]byte(data[ipFrom:])), to: netip.AddrFrom4([4]byte(data[ipTo:])),
	}
	first := binary.BigEndian.Uint16(data[ipFragment:])&ipNoMore == 0
	if first && (p.proto == rule.TCP || p.proto == rule.UDP) && len(data) >= header+4 {
		p.fromPort, p.toPort = binary.BigEndian.Uint16(data[header:]), binary.BigEndian.Uint16(data[header+2:])
	}
	return p, true
}

// payload is what follows the IP header.
func (p packet) payload() []byte { return p.data[int(p.data[0]&0xf)*4:] }

// resets makes the two segments that end a TCP connection at once: back to the sender, and on to the receiver, each with the
// number that its end expects. A reset is not answered.
func (p packet) resets() (back, on []byte, ok bool) {
	segment := p.payload()
	if p.proto != rule.TCP || p.toPort == 0 || len(segment) < tcpHeader || segment[tcpFlags]&flagRST != 0 {
		return nil, nil, false
	}
	flags := segment[tcpFlags]
	seq, ack := binary.BigEndian.Uint32(segment[tcpSeq:]), binary.BigEndian.Uint32(segment[tcpAck:])
	size := uint32(len(segment)) - uint32(segment[12]>>4)*4
	if flags&flagSYN != 0 {
		size++
	}
	if flags&flagFIN != 0 {
		size++
	}
	back = reset(p.to, p.from, p.toPort, p.fromPort, ack, seq+size, flagRST|flagACK)
	on = reset(p.from, p.to, p.fromPort, p.toPort, seq, ack, flagRST|flags&flagACK)
	return back, on, true
}

func reset(from, to netip.Addr, fromPort, toPort uint16, seq, ack uint32, flags byte) []byte {
	out := make([]byte, ipHeader+tcpHeader)
	out[0] = 4<<4 | ipHeader/4
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	out[ipTTL], out[ipProto] = 64, byte(rule.TCP)
	copy(out[ipFrom:], from.AsSlice())
	copy(out[ipTo:], to.AsSlice())
	binary.BigEndian.PutUint16(out[ipSum:], checksum(0, out[:ipHeader]))
	segment := out[ipHeader:]
	binary.BigEndian.PutUint16(segment, fromPort)
	binary.BigEndian.PutUint16(segment[2:], toPort)
	binary.BigEndian.PutUint32(segment[tcpSeq:], seq)
	binary.BigEndian.PutUint32(segment[tcpAck:], ack)
	segment[12], segment[tcpFlags] = tcpHeader/4<<4, flags
	pseudo := uint32(rule.TCP) + tcpHeader
	for at := ipFrom; at < ipHeader; at += 2 {
		pseudo += uint32(binary.BigEndian.Uint16(out[at:]))
	}
	binary.BigEndian.PutUint16(segment[tcpSum:], checksum(pseudo, segment))
	return out
}

// checksum is the Internet checksum of b on top of sum.
func checksum(sum uint32, b []byte) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
