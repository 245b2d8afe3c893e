package gap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// The kept form of a Part: JSON in one zstd frame.

// maxPartText bounds what a kept part may decompress to, in bytes. Nothing that EncodePart writes comes near it.
const maxPartText = 64 << 20

// steps are what is left of a part that does not fit, until it does: ranges per list, findings, notes. The last one takes a few KiB.
var steps = [][3]int{
	{20_000, 1 << 30, 1000}, {5000, 1 << 30, 200}, {1000, 1 << 30, 50}, {200, 2000, 20}, {50, 1000, 10}, {20, 300, 5}, {10, 50, 2}, {3, 3, 1},
}

// ErrTooLarge says that not even a few findings fit.
var ErrTooLarge = errors.New("what was found does not fit")

// EncodePart makes of p at most max bytes. Lists that do not fit are cut, which Part.Left then counts; truncated says so.
func EncodePart(p *Part, max int) (body []byte, truncated bool, err error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, false, fmt.Errorf("encode partition %d: %w", p.Result.Partition, err)
	}
	defer w.Close()
	pack := func(p *Part) ([]byte, error) {
		text, err := json.Marshal(p)
		if err != nil || len(text) > maxPartText {
			return nil, err
		}
		return w.EncodeAll(text, nil), nil
	}
	if body, err = pack(p); err != nil || body != nil && len(body) <= max {
		return body, false, err
	}
	for _, s := range steps {
		less := p.cut(s[0], s[1], s[2])
		if body, err = pack(&less); err != nil || body != nil && len(body) <= max {
			return body, true, err
		}
	}
	return nil, false, fmt.Errorf("partition %d in %d bytes: %w", p.Result.Partition, max, ErrTooLarge)
}

// DecodePart reads what EncodePart wrote.
func DecodePart(body []byte) (*Part, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPartText))
	if err != nil {
		return nil, fmt.Errorf("decode a scanned partition: %w", err)
	}
	defer r.Close()
	text, err := r.DecodeAll(body, nil)
	if err != nil {
		return nil, fmt.Errorf("decode a scanned partition: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields() // of a newer program: showing half of it would look like all of it
	var p Part
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("decode a scanned partition: %w (a newer program may have written it)", err)
	}
	return &p, nil
}
