package packages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/blakesmith/ar"
)

// built is the one package of a kind in bin/packages.
func built(t *testing.T, kind string) []byte {
	t.Helper()
	files, err := filepath.Glob("../../../bin/packages/*." + kind)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d packages of kind %s (make packages builds them): %v", len(files), kind, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// wanted are files that every package has, with their modes.
var wanted = map[string]int64{
	"/usr/bin/backstitch":                                  0o755,
	"/usr/lib/systemd/system/backstitch.service":           0o644,
	"/usr/lib/sysusers.d/backstitch.conf":                  0o644,
	"/etc/backstitch":                                      0o750,
	"/usr/share/doc/backstitch/examples/agent.yaml":        0o644,
	"/usr/share/doc/backstitch/copyright":                  0o644,
	"/usr/share/backstitch/alerts/backstitch.yaml":         0o644,
	"/usr/share/backstitch/dashboards/overview.json":       0o644,
	"/usr/share/backstitch/runbooks/BackstitchNoLeader.md": 0o644,
	"/usr/share/man/man1/backstitch.1":                     0o644,
	"/usr/share/man/man1/backstitch-agent.1":               0o644,
	"/usr/share/bash-completion/completions/backstitch":    0o644,
	"/usr/share/fish/vendor_completions.d/backstitch.fish": 0o644,
}

type entry struct {
	mode int64
	body []byte
}

// archive reads a member of a deb.
func archive(t *testing.T, deb []byte, member string) map[string]entry {
	t.Helper()
	members := ar.NewReader(bytes.NewReader(deb))
	for {
		head, err := members.Next()
		if err != nil {
			t.Fatalf("no %s in the package: %v", member, err)
		}
		if strings.TrimSuffix(head.Name, "/") != member {
			continue
		}
		unzipped, err := gzip.NewReader(members)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]entry{}
		for files := tar.NewReader(unzipped); ; {
			h, err := files.Next()
			if errors.Is(err, io.EOF) {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(files)
			if err != nil {
				t.Fatal(err)
			}
			if h.Uid != 0 || h.Gid != 0 {
				t.Errorf("%s belongs to %d:%d", h.Name, h.Uid, h.Gid)
			}
			out[path.Clean("/"+h.Name)] = entry{h.Mode & 0o7777, body}
		}
	}
}

func TestADebPutsEachFileInItsPlace(t *testing.T) {
	deb := built(t, "deb")
	files := archive(t, deb, "data.tar.gz")
	for name, mode := range wanted {
		if e, ok := files[name]; !ok || e.mode != mode {
			t.Errorf("%s: there %t, mode %o, want %o", name, ok, e.mode, mode)
		}
	}
	if _, ok := files["/usr/share/zsh/vendor-completions/_backstitch"]; !ok {
		t.Error("no completions for zsh")
	}
	for name, e := range files {
		if e.mode&0o022 != 0 || e.mode&0o7000 != 0 {
			t.Errorf("%s has mode %o", name, e.mode)
		}
		if strings.HasPrefix(name, "/etc/") && name != "/etc/backstitch" {
			t.Errorf("%s would be written over what an operator said", name)
		}
	}
	for installed, file := range map[string]string{
		"/usr/bin/backstitch":                        "../../../bin/backstitch",
		"/usr/lib/systemd/system/backstitch.service": "../../systemd/backstitch.service",
	} {
		ours, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(files[installed].body, ours) {
			t.Errorf("%s is not %s: %v", installed, file, err)
		}
	}
	control := archive(t, deb, "control.tar.gz")
	for _, script := range []string{"/postinst", "/prerm", "/postrm"} {
		if control[script].mode != 0o755 {
			t.Errorf("%s has mode %o", script, control[script].mode)
		}
	}
	for _, line := range []string{"Package: backstitch", "Version: ", "Architecture: ", "Section: admin"} {
		if !bytes.Contains(control["/control"].body, []byte(line)) {
			t.Errorf("the control file lacks %q:\n%s", line, control["/control"].body)
		}
	}
	// An upgrade must not end a node: others may be down.
	if out, err := exec.Command("sh", "-c", string(control["/prerm"].body), "prerm", "upgrade").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("prerm upgrade: %v\n%s", err, out)
	}
	for name := range control {
		if script := control[name].body; bytes.Contains(script, []byte("systemctl restart")) || bytes.Contains(script, []byte("systemctl start")) || bytes.Contains(script, []byte("enable --now")) {
			t.Errorf("%s starts or restarts the node", name)
		}
	}
}

// Tags of the header of an RPM.
const (
	tagName       = 1000
	tagDirIndexes = 1116
	tagBaseNames  = 1117
	tagDirNames   = 1118
	tagModes      = 1030
)

// header reads one header of an RPM: strings and numbers by tag, and how long it is.
func header(t *testing.T, raw []byte) (texts map[int][]string, numbers map[int][]int, size int) {
	t.Helper()
	if len(raw) < 16 || !bytes.HasPrefix(raw, []byte{0x8e, 0xad, 0xe8, 1}) {
		t.Fatal("no header of an RPM")
	}
	count, bytesOf := int(binary.BigEndian.Uint32(raw[8:])), int(binary.BigEndian.Uint32(raw[12:]))
	store := raw[16+16*count : 16+16*count+bytesOf]
	texts, numbers = map[int][]string{}, map[int][]int{}
	for i := range count {
		e := raw[16+16*i:]
		tag, kind := int(binary.BigEndian.Uint32(e)), binary.BigEndian.Uint32(e[4:])
		at, n := store[binary.BigEndian.Uint32(e[8:]):], int(binary.BigEndian.Uint32(e[12:]))
		for j := range n {
			switch kind {
			case 3:
				numbers[tag] = append(numbers[tag], int(binary.BigEndian.Uint16(at[2*j:])))
			case 4:
				numbers[tag] = append(numbers[tag], int(binary.BigEndian.Uint32(at[4*j:])))
			case 6, 8, 9:
				text, rest, _ := bytes.Cut(at, []byte{0})
				texts[tag], at = append(texts[tag], string(text)), rest
			}
		}
	}
	return texts, numbers, 16 + 16*count + bytesOf
}

func TestAnRPMPutsEachFileInItsPlace(t *testing.T) {
	raw := built(t, "rpm")
	if !bytes.HasPrefix(raw, []byte{0xed, 0xab, 0xee, 0xdb}) {
		t.Fatal("not an RPM")
	}
	_, _, signature := header(t, raw[96:])
	texts, numbers, _ := header(t, raw[96+(signature+7)/8*8:])
	if len(texts[tagName]) != 1 || texts[tagName][0] != "backstitch" {
		t.Errorf("its name is %q", texts[tagName])
	}
	have := map[string]int64{}
	for i, base := range texts[tagBaseNames] {
		have[path.Join(texts[tagDirNames][numbers[tagDirIndexes][i]], base)] = int64(numbers[tagModes][i]) & 0o7777
	}
	for name, mode := range wanted {
		if got, ok := have[name]; !ok || got != mode {
			t.Errorf("%s: there %t, mode %o, want %o", name, ok, got, mode)
		}
	}
	if _, ok := have["/usr/share/zsh/site-functions/_backstitch"]; !ok {
		t.Error("no completions for zsh")
	}
}
