package vitals

import (
	"math/rand/v2"
	"testing"
	"time"

	"backstitch/partition"
)

// TestAnOffsetIsWithinItsBound however the round trip is shared between the way there and the way back.
func TestAnOffsetIsWithinItsBound(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		truth := time.Duration(r.Int64N(int64(20*time.Second))) - 10*time.Second
		there, back := time.Duration(r.Int64N(int64(time.Second))), time.Duration(r.Int64N(int64(time.Second)))
		sent := time.Now()
		o, ok := Measure(sent, sent.Add(there+back), sent.Add(there).Add(truth))
		if !ok || (o.Ahead-truth).Abs() > o.Within {
			t.Fatalf("there %s, back %s, truth %s: got %s within %s, %t", there, back, truth, o.Ahead, o.Within, ok)
		}
	}
}

func TestAClockThatIsSetMeanwhileTellsNothing(t *testing.T) {
	sent := time.Now()
	if _, ok := Measure(sent, sent.Add(-time.Second), sent); ok {
		t.Error("an answer before the question was believed")
	}
	bare := time.Now().Round(0) // without a monotonic reading the difference is that of wall clocks, and never suspect
	if _, ok := Measure(bare, bare.Add(time.Millisecond), bare); !ok {
		t.Error("an answer after a millisecond was not believed")
	}
}

func TestATightOffsetIsKeptUntilAClockIsSet(t *testing.T) {
	now := time.Now()
	tight := Offset{Ahead: time.Millisecond, Within: time.Millisecond, at: now}
	loose := Offset{Ahead: 40 * time.Millisecond, Within: 50 * time.Millisecond, at: now.Add(time.Second)}
	if got := tight.better(loose); got != tight {
		t.Errorf("got %v, want the tight one", got)
	}
	set := loose
	set.Ahead = time.Hour
	if got := tight.better(set); got != set {
		t.Errorf("got %v, want that of the clock that was set", got)
	}
	late := loose
	late.at = now.Add(fresh + 1)
	if got := tight.better(late); got != late {
		t.Errorf("got %v, want the new one after %s", got, fresh)
	}
}

func TestJudgeNamesWhoIsOff(t *testing.T) {
	ms := func(d int) Offset {
		return Offset{Ahead: time.Duration(d) * time.Millisecond, Within: time.Millisecond}
	}
	for _, c := range []struct {
		name    string
		offsets map[partition.NodeID]Offset
		max     int
		node    partition.NodeID
		loud    bool
	}{
		{"alone", nil, 0, "a", false},
		{"one is ahead", map[partition.NodeID]Offset{"b": ms(0), "c": ms(700)}, 700, "c", true},
		{"one is behind", map[partition.NodeID]Offset{"b": ms(-700), "c": ms(0)}, 700, "b", true},
		{"it is me", map[partition.NodeID]Offset{"b": ms(700), "c": ms(701)}, 701, "a", true},
		{"of two it is the other one, ahead", map[partition.NodeID]Offset{"b": ms(700)}, 700, "b", true},
		{"of two it is the other one, behind", map[partition.NodeID]Offset{"b": ms(-700)}, 700, "b", true},
		{"of four", map[partition.NodeID]Offset{"b": ms(1), "c": ms(2), "d": ms(-900)}, 902, "d", true},
		{"within the limit", map[partition.NodeID]Offset{"b": ms(400)}, 400, "b", false},
		{"not for certain", map[partition.NodeID]Offset{"b": {Ahead: 700 * time.Millisecond, Within: 300 * time.Millisecond}}, 700, "b", false},
	} {
		got := Judge("a", c.offsets)
		if got.Max != time.Duration(c.max)*time.Millisecond || got.Node != c.node || got.Loud() != c.loud || got.Compared != len(c.offsets) {
			t.Errorf("%s: got %+v, loud %t", c.name, got, got.Loud())
		}
	}
}

func TestADiskComesBackBelowTheMarkOnly(t *testing.T) {
	m := Marks{Soft: 85, Hard: 95}
	level := Unknown
	for i, c := range []struct {
		used float64
		want Level
	}{
		{84.9, Room}, {85, Soft}, {84, Soft}, {82, Soft}, {81.9, Room}, {84.9, Room}, {96, Hard}, {94, Hard}, {92, Hard}, {91.9, Soft}, {94.9, Soft},
		{82, Soft}, {81, Room}, {95, Hard}, {10, Room},
	} {
		if level = m.Next(level, percent(c.used)); level != c.want {
			t.Fatalf("look %d at %.1f %%: got %s, want %s", i, c.used, level, c.want)
		}
	}
	if never := (Marks{Soft: 100, Hard: 100}); never.Next(Unknown, percent(100)) != Room {
		t.Error("marks of 100 are passed")
	}
}

func percent(used float64) Disk { return Disk{Used: uint64(used * 1000), Bytes: 100_000} }

// TestALargeDiskHasRoomWhereItsShareSaysNot and a small one has not.
func TestALargeDiskHasRoomWhereItsShareSaysNot(t *testing.T) {
	const gib = uint64(1) << 30
	m := DefaultMarks()
	for _, c := range []struct {
		was        Level
		free, size uint64
		want       Level
	}{
		{Room, 40 * gib, 1000 * gib, Room},
		{Room, 10 * gib, 1000 * gib, Room},
		{Room, 9 * gib, 1000 * gib, Soft},
		{Room, 2 * gib, 1000 * gib, Soft},
		{Room, 1 * gib, 1000 * gib, Hard},
		{Soft, 10 * gib, 1000 * gib, Soft}, // not yet a tenth more
		{Soft, 11 * gib, 1000 * gib, Room},
		{Room, 2 * gib, 10 * gib, Room},
		{Room, 1 * gib, 10 * gib, Soft},
		{Room, gib / 4, 10 * gib, Hard},
	} {
		if got := m.Next(c.was, Disk{Used: c.size - c.free, Bytes: c.size}); got != c.want {
			t.Errorf("%d of %d GiB free, %s before: got %s, want %s", c.free/gib, c.size/gib, c.was, got, c.want)
		}
	}
}

func TestMarksThatCanNotWork(t *testing.T) {
	for _, m := range []Marks{{}, {Soft: 9, Hard: 50}, {Soft: 96, Hard: 95}, {Soft: 85, Hard: 101}} {
		if m.Validate() == nil {
			t.Errorf("%+v was accepted", m)
		}
	}
	for _, m := range []Marks{DefaultMarks(), {Soft: 100, Hard: 100}, {Soft: 10, Hard: 10}} {
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestSilenceForgetsTheClockAndKeepsTheDisk(t *testing.T) {
	table := NewTable()
	table.Heard("b", &Offset{Ahead: 1, at: time.Now()}, Disk{Used: 9, Bytes: 10, Level: Soft})
	for i := range missed {
		if len(table.Offsets()) != 1 {
			t.Fatalf("forgotten after %d silences, want %d", i, missed)
		}
		table.Silent("b")
	}
	if len(table.Offsets()) != 0 || table.Disks("a")["b"].Level != Soft {
		t.Errorf("got %v and %v", table.Offsets(), table.Disks("a"))
	}
	table.Keep(nil)
	if len(table.Disks("a")) != 1 {
		t.Error("a member that left is still there")
	}
}
