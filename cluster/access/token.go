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
	accessor string  // "" for what a provider has signed
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

// ErrShown says that a text is neither a token nor what an identity provider signs. It never repeats the text.
var ErrShown = errors.New("neither a token (bst_ACCESSOR_SECRET) nor a signed login")

// maxLogin bounds the text of a signed login, in bytes.
const maxLogin = 32 << 10

// ParseShown reads what somebody shows to be known: a token, or what an identity provider has signed for him (a JWT). Of the latter only the form is
// looked at, so whoever shows it is not known yet. It errs with ErrShown.
func ParseShown(text string) (Token, error) {
	text = strings.TrimSpace(text)
	if t, err := ParseToken(text); err == nil {
		return t, nil
	}
	if len(text) > maxLogin || strings.HasPrefix(text, tokenPrefix) || strings.Count(text, ".") != 2 || strings.ContainsFunc(text, strangeToLogins) {
		return Token{}, ErrShown
	}
	return Token{text: &text}, nil
}

// strangeToLogins reports whether a letter is in no signed login: those are base64 for addresses, in three parts.
func strangeToLogins(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// letters reports whether s is how n bytes are written. The decoder alone passes over line breaks, which then stood in errors and logs.
func letters(s string, n int) bool {
	b, err := tokenLetters.DecodeString(s)
	return err == nil && len(b) == n && tokenLetters.EncodeToString(b) == s
}

// Accessor is the token's public name, "" for what a provider has signed.
func (t Token) Accessor() string { return t.accessor }

// IsLogin reports whether t is what a provider has signed.
func (t Token) IsLogin() bool { return t.text != nil && t.accessor == "" }

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

// String is "token ACCESSOR", or "a login".
func (t Token) String() string {
	if t.IsLogin() {
		return "a login"
	}
	return "token " + t.accessor
}

// Format writes String, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue is for slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText keeps the secret out of JSON and the like.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
