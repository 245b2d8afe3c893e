package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// opsFile is where the program says which cluster versions it knows, relative to the module.
const opsFile = "fsm/ops.go"

var (
	latestLine = regexp.MustCompile(`(LatestVersion uint32 = )(\d+)`)
	maxOpLine  = regexp.MustCompile(`(MaxOp uint16 = )(\d+)`)
)

// ErrShape says that the file of versions does not look as this package knows it.
var ErrShape = errors.New("the file of cluster versions has another shape")

// takeAway returns the text of the file without the newest cluster version, and which one that is.
func takeAway(text string) (older string, newest uint32, err error) {
	latest, maxOp := latestLine.FindStringSubmatch(text), maxOpLine.FindStringSubmatch(text)
	if latest == nil || maxOp == nil {
		return "", 0, fmt.Errorf("%w: no LatestVersion or MaxOp", ErrShape)
	}
	n, err := strconv.ParseUint(latest[2], 10, 32)
	if err != nil || n < 2 {
		return "", 0, fmt.Errorf("%w: LatestVersion is %s", ErrShape, latest[2])
	}
	need := regexp.MustCompile(fmt.Sprintf(`, %d: (\d+)\}`, n)).FindStringSubmatch(text)
	before := regexp.MustCompile(fmt.Sprintf(`\b%d: (\d+)\b`, n-1)).FindStringSubmatch(text)
	if need == nil || before == nil || need[1] != maxOp[2] {
		return "", 0, fmt.Errorf("%w: versionNeeds does not end with %d: %s", ErrShape, n, maxOp[2])
	}
	text = latestLine.ReplaceAllString(text, fmt.Sprintf("${1}%d", n-1))
	text = maxOpLine.ReplaceAllString(text, "${1}"+before[1])
	text = regexp.MustCompile(fmt.Sprintf(`, %d: \d+\}`, n)).ReplaceAllString(text, "}")
	ops := regexp.MustCompile(fmt.Sprintf(`(?m)^\t\{\d+, "[a-z-]+", %d, decodeOp\[\w+\]\},\n`, n))
	return ops.ReplaceAllString(text, ""), uint32(n), nil
}

// Older builds the program without its newest cluster version into dir, and returns where it lies and which version that is. root is the
// directory of the module.
func Older(root, dir string) (path string, newest uint32, err error) {
	whole, err := filepath.Abs(root)
	if err != nil {
		return "", 0, err
	}
	file := filepath.Join(whole, opsFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return "", 0, err
	}
	older, newest, err := takeAway(string(text))
	if err != nil {
		return "", 0, err
	}
	changed, overlay := filepath.Join(dir, "ops.go"), filepath.Join(dir, "overlay.json")
	body, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		return "", 0, err
	}
	if err := errors.Join(os.WriteFile(changed, []byte(older), 0o600), os.WriteFile(overlay, body, 0o600)); err != nil {
		return "", 0, err
	}
	path = filepath.Join(dir, "backstitch-older")
	cmd := exec.Command("go", "build", "-overlay", overlay, "-trimpath", "-ldflags", "-s -w -X main.version=v0.0.0-older", "-o", path, "./cmd/backstitch")
	cmd.Dir, cmd.Env = whole, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", 0, fmt.Errorf("build the older program: %w\n%s", err, out)
	}
	return path, newest, nil
}
