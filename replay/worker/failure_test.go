package worker_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"backstitch/replay/connect"
	"backstitch/replay/recovery"
	"backstitch/replay/scan"
	"backstitch/replay/sink"
	"backstitch/replay/worker"
)

// TestAnAgentThatIsStarvedDoesNotEndTheJob: an agent without descriptors can not read the certificates that it was configured with,
// which looks like a wrong configuration, and is none.
func TestAnAgentThatIsStarvedDoesNotEndTheJob(t *testing.T) {
	open := &os.PathError{Op: "open", Path: "/etc/ssl/certs/ca-certificates.crt", Err: syscall.EMFILE}
	tests := []struct {
		name  string
		err   error
		code  string
		retry bool
	}{
		{"no descriptor for a configured file", fmt.Errorf("open source: %w", &connect.Error{Code: connect.CodeConfig, Object: "s3", Err: open}), "BST-E5902", true},
		{"no descriptor for a socket", fmt.Errorf("fence: %w", os.NewSyscallError("socket", syscall.ENFILE)), "BST-E5902", true},
		{"no memory in the kernel", os.NewSyscallError("mmap", syscall.ENOMEM), "BST-E5902", true},
		{"a wrong address", &connect.Error{Code: connect.CodeConfig, Object: "s3", Err: os.ErrNotExist}, connect.CodeConfig, false},
		{"no broker", &connect.Error{Code: connect.CodeKafkaDown, Object: "b:9092", Err: syscall.ECONNREFUSED}, connect.CodeKafkaDown, true},
		{"a scan whose target was made anew", fmt.Errorf("scan partition 3: %w", &recovery.Error{Code: recovery.CodeMoved}), recovery.CodeMoved, false},
		{"a scan of a newer program", fmt.Errorf("survey: %w", scan.ErrRecipe), "BST-E5301", false},
		{"not allowed", fmt.Errorf("open sink: %w", sink.ErrDenied), "BST-E5203", false},
	}
	for _, test := range tests {
		got := worker.Classify(test.err)
		if got.Code != test.code || got.Retry != test.retry {
			t.Errorf("%s: got %s, retry %t, want %s, retry %t", test.name, got.Code, got.Retry, test.code, test.retry)
		}
	}
}
