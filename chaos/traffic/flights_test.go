package traffic

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func TestFlightsKeepRowsAndSurviveNulls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flights.parquet")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	date, delay, origin := int64(978307260000000), int64(-4), "LAS"
	rows := []flight{{Date: &date, Delay: &delay, Origin: &origin}, {Date: &date, Delay: &delay, Origin: &origin}, {}}
	if err := parquet.Write(file, rows); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	var events []Event
	for e, err := range Flights(path, 12) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if len(events) != 3 {
		t.Fatalf("got %d events, want 3", len(events))
	}
	first := events[0]
	if got, want := string(first.Value), `{"delay":-4,"distance":null,"origin":"LAS","destination":null}`; got != want {
		t.Errorf("value: got %s, want %s", got, want)
	}
	if first.TimestampMs != 978307260000 || string(first.Key) != "LAS" {
		t.Errorf("got %d, %q, want 978307260000, LAS", first.TimestampMs, first.Key)
	}
	if first.ID() != events[1].ID() {
		t.Error("equal rows have different ids")
	}
	if events[2].Key != nil {
		t.Errorf("row without origin: got key %q, want none", events[2].Key)
	}
}

func TestFlightsNamesTheFileThatIsNotThere(t *testing.T) {
	for _, err := range Flights("no-such.parquet", 1) {
		if err == nil {
			t.Error("got nil error")
		}
	}
}
