package member

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sealed is text as memberlist sends it.
func sealed(t testing.TB, version byte, k Key, text, also []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(k)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := bytes.Repeat([]byte{7}, nonceBytes)
	return aead.Seal(append([]byte{version}, nonce...), nonce, text, also)
}

// TestTheLockFollowsTheRing: what any key of it has sealed is opened, and nothing else.
func TestTheLockFollowsTheRing(t *testing.T) {
	old, next, other := made(1), Key(bytes.Repeat([]byte{2}, 16)), made(3)
	fs := vfs.NewMem()
	file, _ := keyFile(t, old)
	ring := openRing(t, fs, "", file)
	opens := func(when string, want map[*Key]bool) {
		t.Helper()
		for k, want := range want {
			if got := ring.lock.Opens(sealed(t, sealVersion, *k, []byte("x"), []byte("head")), []byte("head")); got != want {
				t.Errorf("%s: what %s sealed is opened: %t", when, k, got)
			}
		}
	}
	opens("at first", map[*Key]bool{&old: true, &next: false, &other: false})
	was := ring.Keys().Revision
	if err := ring.Put(was, Keys{was + 1, []Key{old, next}}); err != nil {
		t.Fatal(err)
	}
	opens("with two keys", map[*Key]bool{&old: true, &next: true, &other: false})
	if err := ring.Put(was+1, Keys{was + 2, []Key{next}}); err != nil {
		t.Fatal(err)
	}
	opens("once the old one is gone", map[*Key]bool{&old: false, &next: true, &other: false})

	good := sealed(t, sealVersion, next, []byte("text"), nil)
	for name, b := range map[string][]byte{
		"the version that pads": sealed(t, 0, next, []byte("text"), nil), "a later version": sealed(t, 2, next, []byte("text"), nil),
		"no text": sealed(t, sealVersion, next, nil, nil), "nothing": nil, "a version": good[:1], "no tag": good[:sealBytes],
		"one byte less": good[:len(good)-1], "one byte more": append(bytes.Clone(good), 0), "another text": append(bytes.Clone(good[:13]), append([]byte{^good[13]}, good[14:]...)...),
		"sealed with something": sealed(t, sealVersion, next, []byte("text"), []byte("head")),
	} {
		if ring.lock.Opens(b, nil) {
			t.Errorf("%s is opened", name)
		}
	}
	if !ring.lock.Opens(good, nil) || ring.lock.Opens(good, []byte("head")) {
		t.Error("what was sealed with nothing else is not opened as that alone")
	}
}
