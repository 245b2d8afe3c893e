package member

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"sync/atomic"
)

// This file tells what a key of the ring has sealed from everything else, before anything of it is decoded. The library would do so, too, but
// expands every key anew for every packet.

// What memberlist seals is a version, a nonce, the text, and a tag (memberlist/security.go). The version that pads the text is taken by the library
// and sent by none of our nodes; its padding is cut off unchecked.
const (
	sealVersion = 1
	nonceBytes  = 12
	sealBytes   = 1 + nonceBytes + 16 // of a text of no bytes, which is no message
)

// lock opens what any key of a ring has sealed. It is safe for concurrent use.
type lock struct{ keys atomic.Pointer[[]cipher.AEAD] }

func (l *lock) set(keys []Key) error {
	var out []cipher.AEAD
	for _, k := range keys {
		block, err := aes.NewCipher(k)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
		out = append(out, aead)
	}
	l.keys.Store(&out)
	return nil
}

// Opens is transport.Lock's.
func (l *lock) Opens(sealed, also []byte) bool {
	if len(sealed) <= sealBytes || sealed[0] != sealVersion {
		return false
	}
	nonce, text := sealed[1:1+nonceBytes], sealed[1+nonceBytes:]
	for _, key := range *l.keys.Load() {
		if _, err := key.Open(nil, nonce, text, also); err == nil {
			return true
		}
	}
	return false
}
