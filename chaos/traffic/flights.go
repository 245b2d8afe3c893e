package traffic

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"os"

	"github.com/parquet-go/parquet-go"
)

// flight is one row of the US Bureau of Transportation Statistics' on-time data as vega-datasets packages it.
type flight struct {
	Date        *int64  `parquet:"date,optional" json:"-"` // microseconds since 1970
	Delay       *int64  `parquet:"delay,optional" json:"delay"`
	Distance    *int64  `parquet:"distance,optional" json:"distance"`
	Origin      *string `parquet:"origin,optional" json:"origin"`
	Destination *string `parquet:"destination,optional" json:"destination"`
}

// Flights reads the rows of a flights Parquet file as events: key = origin, event time = date, value = the row as JSON,
// partition = hash of the key over partitions. Many events are equal in every byte; a judge has to count, not to look up.
func Flights(path string, partitions int32) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Event{}, fmt.Errorf("flights: %w", err))
			return
		}
		defer file.Close()
		reader := parquet.NewGenericReader[flight](file)
		defer reader.Close()
		rows := make([]flight, 1024)
		for {
			n, err := reader.Read(rows)
			for _, row := range rows[:n] {
				event, rowErr := row.event(partitions)
				if !yield(event, rowErr) || rowErr != nil {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Event{}, fmt.Errorf("flights %s: %w", path, err))
				return
			}
		}
	}
}

func (f flight) event(partitions int32) (Event, error) {
	value, err := json.Marshal(f)
	if err != nil {
		return Event{}, fmt.Errorf("flight as JSON: %w", err)
	}
	e := Event{Value: value}
	if f.Date != nil {
		e.TimestampMs = *f.Date / 1000
	}
	if f.Origin != nil {
		e.Key = []byte(*f.Origin)
	}
	h := fnv.New32a()
	h.Write(e.Key)
	e.Partition = int32(h.Sum32() % uint32(partitions))
	return e, nil
}
