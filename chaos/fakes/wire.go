package fakes

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// This file stands between a connection and the broker and sees whole requests and whole answers. An answer that is held back
// belongs to a request that the broker has processed: that is what makes an ambiguous reply honest. Answers are matched to
// requests by correlation id.

// maxFrame bounds one request. Kafka's own default is 100 MiB.
const maxFrame = 100 << 20

// tapped is a listener whose connections are tapped.
type tapped struct {
	net.Listener
	k *Kafka
}

func (l *tapped) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		t := &tap{Conn: c, k: l.k, done: make(chan struct{}), answers: map[int32]answer{}}
		if l.k.mem != nil {
			t.from = dialler(c)
		}
		if l.k.admit(t) {
			return t, nil
		}
		_ = c.Close()
	}
}

// answer is what is going to happen to the answer to one request.
type answer struct {
	key, version int16
	cut          *wireRule
	delay        time.Duration
	throttle     *wireRule
}

// tap is the broker's end of one connection. One goroutine reads and another one writes.
type tap struct {
	net.Conn
	k    *Kafka
	from string
	once sync.Once
	done chan struct{} // closed by Close

	in  []byte // rest of a request that the broker has not read; owned by the reader
	out []byte // part of an answer; owned by the writer

	mu      sync.Mutex
	answers map[int32]answer
}

// Close breaks the connection.
func (t *tap) Close() error {
	t.once.Do(func() {
		close(t.done)
		t.k.forget(t)
	})
	return t.Conn.Close()
}

func (t *tap) Read(p []byte) (int, error) {
	if len(t.in) == 0 {
		frame, err := t.request()
		if err != nil {
			return 0, err
		}
		t.in = frame
	}
	n := copy(p, t.in)
	t.in = t.in[n:]
	return n, nil
}

// request reads one request and decides its fate.
func (t *tap) request() ([]byte, error) {
	frame := make([]byte, 4)
	if _, err := io.ReadFull(t.Conn, frame); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(frame)
	if size < 8 || size > maxFrame {
		return nil, fmt.Errorf("a request of %d bytes", size)
	}
	frame = append(frame, make([]byte, size)...)
	if _, err := io.ReadFull(t.Conn, frame[4:]); err != nil {
		return nil, err
	}
	if err := t.k.passCut(t.from, t.done); err != nil {
		return nil, err
	}
	a := answer{key: int16(binary.BigEndian.Uint16(frame[4:])), version: int16(binary.BigEndian.Uint16(frame[6:]))}
	for _, r := range t.k.matching(a.key, t.from) {
		if !r.next() {
			continue
		}
		switch {
		case r.Before:
			r.in.hits.Add(1)
			_ = t.Close()
			return nil, net.ErrClosed
		case r.After:
			a.cut = r
		case r.Delay > 0:
			r.in.hits.Add(1)
			a.delay += t.k.chance.around(r.Delay, r.Jitter)
		case r.Throttle > 0:
			a.throttle = r
		}
	}
	t.mu.Lock()
	t.answers[int32(binary.BigEndian.Uint32(frame[8:]))] = a
	t.mu.Unlock()
	return frame, nil
}

// Write takes what the broker answers, and passes on whole answers.
func (t *tap) Write(p []byte) (int, error) {
	t.out = append(t.out, p...)
	for len(t.out) >= 8 {
		size := 4 + int(binary.BigEndian.Uint32(t.out))
		if len(t.out) < size {
			break
		}
		if err := t.reply(slices.Clone(t.out[:size])); err != nil {
			return 0, err
		}
		t.out = t.out[:copy(t.out, t.out[size:])]
	}
	return len(p), nil
}

func (t *tap) reply(frame []byte) error {
	id := int32(binary.BigEndian.Uint32(frame[4:]))
	t.mu.Lock()
	a := t.answers[id]
	delete(t.answers, id)
	t.mu.Unlock()
	if a.cut != nil {
		a.cut.in.hits.Add(1)
		_ = t.Close()
		return net.ErrClosed
	}
	if a.delay > 0 {
		timer := time.NewTimer(a.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-t.done:
			return net.ErrClosed
		}
	}
	if a.throttle != nil {
		if throttled, ok := a.throttled(frame); ok {
			a.throttle.in.hits.Add(1)
			frame = throttled
		}
	}
	if err := t.k.passCut(t.from, t.done); err != nil {
		return err
	}
	_, err := t.Conn.Write(frame)
	return err
}

// throttled is the answer with a request to wait in it; ok is false when this kind of answer has no place for one.
func (a answer) throttled(frame []byte) (out []byte, ok bool) {
	resp := kmsg.ResponseForKey(a.key)
	if resp == nil {
		return nil, false
	}
	resp.SetVersion(a.version)
	with, ok := resp.(kmsg.SetThrottleResponse)
	if !ok {
		return nil, false
	}
	header := 8
	if resp.IsFlexible() && a.key != int16(kmsg.ApiVersions) {
		header++ // no tags
	}
	if len(frame) < header || resp.ReadFrom(frame[header:]) != nil {
		return nil, false
	}
	with.SetThrottle(int32(a.throttle.Throttle.Milliseconds()))
	out = resp.AppendTo(slices.Clone(frame[:header]))
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out, true
}

// admit takes a new connection, or not while the broker is down.
func (k *Kafka) admit(t *tap) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for in := range k.refused {
		in.hits.Add(1)
	}
	if len(k.refused) > 0 {
		return false
	}
	k.taps[t] = struct{}{}
	return true
}

func (k *Kafka) forget(t *tap) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.taps, t)
}

// reset breaks the connections that which wants, and returns how many.
func (k *Kafka) reset(which func(*tap) bool) int64 {
	k.mu.Lock()
	var gone []*tap
	for t := range k.taps {
		if which(t) {
			gone = append(gone, t)
		}
	}
	k.mu.Unlock()
	for _, t := range gone {
		_ = t.Close()
	}
	return int64(len(gone))
}

func (k *Kafka) matching(key int16, from string) []*wireRule {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []*wireRule
	for _, r := range k.rules {
		if slices.Contains(r.Keys, kmsg.Key(key)) && (r.From == "" || r.From == from) {
			out = append(out, r)
		}
	}
	return out
}
