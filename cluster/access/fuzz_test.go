package access

import (
	"fmt"
	"strings"
	"testing"
)

// FuzzParseShown: what somebody shows is a token that writes itself as it was read, a login of letters in three parts, or refused without being repeated.
func FuzzParseShown(f *testing.F) {
	f.Add(NewToken().Reveal())
	f.Add(" " + NewToken().Reveal() + "\r\n")
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl")
	f.Add("bst_a_b")
	f.Add("bst_5jhvd7zmnjmho_e26txz7ro3b\n3j3vxzywepl37fxtaafpxpdowwnbgdqwuziaqazq\rz") // which was a token once
	f.Add("bst_5jhvd7\nzmnjmho_e26txz7ro3b3j3vxzywepl37fxtaafpxpdowwnbgdqwuziaqazqz")
	f.Add("..")
	f.Add("bst_" + strings.Repeat("a", 33<<10))
	f.Fuzz(func(t *testing.T, text string) {
		shown, err := ParseShown(text)
		token, tokenErr := ParseToken(text)
		trimmed := strings.TrimSpace(text)
		switch {
		case err != nil:
			if !shown.IsZero() || tokenErr == nil || len(trimmed) > 8 && strings.Contains(err.Error(), trimmed) {
				t.Errorf("%q: refused with %v, got %v; as a token %v", text, err, shown, tokenErr)
			}
		case shown.Reveal() != trimmed || shown.IsLogin() != (tokenErr != nil) || len(trimmed) > maxLogin:
			t.Errorf("%q: got %q, a login %t; as a token %v", text, shown.Reveal(), shown.IsLogin(), tokenErr)
		case strings.ContainsAny(shown.Reveal()+shown.Accessor(), "\r\n\x00; ,\""):
			t.Errorf("%q would not be one value of a header or a cookie", shown.Reveal())
		}
		if tokenErr == nil {
			again, err := ParseToken(token.Reveal())
			secret := token.Reveal()[strings.LastIndexByte(token.Reveal(), '_')+1:]
			if err != nil || again.Accessor() != token.Accessor() || !token.Is(again.Hash()) || strings.Contains(fmt.Sprintf("%v %+v %#v %s %x", token, token, token, token, token), secret) {
				t.Errorf("%q: read again %v, %v", text, again, err)
			}
		}
	})
}
