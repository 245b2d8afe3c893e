package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// This file is the text of tokens: bst_ACCESSOR_SECRET. The accessor is public: it is how people, policies and the audit trail speak of a token.
// The secret is 256 random bits, so one SHA-256 over the text is all that has to be kept: slow hashes and salts are for words that people choose,
// which can be guessed, and nobody goes through 2^256 of anything. The prefix lets scanners of sources and logs find a token that got lost.

// ErrToken says that a text is no token. It never repeats the text.
var ErrToken = errors.New("not a token: want bst_ACCESSOR_SECRET")

const (
	tokenPrefix   = "bst_"
	accessorBytes = 8
	secretBytes   = 32
)

var tokenLetters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Token is a token with its secret. It prints as its accessor, however it is printed; only Reveal gives the text away. The text is behind a pointer,
// since fmt looks into unexported fields of others without asking anybody's methods.
type Token struct {
	text     *string // nil for no token
	accessor string
}

var (
	_ fmt.Formatter  = Token{}
	_ slog.LogValuer = Token{}
)

// NewToken makes one.
func NewToken() Token {
	var b [accessorBytes + secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	accessor := tokenLetters.EncodeToString(b[:accessorBytes])
	text := tokenPrefix + accessor + "_" + tokenLetters.EncodeToString(b[accessorBytes:])
	return Token{text: &text, accessor: accessor}
}

// ParseToken reads the text of a token; white space around it is ignored, as files end with a new line. It errs with ErrToken.
func ParseToken(text string) (Token, error) {
	text = strings.TrimSpace(text)
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	accessor, secret, both := strings.Cut(rest, "_")
	if !ok || !both || !letters(accessor, accessorBytes) || !letters(secret, secretBytes) {
		return Token{}, ErrToken
	}
	return Token{text: &text, accessor: accessor}, nil
}

func letters(s string, n int) bool {
	b, err := tokenLetters.DecodeString(s)
	return err == nil && len(b) == n
}

// Accessor is the token's public name.
func (t Token) Accessor() string { return t.accessor }

// Reveal is the text, secret and all; "" for no token.
func (t Token) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// IsZero reports whether t is no token.
func (t Token) IsZero() bool { return t.text == nil }

// Hash is what the book keeps of the token.
func (t Token) Hash() [32]byte { return sha256.Sum256([]byte(t.Reveal())) }

// Is reports whether hash is that of the token, in a time that does not tell how much of it is.
func (t Token) Is(hash [32]byte) bool {
	own := t.Hash()
	return subtle.ConstantTimeCompare(own[:], hash[:]) == 1
}

// String is "token ACCESSOR".
func (t Token) String() string { return "token " + t.accessor }

// Format writes String, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue is for slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText keeps the secret out of JSON and the like.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
