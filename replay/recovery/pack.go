package recovery

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// The kept form of a plan that the cluster made: a plan's file in one zstd frame.

// Pack returns the bytes that Unpack reads.
func (p *Plan) Pack() ([]byte, error) {
	text, err := p.Encode()
	if err != nil {
		return nil, err
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("pack plan: %w", err)
	}
	defer w.Close()
	return w.EncodeAll(text, nil), nil
}

// maxUnpacked bounds what a kept plan may decompress to, in bytes.
const maxUnpacked = 256 << 20

// Unpack reads a kept plan as ReadFile reads a file; name is how errors call it.
func Unpack(name string, body []byte, cluster string) (*Plan, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked))
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", name, err)
	}
	defer r.Close()
	text, err := r.DecodeAll(body, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", name, err)
	}
	return Decode(name, text, cluster)
}
