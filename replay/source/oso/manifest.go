package oso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
)

// maxManifest bounds a manifest: 100,000 segments take about 30 MiB.
const maxManifest = 256 << 20

type manifest struct {
	Topics []struct {
		Name       string `json:"name"`
		Partitions []struct {
			Segments []struct {
				Key     string `json:"key"`
				Start   int64  `json:"start_offset"`
				End     int64  `json:"end_offset"`
				Records int64  `json:"record_count"`
			} `json:"segments"`
		} `json:"partitions"`
	} `json:"topics"`
}

// Expected are the segments that the manifests in b name.
func (l *layout) Expected(ctx context.Context, b bucket.Bucket) ([]foreign.Expected, error) {
	var out []foreign.Expected
	for in, err := range b.List(ctx, "") {
		if err != nil {
			return nil, fmt.Errorf("list kafka-backup of %s: %w", l.Topic, err)
		}
		if in.Key != "manifest.json" && !strings.HasSuffix(in.Key, "/manifest.json") {
			continue
		}
		more, err := l.read(ctx, b, in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", in.Key, err)
		}
		out = append(out, more...)
	}
	return out, nil
}

func (l *layout) read(ctx context.Context, b bucket.Bucket, in bucket.Info) ([]foreign.Expected, error) {
	r, _, err := b.Get(ctx, in.Key, in.ETag)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if len(text) > maxManifest {
		return nil, fmt.Errorf("the manifest has more than %d bytes", maxManifest)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("the manifest is no JSON: %w", err)
	}
	under := strings.TrimSuffix(in.Key, "manifest.json")
	var out []foreign.Expected
	for _, t := range m.Topics {
		if t.Name != l.Topic {
			continue
		}
		for _, p := range t.Partitions {
			for _, s := range p.Segments {
				_, tail, ok := cutTopics(s.Key, l.Topic)
				if !ok {
					return nil, fmt.Errorf("segment %q is not under topics/%s/", s.Key, l.Topic)
				}
				// Keys are those of the whole bucket; here they begin where the manifest lies.
				out = append(out, foreign.Expected{Key: under + "topics/" + l.Topic + "/" + tail, First: s.Start, Last: s.End, Records: s.Records})
			}
		}
	}
	return out, nil
}
