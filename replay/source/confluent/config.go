package confluent

import (
	"errors"
	"fmt"
	"strings"
)

// Format is what a line holds.
type Format string

// The formats that lines can hold.
const (
	JSON  Format = "json"
	Bytes Format = "bin"
)

// Config says what the connector was told and how much memory reading may take.
type Config struct {
	Topic        string
	TopicsDir    string // topics.dir; "" when the connector was given none
	DirDelim     string // directory.delim
	FileDelim    string // file.delim
	TombstoneDir string // directory whose lines are null values; "" for none
	Format       Format
	Keys         bool // every value file has a .keys companion
	Headers      bool // every value file has a .headers companion

	MaxRecordBytes int   // a longer line is damage
	MaxObjectBytes int64 // an object that decompresses to more is damage
	WholeBytes     int64 // zstd objects up to this size, decompressed, are decoded at once, which is twice as fast
	Parallel       int   // objects that Catalog counts at a time
}

// DefaultConfig has the connector's defaults.
func DefaultConfig(topic string) Config {
	return Config{
		Topic: topic, TopicsDir: "topics", DirDelim: "/", FileDelim: "+", TombstoneDir: "tombstone", Format: JSON,
		MaxRecordBytes: 64 << 20, MaxObjectBytes: 16 << 30, WholeBytes: 32 << 20, Parallel: 4,
	}
}

// Validate reports what can not be meant.
func (c Config) Validate() error {
	switch {
	case c.Topic == "" || strings.ContainsAny(c.Topic, "/\\"):
		return fmt.Errorf("confluent archive: topic %q", c.Topic)
	case c.DirDelim == "" || c.FileDelim == "":
		return errors.New("confluent archive: empty delimiter")
	case c.Format != JSON && c.Format != Bytes:
		return fmt.Errorf("confluent archive: format %q, want json or bin", c.Format)
	case c.MaxRecordBytes < 1 || c.MaxObjectBytes < 1 || c.WholeBytes < 0 || c.Parallel < 1:
		return errors.New("confluent archive: a limit is not positive")
	}
	return nil
}
