package transport

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net"
	"testing"
	"time"
)

// seal is a lock that opens what ends in it and in what it was sealed together with.
type seal string

func (s seal) Opens(sealed, also []byte) bool {
	return bytes.HasSuffix(sealed, append([]byte(s), also...))
}

func (s seal) packet(text string) []byte { return []byte(text + string(s)) }

func (s seal) hello(text string) []byte {
	head := []byte{encrypted, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(head[1:], uint32(len(text)+len(s)+len(head)))
	return append(append(append(bytes.Clone(head), text...), s...), head...)
}

func TestAddressesThatAreNone(t *testing.T) {
	here, err := Listen(Config{IP: net.IPv4(127, 0, 0, 1), Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer here.Shutdown()
	if _, err := here.WriteTo([]byte("x"), "somewhere:1"); err == nil {
		t.Error("a packet was sent to a name")
	}
	if _, _, err := here.FinalAdvertiseAddr("somewhere", 1); err == nil {
		t.Error("a name is advertised")
	}
	_, port, _ := here.FinalAdvertiseAddr("127.0.0.1", 0)
	if twice, err := Listen(Config{IP: net.IPv4(127, 0, 0, 1), Port: port, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)}); err == nil {
		twice.Shutdown()
		t.Error("one port was opened twice")
	}
}
