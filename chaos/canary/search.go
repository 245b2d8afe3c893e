package canary

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// maxOpened bounds what one compressed piece becomes, in bytes, and deepest how often one may be in another.
const (
	maxOpened = 256 << 20
	deepest   = 4
)

// Found is a secret where it was found.
type Found struct {
	Secret string
	Place  string
}

func (f Found) String() string { return f.Secret + " in " + f.Place }

// Search looks for secrets. It is for one goroutine.
type Search struct {
	first  [1 << 16]bool // by the first two bytes of forms: nearly everything is passed over by this alone
	forms  map[uint64][]form
	found  map[Found]bool
	places map[string]bool // that were looked through
	bytes  int64           // of them, opened
	exempt []exemption
	zstd   *zstd.Decoder
}

type form struct {
	secret string
	text   []byte
}

type exemption struct {
	secret string
	place  func(string) bool
	why    string
	used   bool
}

// NewSearch makes a search for all of secrets.
func NewSearch(secrets ...Secret) (*Search, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxOpened))
	if err != nil {
		return nil, err
	}
	s := &Search{forms: map[uint64][]form{}, found: map[Found]bool{}, places: map[string]bool{}, zstd: z}
	for _, secret := range secrets {
		if len(secret.Value) < least {
			return nil, fmt.Errorf("%s has %d bytes, which may stand anywhere by chance", secret.Name, len(secret.Value))
		}
		for _, text := range secret.forms() {
			s.first[binary.LittleEndian.Uint16(text)] = true
			key := binary.LittleEndian.Uint64(text)
			s.forms[key] = append(s.forms[key], form{secret.Name, text})
		}
	}
	return s, nil
}

// Exempt allows a secret, "" for any, in the places that place says yes to. why is for the reader of the test.
func (s *Search) Exempt(secret, why string, place func(string) bool) {
	s.exempt = append(s.exempt, exemption{secret: secret, place: place, why: why})
}

// Unused are the reasons of exemptions that nothing needed.
func (s *Search) Unused() (out []string) {
	for _, e := range s.exempt {
		if !e.used {
			out = append(out, e.why)
		}
	}
	return out
}

// Look looks through what place holds, and through what is packed in it.
func (s *Search) Look(place string, body []byte) { s.look(place, body, 0) }

func (s *Search) look(place string, body []byte, depth int) {
	s.places[place] = true
	s.bytes += int64(len(body))
	s.match(place, body)
	if depth == deepest {
		return
	}
	for at := 0; at+4 < len(body); at++ {
		rest := body[at:]
		switch {
		case rest[0] == 0x1f && rest[1] == 0x8b && rest[2] == 8:
			if r, err := gzip.NewReader(bytes.NewReader(rest)); err == nil {
				s.opened(fmt.Sprintf("%s (gzip at %d)", place, at), r, depth)
			}
		case rest[0] == 0x28 && rest[1] == 0xb5 && rest[2] == 0x2f && rest[3] == 0xfd:
			if err := s.zstd.Reset(bytes.NewReader(rest)); err == nil {
				s.opened(fmt.Sprintf("%s (zstd at %d)", place, at), s.zstd, depth)
			}
		}
	}
	if len(body) > 512 && bytes.Equal(body[257:262], []byte("ustar")) {
		for in := tar.NewReader(bytes.NewReader(body)); ; {
			head, err := in.Next()
			if err != nil {
				return
			}
			if text, err := io.ReadAll(io.LimitReader(in, maxOpened)); err == nil {
				s.look(place+"/"+head.Name, text, depth+1)
			}
		}
	}
}

// opened looks through as much of r as can be read: what ends with an error has given something before.
func (s *Search) opened(place string, r io.Reader, depth int) {
	var out bytes.Buffer
	_, _ = io.Copy(&out, io.LimitReader(r, maxOpened)) // what stands there need not be what its first bytes say
	if out.Len() > 0 {
		s.look(place, out.Bytes(), depth+1)
	}
}

// match looks for every form at every place of body.
func (s *Search) match(place string, body []byte) {
	for at := 0; at+8 <= len(body); at++ {
		if !s.first[binary.LittleEndian.Uint16(body[at:])] {
			continue
		}
		for _, f := range s.forms[binary.LittleEndian.Uint64(body[at:])] {
			if bytes.HasPrefix(body[at:], f.text) && !s.allowed(f.secret, place) {
				s.found[Found{f.secret, place}] = true
			}
		}
	}
}

func (s *Search) allowed(secret, place string) bool {
	for i, e := range s.exempt {
		if (e.secret == "" || e.secret == secret) && e.place(place) {
			s.exempt[i].used = true
			return true
		}
	}
	return false
}

// Tree looks through the names and contents of all files below dir, which is called name.
func (s *Search) Tree(name, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		place := name + "/" + filepath.ToSlash(below)
		s.match("the name of "+place, []byte(entry.Name()))
		if !entry.Type().IsRegular() {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s.Look(place, body)
		return nil
	})
}

// All is what was found, in order.
func (s *Search) All() []Found {
	out := make([]Found, 0, len(s.found))
	for f := range s.found {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Found) int { return bytes.Compare([]byte(a.String()), []byte(b.String())) })
	return out
}

// Of is where one secret was found, in order.
func (s *Search) Of(secret string) (places []string) {
	for _, f := range s.All() {
		if f.Secret == secret {
			places = append(places, f.Place)
		}
	}
	return places
}

// Seen is how many places and bytes were looked through.
func (s *Search) Seen() (places int, bytes int64) { return len(s.places), s.bytes }

// Close gives back what opens compressed pieces.
func (s *Search) Close() { s.zstd.Close() }
