package canary

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// Secret is one canary.
type Secret struct {
	Name  string // for people
	Value []byte
}

// New draws a secret of text that has to be escaped nearly everywhere. The words around the awkward part are found however that is written.
func New(name string) Secret {
	return Secret{Name: name, Value: []byte("cnry" + rand.Text() + `&<"%+/=` + rand.Text())}
}

// Plain draws a secret that may stand where few characters may: in the user part of an URL, in an access key.
func Plain(name string) Secret { return Secret{Name: name, Value: []byte("cnry" + rand.Text())} }

// Of is a secret that something else has made.
func Of(name string, value []byte) Secret { return Secret{Name: name, Value: value} }

// least is how long a form has to be, in bytes, so that it stands nowhere by chance.
const least = 12

// forms are the ways in which bytes of the secret may be written.
func (s Secret) forms() [][]byte {
	seen := map[string]bool{}
	var out [][]byte
	add := func(form string) {
		if len(form) >= least && !seen[form] {
			seen[form] = true
			out = append(out, []byte(form))
		}
	}
	texts := []string{string(s.Value)}
	for _, word := range strings.FieldsFunc(string(s.Value), func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') }) {
		if len(word) >= 20 { // of text: neighbours of what was escaped are as telling as all of it
			texts = append(texts, word)
		}
	}
	for _, text := range texts {
		add(text)
		add(hex.EncodeToString([]byte(text)))
		add(strings.ToUpper(hex.EncodeToString([]byte(text))))
		add(url.QueryEscape(text))
		add(url.PathEscape(text))
		add(html.EscapeString(text))
		add(strings.Trim(strconv.Quote(text), `"`))
		if b, err := json.Marshal(text); err == nil {
			add(strings.Trim(string(b), `"`))
		}
		add(strings.ReplaceAll(strings.Trim(fmt.Sprint([]byte(text)), "[]"), " ", ", ")) // as %v writes bytes, and as some JSON does
		add(strings.Trim(fmt.Sprint([]byte(text)), "[]"))
		add(strings.ReplaceAll(strings.Trim(fmt.Sprint([]byte(text)), "[]"), " ", ","))
		for shift := range 3 {
			for _, form := range []string{shifted(base64.RawStdEncoding, text, shift), shifted(base64.RawURLEncoding, text, shift)} {
				add(form)
			}
		}
	}
	return out
}

// shifted is text in base64, as it stands in the encoding of something that has shift bytes before it, without the characters that its neighbours have a
// part in.
func shifted(enc *base64.Encoding, text string, shift int) string {
	whole := enc.EncodeToString(append(make([]byte, shift), text...))
	from := (shift*8 + 5) / 6
	to := (shift + len(text)) * 8 / 6
	if from >= to {
		return ""
	}
	return whole[from:to]
}
