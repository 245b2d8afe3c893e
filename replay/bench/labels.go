package bench

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// A CPU profile is a compressed protocol buffer. Of it only the samples' values and labels are read here: field numbers are
// those of profile.proto.

var errProfile = errors.New("not a profile")

// Shares adds to by, for each value that the profile label key has, the CPU time in nanoseconds that was spent under it, and
// all of the time under "".
func Shares(profile []byte, key string, by map[string]int64) error {
	zr, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(zr)
	if err != nil {
		return err
	}
	var samples [][]byte
	var names []string
	err = fields(raw, func(num protowire.Number, _ uint64, b []byte) error {
		switch num {
		case 2:
			samples = append(samples, b)
		case 6:
			names = append(names, string(b))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range samples {
		value, labels, err := sample(s)
		if err != nil {
			return err
		}
		by[""] += value
		for _, l := range labels {
			if l[0] < uint64(len(names)) && l[1] < uint64(len(names)) && names[l[0]] == key {
				by[names[l[1]]] += value
			}
		}
	}
	return nil
}

// sample returns the last value of a sample, which is CPU time, and its labels as pairs of string numbers.
func sample(b []byte) (value int64, labels [][2]uint64, err error) {
	err = fields(b, func(num protowire.Number, v uint64, b []byte) error {
		switch {
		case num == 2 && b == nil:
			value = int64(v)
		case num == 2:
			for len(b) > 0 {
				v, n := protowire.ConsumeVarint(b)
				if n < 0 {
					return errProfile
				}
				value, b = int64(v), b[n:]
			}
		case num == 3:
			var l [2]uint64
			err := fields(b, func(num protowire.Number, v uint64, _ []byte) error {
				if num == 1 || num == 2 {
					l[num-1] = v
				}
				return nil
			})
			labels = append(labels, l)
			return err
		}
		return nil
	})
	return value, labels, err
}

// fields calls fn for each field of a message: v for varints, b for what has a length.
func fields(msg []byte, fn func(num protowire.Number, v uint64, b []byte) error) error {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return errProfile
		}
		msg = msg[n:]
		var v uint64
		var b []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(msg)
		case protowire.BytesType:
			b, n = protowire.ConsumeBytes(msg)
		default:
			n = protowire.ConsumeFieldValue(num, typ, msg)
		}
		if n < 0 {
			return errProfile
		}
		msg = msg[n:]
		if err := fn(num, v, b); err != nil {
			return err
		}
	}
	return nil
}
