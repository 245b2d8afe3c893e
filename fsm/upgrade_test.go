package fsm

import (
	"slices"
	"testing"

	"backstitch/fsm/wire"
)

// TestAnUpgradeByHandIsFinishedByAPersonAlone: no released version comes after the one that brings this, so the book is set back to the one before it.
func TestAnUpgradeByHandIsFinishedByAPersonAlone(t *testing.T) {
	for _, c := range []struct {
		name   string
		maxOp  uint16
		cmd    op
		byHand bool
		want   Code
		object string
	}{
		{"the leader, by itself", MaxOp, RaiseVersion{LatestVersion}, false, OK, ""},
		{"the leader, by hand", MaxOp, RaiseVersion{LatestVersion}, true, WrongState, "cluster version 8 is switched on by hand"},
		{"a person, by hand", MaxOp, FinishUpgrade{LatestVersion}, true, OK, ""},
		{"a person, and the leader could have", MaxOp, FinishUpgrade{LatestVersion}, false, OK, ""},
		{"a person, and a member can not", versionNeeds[LatestVersion] - 1, FinishUpgrade{LatestVersion}, true, NeedsVersion, "member b"},
		{"the leader, and a member can not", versionNeeds[LatestVersion] - 1, RaiseVersion{LatestVersion}, false, NeedsVersion, "member b"},
	} {
		n := newNode(t)
		old := goldenMember
		old.ID, old.Name, old.MaxOp, old.State = "b", "node-b", c.maxOp, MemberActive
		set := func(k []byte, v any) {
			b, err := wire.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.db.Pebble().Set(n.m.slot.key(k), seal(k, b), nil); err != nil {
				t.Fatal(err)
			}
		}
		set(key(kindVersion), &clusterVersion{LatestVersion - 1})
		set(key(kindMember, []byte("b")), &old)
		set(key(kindUpgrade), &Upgrade{ByHand: c.byHand})
		n.restart()

		batch := n.db.Pebble().NewIndexedBatch()
		x := &tx{book: book{r: batch, slot: n.m.slot}, batch: batch, digestAt: n.m.digestAt}
		x.begin(1, [32]byte{})
		got, version := c.cmd.apply(x), x.version()
		if x.err != nil {
			t.Fatal(x.err)
		}
		if raised := version == LatestVersion; got.Code != c.want || got.Object != c.object || raised != (c.want == OK) {
			t.Errorf("%s: got %s %q and version %d, want %s %q", c.name, got.Code, got.Object, version, c.want, c.object)
		}
		if err := batch.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEachLevelIsTold in words, and with its commands.
func TestEachLevelIsTold(t *testing.T) {
	all := Levels(0, LatestVersion+1)
	if len(all) != int(LatestVersion) {
		t.Fatalf("got %d levels, want %d", len(all), LatestVersion)
	}
	for i, l := range all {
		if l.Version != uint32(i)+1 || l.Brings == "" || len(l.Ops) == 0 {
			t.Errorf("level %d: got %+v", i+1, l)
		}
	}
	if newest := all[len(all)-1]; !slices.Contains(newest.Ops, OpName(SetUpgrade{}.Op())) {
		t.Errorf("got %q, want them to have %s", newest.Ops, OpName(SetUpgrade{}.Op()))
	}
	if got := Levels(LatestVersion, LatestVersion); len(got) != 0 {
		t.Errorf("nothing is new: got %+v", got)
	}
	for maxOp, want := range map[uint16]uint32{0: 0, versionNeeds[1]: 1, versionNeeds[7]: 7, versionNeeds[8] - 1: 7, MaxOp: LatestVersion, MaxOp + 9: LatestVersion} {
		if got := LevelOf(maxOp); got != want {
			t.Errorf("a member with MaxOp %d: got level %d, want %d", maxOp, got, want)
		}
	}
}
