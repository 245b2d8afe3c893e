package fault

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Spec is what there is to know about a kind.
type Spec struct {
	Kind   Kind
	Family Family

	// Form is how the kind is written after "at" and "for". Words in lower case stand for themselves, words in capitals are
	// filled in, and what is in brackets may be left out: TARGET, DELAY (50ms), DELAY± (50ms±10ms), EVERY (2s), SKEW (+1h, -1h),
	// PERCENT (1%, 0.5%), RATE (256KiB/s), SIZE (64MiB), COUNT (5), WHAT (one of Words).
	Form string
	Doc  string

	Words   []string // what WHAT may be
	Targets targets  // what TARGET may be; 0 when the form has none
	Where   Layers   // where it can be injected; never none
	Root    bool     // among real processes it needs root
	Typical Fault    // magnitudes that hurt and can be survived; random plans draw around them

	// Destroys says that data of a node are gone for good, so that it must be done to fewer nodes than a quorum.
	Destroys bool

	// For is how long it lasts when the text does not say. 0: there is nothing to heal, what is done is done, and the text takes
	// no "for".
	For time.Duration
}

const second = time.Second

// Table has every kind, by family. Its order is that of documents and figures.
var Table = []Spec{
	// Processes.
	{Kind: Kill, Family: Process, Form: "kill TARGET", Targets: nodes, Where: Anywhere, For: 3 * second,
		Doc: "SIGKILL. The process is started again on its data when the time is over."},
	{Kind: KillInSnapshot, Family: Process, Form: "kill TARGET in snapshot", Targets: single, Where: RealProcess, For: 3 * second,
		Doc: "SIGKILL in the middle of writing a snapshot."},
	{Kind: Pause, Family: Process, Form: "pause TARGET", Targets: nodes, Where: Anywhere, For: 20 * second,
		Doc: "SIGSTOP, then SIGCONT: the process does not know that time has passed. The default is longer than a lease."},
	{Kind: Leave, Family: Process, Form: "leave TARGET", Targets: nodes, Where: Bubble | RealProcess | Staging, For: 5 * second,
		Doc: "The agent is asked to end, gives up what it holds, and is started again when the time is over."},
	{Kind: RollingRestart, Family: Process, Form: "rolling restart", Where: Bubble | RealProcess,
		Doc: "Each agent in turn is asked to end and started again; the next one follows when it is ready."},
	{Kind: CrashLoop, Family: Process, Form: "crash TARGET COUNT times", Targets: nodes, Where: Sim | Bubble | RealProcess, Typical: Fault{Count: 5},
		Doc: "SIGKILL as soon as it runs again, several times in a row."},

	// The network.
	{Kind: Partition, Family: Network, Form: "partition TARGET", Targets: some | servers, Where: Anywhere, For: 10 * second,
		Doc: "Nothing passes between the target and all other nodes, both ways. Nodes of the target still see each other, and everybody the broker and the store. Of the broker or the store: no node reaches it."},
	{Kind: Bridge, Family: Network, Form: "bridge over TARGET", Targets: single, Where: Sim | Bubble | RealProcess, For: 10 * second,
		Doc: "The other nodes fall into two halves that see the target and not each other."},
	{Kind: OneWay, Family: Network, Form: "one-way WHAT on TARGET", Words: []string{"out", "in"}, Targets: some, Where: Sim | Bubble | RealProcess, For: 10 * second,
		Typical: Fault{What: "out"}, Doc: "What the target sends to other nodes is lost (out), or what they send to it (in)."},
	{Kind: Flap, Family: Network, Form: "flap TARGET every EVERY", Targets: some, Where: Sim | Bubble | RealProcess, For: 20 * second,
		Typical: Fault{Every: 2 * second}, Doc: "A partition that comes and goes: cut for the first half of each period."},
	{Kind: Loss, Family: Network, Form: "loss PERCENT on TARGET", Targets: nodes | servers, Where: Sim | Bubble | RealProcess, For: 15 * second,
		Typical: Fault{Percent: 20}, Doc: "That share of the packets from and to the target is lost."},
	{Kind: Delay, Family: Network, Form: "delay DELAY± [loss PERCENT] on TARGET", Targets: nodes | servers, Where: Anywhere, For: 15 * second,
		Typical: Fault{Delay: 50 * time.Millisecond, Jitter: 10 * time.Millisecond, Percent: 1}, Doc: "Packets from and to the target take longer, each way; some are lost."},
	{Kind: Reorder, Family: Network, Form: "reorder PERCENT on TARGET", Targets: nodes | servers, Where: Sim | Bubble | RealProcess, Root: true, For: 15 * second,
		Typical: Fault{Percent: 25}, Doc: "That share of the packets arrives after later ones."},
	{Kind: Duplicate, Family: Network, Form: "duplicate PERCENT on TARGET", Targets: nodes | servers, Where: Sim | Bubble | RealProcess, Root: true, For: 15 * second,
		Typical: Fault{Percent: 10}, Doc: "That share of the packets arrives twice."},
	{Kind: Corrupt, Family: Network, Form: "corrupt PERCENT on TARGET", Targets: nodes | servers, Where: RealProcess, Root: true, For: 15 * second,
		Typical: Fault{Percent: 1}, Doc: "One bit of that share of the packets is turned over."},
	{Kind: Bandwidth, Family: Network, Form: "bandwidth RATE on TARGET", Targets: nodes | servers, Where: RealProcess, For: 15 * second,
		Typical: Fault{Rate: 256 << 10}, Doc: "What the target sends passes at that rate."},
	{Kind: Reset, Family: Network, Form: "reset on TARGET", Targets: nodes | servers, Where: RealProcess, For: 5 * second,
		Doc: "Connections from and to the target are reset, and new ones refused."},
	{Kind: GossipCut, Family: Network, Form: "cut gossip on TARGET", Targets: nodes, Where: Bubble | RealProcess | Staging, For: 10 * second,
		Doc: "The target's gossip is cut, and nothing else."},
	{Kind: RaftCut, Family: Network, Form: "cut raft on TARGET", Targets: nodes, Where: Bubble | RealProcess | Staging, For: 10 * second,
		Doc: "The target's raft and RPC connections are cut, and nothing else."},
	{Kind: ServerCut, Family: Network, Form: "cut WHAT on TARGET", Words: []string{"broker", "store"}, Targets: nodes, Where: Sim | Bubble | RealProcess, For: 10 * second,
		Typical: Fault{What: "broker"}, Doc: "The target does not reach the broker or the store; others do."},
	{Kind: MTUHole, Family: Network, Form: "mtu SIZE on TARGET", Targets: nodes, Where: RealProcess, Root: true, For: 10 * second,
		Typical: Fault{Size: 600}, Doc: "Packets that are larger are lost without a word; small ones pass."},

	// Disks.
	{Kind: DiskFull, Family: Disk, Form: "disk full on TARGET", Targets: nodes, Where: Bubble | RealProcess, Root: true, For: 10 * second,
		Doc: "Every write fails with ENOSPC; there is room again when the time is over."},
	{Kind: DiskSlow, Family: Disk, Form: "disk slow DELAY on TARGET", Targets: nodes, Where: RealProcess | Staging, Root: true, For: 15 * second,
		Typical: Fault{Delay: 20 * time.Millisecond}, Doc: "Each write and sync takes at least that long."},
	{Kind: DiskEIO, Family: Disk, Form: "disk eio on TARGET", Targets: nodes, Where: Bubble | RealProcess, Root: true, For: 5 * second,
		Doc: "Reads fail with EIO."},
	{Kind: DiskFsync, Family: Disk, Form: "disk fsync error on TARGET", Targets: nodes, Where: Bubble | RealProcess, Root: true, For: 5 * second,
		Doc: "A sync fails, and the next one says that all is well, as Linux does."},
	{Kind: DiskReadOnly, Family: Disk, Form: "disk read-only on TARGET", Targets: nodes, Where: RealProcess, Root: true, For: 5 * second,
		Doc: "The file system turns read-only after an error of its own."},
	{Kind: DiskLying, Family: Disk, Form: "disk lying on TARGET", Targets: single, Where: RealProcess, Destroys: true, Root: true, For: 10 * second,
		Doc: "A sync says that it is done, and a power loss shows that it was not."},
	{Kind: TornWrite, Family: Disk, Form: "torn write on TARGET", Targets: nodes, Where: Bubble, For: 3 * second,
		Doc: "Power is lost in the middle of a write: a part of what was not yet synced is there."},
	{Kind: PowerLoss, Family: Disk, Form: "power loss on TARGET", Targets: nodes, Where: Sim | Bubble | RealProcess, Root: true, For: 3 * second,
		Doc: "The machine stops, and with it goes what was not synced. Power is back when the time is over."},
	{Kind: BitFlip, Family: Disk, Form: "flip bit in WHAT on TARGET", Words: []string{"log", "sst", "snapshot"}, Targets: single, Destroys: true, Where: RealProcess, For: 2 * second,
		Typical: Fault{What: "log"}, Doc: "The node is stopped, one bit in one of its files is turned over, and it is started again."},
	{Kind: TruncatedTail, Family: Disk, Form: "truncate log on TARGET", Targets: single, Destroys: true, Where: RealProcess, For: 2 * second,
		Doc: "The node is stopped, its newest log file loses its end, and it is started again."},
	{Kind: LostSnapshot, Family: Disk, Form: "lose snapshot on TARGET", Targets: single, Destroys: true, Where: RealProcess, For: 2 * second,
		Doc: "The node is stopped, its newest snapshot is removed, and it is started again."},
	{Kind: OldDisk, Family: Disk, Form: "old disk on TARGET", Targets: single, Destroys: true, Where: RealProcess, For: 2 * second,
		Doc: "The node is stopped, an earlier copy of its disk is put back, and it is started again."},

	// Resources and clocks.
	{Kind: CPU, Family: Resource, Form: "cpu PERCENT on TARGET", Targets: nodes, Where: RealProcess, Root: true, For: 15 * second,
		Typical: Fault{Percent: 10}, Doc: "The process gets that share of one core."},
	{Kind: Memory, Family: Resource, Form: "memory SIZE on TARGET", Targets: nodes, Where: RealProcess, Root: true, For: 5 * second,
		Typical: Fault{Size: 64 << 20}, Doc: "The process may use that much; beyond it the kernel kills it. It is started again when the time is over."},
	{Kind: Descriptors, Family: Resource, Form: "fds COUNT on TARGET", Targets: nodes, Where: RealProcess, For: 10 * second,
		Typical: Fault{Count: 16}, Doc: "The process may have that many more files and connections open."},
	{Kind: ClockSkew, Family: Resource, Form: "clock skew SKEW on TARGET", Targets: nodes, Where: Sim | Bubble | RealProcess, For: 20 * second,
		Typical: Fault{Skew: time.Hour}, Doc: "The wall clock is wrong by that much from the start of the process."},
	{Kind: ClockJump, Family: Resource, Form: "clock jump SKEW on TARGET", Targets: nodes, Where: Sim | Bubble | RealProcess, For: 20 * second,
		Typical: Fault{Skew: time.Hour}, Doc: "The wall clock jumps while the process runs, and back when the time is over."},
	{Kind: ClockFreeze, Family: Resource, Form: "clock freeze on TARGET", Targets: nodes, Where: Sim | Bubble | RealProcess, For: 10 * second,
		Doc: "The wall clock stands still."},

	// Members.
	{Kind: AddVoter, Family: Membership, Form: "add voter", Where: RealProcess, Doc: "A node that nobody knew joins."},
	{Kind: Remove, Family: Membership, Form: "remove TARGET", Targets: single, Where: RealProcess, Destroys: true, Doc: "The node is taken out of the cluster for good."},
	{Kind: Replace, Family: Membership, Form: "replace TARGET", Targets: single, Where: RealProcess, Destroys: true, Doc: "The node and its disk are gone for good; an empty one comes in its place."},
	{Kind: NewAddresses, Family: Membership, Form: "new addresses", Where: RealProcess,
		Doc: "All nodes are stopped and started again under other addresses, as after an outage of an orchestrator."},
	{Kind: VersionSkew, Family: Membership, Form: "version skew on TARGET", Targets: nodes, Where: RealProcess, For: 20 * second,
		Doc: "The node runs another version of the program."},
	{Kind: Drain, Family: Membership, Form: "drain TARGET", Targets: single, Where: Bubble | RealProcess, For: 10 * second,
		Doc: "The node gives its work to others and takes none until the time is over."},
	{Kind: StepDown, Family: Membership, Form: "step down", Where: Anywhere, Doc: "The leader hands over to another node."},

	// The broker.
	{Kind: BrokerRestart, Family: Broker, Form: "broker restart", Where: Sim | Bubble | RealProcess, For: 3 * second,
		Doc: "Connections break, and nobody answers until the time is over. Records and transactions stay."},
	{Kind: BrokerError, Family: Broker, Form: "broker error WHAT PERCENT", Words: []string{"not-leader", "coordinator", "fenced", "out-of-range", "timeout"},
		Where: Sim | Bubble | RealProcess, For: 10 * second, Typical: Fault{What: "not-leader", Percent: 20}, Doc: "That share of the requests is refused with the error."},
	{Kind: BrokerThrottle, Family: Broker, Form: "broker throttle DELAY", Where: Bubble | RealProcess, For: 10 * second,
		Typical: Fault{Delay: 200 * time.Millisecond}, Doc: "Answers tell the client to wait."},
	{Kind: BrokerSlow, Family: Broker, Form: "broker slow DELAY±", Where: Sim | Bubble | RealProcess, For: 10 * second,
		Typical: Fault{Delay: 200 * time.Millisecond, Jitter: 100 * time.Millisecond}, Doc: "Answers take longer."},
	{Kind: BrokerCut, Family: Broker, Form: "broker cut PERCENT", Where: Sim | Bubble | RealProcess, For: 10 * second,
		Typical: Fault{Percent: 5}, Doc: "The connection breaks before the request is processed."},
	{Kind: BrokerAmbiguous, Family: Broker, Form: "broker ambiguous PERCENT", Where: Sim | Bubble | RealProcess, For: 10 * second,
		Typical: Fault{Percent: 5}, Doc: "The request is processed and the connection breaks before the answer: the writer can not know."},
	{Kind: Retention, Family: Broker, Form: "retention PERCENT", Where: Sim | RealProcess, Typical: Fault{Percent: 20},
		Doc: "The oldest records of each partition of the target topic are deleted, under whoever reads them."},
	{Kind: TopicRecreated, Family: Broker, Form: "topic recreated", Where: RealProcess,
		Doc: "The target topic is deleted and made again, empty: the same name, another id, offsets from 0."},
	{Kind: UncleanElection, Family: Broker, Form: "unclean election PERCENT", Where: Sim, Typical: Fault{Percent: 5},
		Doc: "The newest records of each partition vanish and their offsets are used again."},
	{Kind: AbortedTx, Family: Broker, Form: "aborted transactions PERCENT", Where: Sim, For: 10 * second, Typical: Fault{Percent: 20},
		Doc: "Beside the job somebody writes transactions, of which that share is aborted."},

	// The store.
	{Kind: StoreSlowdown, Family: Store, Form: "store slowdown PERCENT", Where: Sim | Bubble | RealProcess, For: 10 * second, Typical: Fault{Percent: 50},
		Doc: "503 SlowDown."},
	{Kind: StoreError, Family: Store, Form: "store error PERCENT", Where: Sim | Bubble | RealProcess, For: 10 * second, Typical: Fault{Percent: 20},
		Doc: "500 InternalError."},
	{Kind: StoreTruncated, Family: Store, Form: "store truncated PERCENT", Where: Sim | Bubble | RealProcess, For: 10 * second, Typical: Fault{Percent: 10},
		Doc: "Bodies end before their length."},
	{Kind: StoreChecksum, Family: Store, Form: "store checksum PERCENT", Where: Sim | Bubble | RealProcess, For: 10 * second, Typical: Fault{Percent: 10},
		Doc: "Bodies have their length and other bytes."},
	{Kind: StoreStale, Family: Store, Form: "store stale", Where: Bubble | RealProcess, For: 10 * second,
		Doc: "Listings are those of an earlier moment."},
	{Kind: StoreDenied, Family: Store, Form: "store denied", Where: RealProcess, For: 5 * second,
		Doc: "403, as after credentials have expired; later ones are good again."},
	{Kind: StoreMissing, Family: Store, Form: "store missing PERCENT", Where: RealProcess, Typical: Fault{Percent: 5},
		Doc: "That share of the objects is deleted."},
	{Kind: StoreSlow, Family: Store, Form: "store slow DELAY±", Where: Sim | Bubble | RealProcess, For: 10 * second,
		Typical: Fault{Delay: 200 * time.Millisecond, Jitter: 100 * time.Millisecond}, Doc: "Answers take longer."},
	{Kind: StoreAmbiguous, Family: Store, Form: "store ambiguous PERCENT", Where: Bubble | RealProcess, For: 10 * second, Typical: Fault{Percent: 5},
		Doc: "The request is processed and the answer is lost."},

	// Records.
	{Kind: PoisonRecord, Family: Input, Form: "poison record WHAT", Words: []string{"too-large", "corrupt"}, Where: RealProcess, Typical: Fault{What: "too-large"},
		Doc: "The archive holds records that the target does not take (too-large), or that can not be read any more (corrupt)."},
	{Kind: SchemaBreak, Family: Input, Form: "schema break", Where: RealProcess, Doc: "From some record on the values are of another, incompatible schema."},
}

