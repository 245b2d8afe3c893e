package main

import (
	"fmt"
	"regexp"
	"strconv"

	"backstitch/partition"
)

// spot is where a record stands: in a reference, or in a topic.
type spot struct {
	part   int32
	offset partition.Offset
}

func (p spot) String() string { return fmt.Sprintf("p%02d@%d", p.part, p.offset) }

var spotForm = regexp.MustCompile(`^p?([0-9]{1,9})@([0-9]{1,18})$`)

func parseSpot(text string) (spot, error) {
	m := spotForm.FindStringSubmatch(text)
	if m == nil {
		return spot{}, fmt.Errorf("%q is no record: write partition and offset, such as p07@4711", text)
	}
	part, _ := strconv.ParseInt(m[1], 10, 32) // 9 digits fit, and 18 into the other
	offset, _ := strconv.ParseInt(m[2], 10, 64)
	return spot{int32(part), partition.Offset(offset)}, nil
}
