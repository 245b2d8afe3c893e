package main

import (
	"fmt"
	"strings"
	"testing"

	"backstitch/cluster"
	"backstitch/replay/klog"
	"backstitch/replay/recovery"
	"backstitch/replay/source"
	"backstitch/storage"
)

// TestErrorsOfEveryRoomKeepTheirCode: whatever a room calls an error, a person sees its code, its object and what to type.
func TestErrorsOfEveryRoomKeepTheirCode(t *testing.T) {
	unknown := fmt.Errorf("topic ordesr: %w", klog.ErrUnknownTopic)
	tests := []struct {
		err                     error
		code, title, text, next string
	}{
		{storage.Damaged("/data/x", fmt.Errorf("bad sum")), "BST-E0201", "/data/x: ", "bad sum", "rejoin"},
		{&storage.NewerFormatError{Dir: "/data", Have: 9, Want: 1, Line: "3.0"}, "BST-E0202", "/data: ", "format 9", "start backstitch 3.0"},
		{&storage.Error{Code: "BST-E0203", Object: "/data", Kind: storage.ErrFull, Hint: "free space"}, "BST-E0203", "/data: disk is full", "", "free space"},
		{&cluster.Error{Code: "BST-E0402", Object: "node a", Kind: cluster.ErrNodeIDInUse, Cause: fmt.Errorf("at x:1"), Hint: "stop it"}, "BST-E0402", "node a: node id is in use", "at x:1", "stop it"},
		{&cluster.Error{Code: "BST-E0406", Object: "rpc address x:1", Kind: cluster.ErrConfig, Cause: fmt.Errorf("in use"), Hint: "another"}, "BST-E0406", "rpc address x:1 can not be used", "in use", "another"},
		{unknown, "BST-E4012", "topic ordesr: unknown topic", "", "check the name"},
		{&recovery.Error{Code: "BST-E1123", Title: "the target ordesr is not there", Hint: "check spec.target", Err: unknown}, "BST-E1123", "the target ordesr", "", "spec.target"},
		{fmt.Errorf("archive orders/2: %w", source.ErrRecreated), "BST-E4013", "recreated", "orders/2", "another prefix"},
	}
	for _, test := range tests {
		f := explain(fmt.Errorf("node: %w", test.err))
		if f.Code != test.code || !strings.Contains(f.Title, test.title) || !strings.Contains(f.Detail, test.text) || !strings.Contains(f.Next, test.next) {
			t.Errorf("%v:\n got %+v\nwant %s with %q, %q and %q", test.err, f, test.code, test.title, test.text, test.next)
		}
	}
}