// parts are the words of each form.
var parts = func() map[Kind][]string {
	out := make(map[Kind][]string, len(Table))
	for _, s := range Table {
		out[s.Kind] = strings.Fields(s.Form)
	}
	return out
}()

var byKind = func() map[Kind]*Spec {
	out := make(map[Kind]*Spec, len(Table))
	for i := range Table {
		out[Table[i].Kind] = &Table[i]
	}
	return out
}()

// Kinds lists the kinds that can be injected in all of where, in the order of Table; of every family when none is named.
func Kinds(where Layers, families ...Family) []Kind {
	var out []Kind
	for _, s := range Table {
		if s.Where.Has(where) && (len(families) == 0 || slices.Contains(families, s.Family)) {
			out = append(out, s.Kind)
		}
	}
	return out
}

// slots lists what is filled in, optional ones too.
func (s *Spec) slots() []string {
	var out []string
	for _, word := range parts[s.Kind] {
		word = strings.Trim(word, "[]")
		if word == strings.ToUpper(word) {
			out = append(out, word)
		}
	}
	return out
}

// optional says whether a slot may be left out.
func (s *Spec) optional(slot string) bool {
	_, rest, ok := strings.Cut(s.Form, "[")
	in, _, _ := strings.Cut(rest, "]")
	return ok && slices.Contains(strings.Fields(in), slot)
}

func (s *Spec) takes(t Target) error {
	if s.Targets == 0 {
		if t != "" {
			return fmt.Errorf("takes no target, got %q", string(t))
		}
		return nil
	}
	return t.check(s.Targets)
}
