# make help prints the list. Every check has a fix- twin where a machine can mend what it finds.
GO      ?= go
VERSION ?= $(shell git describe --tags --always 2>/dev/null || echo dev)

# Functions begin where 16 divides, as on arm64; the default of amd64 is 32, which costs half a megabyte and makes nothing faster.
LDFLAGS  = -s -w -X main.version=$(VERSION) -funcalign=16

# What no record goes through is compiled without inlining: it is a tenth smaller then. Whoever adds a dependency that is not hot adds it here; what
# is not named is compiled as always. kmsg has frames of requests and batches; records inside a batch are kgo's.
COLD     = backstitch/cmd/... backstitch/cluster/... backstitch/chaos/... backstitch/fsm/... backstitch/partition/... backstitch/replay/spec backstitch/replay/synth backstitch/replay/report backstitch/replay/recovery/... \
           backstitch/replay/schema/compat cel.dev/cel-go/parser/... cel.dev/cel-go/checker/... cel.dev/cel-go/common/stdlib github.com/antlr4-go/... \
           github.com/aws/... github.com/bufbuild/... github.com/coreos/... github.com/go-jose/... github.com/cockroachdb/errors/... github.com/cockroachdb/redact/... github.com/danielgtaylor/... \
           github.com/DataDog/datadog-agent/... github.com/getsentry/... github.com/goccy/... github.com/gogo/... github.com/hashicorp/... github.com/jedib0t/... \
           github.com/johannesboyne/... github.com/miekg/... github.com/prometheus/... github.com/russross/... github.com/santhosh-tekuri/... github.com/spf13/... \
           github.com/tetratelabs/wazero/internal/engine/wazevo/... github.com/tetratelabs/wazero/internal/engine/interpreter \
           github.com/tetratelabs/wazero/internal/wasm/... github.com/twmb/franz-go/pkg/kadm github.com/twmb/franz-go/pkg/kfake github.com/twmb/franz-go/pkg/kmsg \
           github.com/twmb/franz-go/pkg/sr golang.org/x/oauth2/... golang.org/x/text/... google.golang.org/protobuf/internal/... \
           google.golang.org/protobuf/reflect/... google.golang.org/protobuf/types/... google.golang.org/protobuf/encoding/prototext
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' $(COLD:%=-gcflags=%=-l)

.DEFAULT_GOAL := help

.PHONY: help
help: ## print this list
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/backstitch, one static binary
	@$(BUILD) -o bin/backstitch ./cmd/backstitch

# How large the program may be, in bytes; little comes into the image beside it.
SIZE     = 60000000

.PHONY: size
size: ## the program is below 60 MB on every machine that images are made for
	@for arch in amd64 arm64; do \
	  GOOS=linux GOARCH=$$arch $(BUILD) -o bin/backstitch-$$arch ./cmd/backstitch || exit 1; \
	  n=$$(wc -c < bin/backstitch-$$arch); rm bin/backstitch-$$arch; echo "linux/$$arch: $$n bytes of at most $(SIZE)"; \
	  [ $$n -lt $(SIZE) ] || { echo "too large: go tool nm -size -sort size of a build without -s -w says by what; what is not hot goes into COLD" >&2; exit 1; }; \
	done

# With SOURCE_DATE_EPOCH the pages of one commit are the same bytes each time.
.PHONY: man
man: build ## manual pages of every command, into bin/man
	rm -rf bin/man
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) ./bin/backstitch man bin/man

.PHONY: completions
completions: build ## completions for bash, zsh and fish, into bin/completions
	@mkdir -p bin/completions
	for shell in bash zsh fish; do ./bin/backstitch completion $$shell > bin/completions/backstitch.$$shell || exit 1; done

# A version that packages can have begins with a digit.
PACKAGED = $(if $(filter v%,$(VERSION)),$(VERSION:v%=%),0.0.0+$(VERSION))

.PHONY: packages
packages: man completions ## a deb and an rpm of this machine's architecture, into bin/packages
	rm -rf bin/packages && mkdir -p bin/packages
	$(GO) build -C deploy/check -o $(CURDIR)/bin/nfpm github.com/goreleaser/nfpm/v2/cmd/nfpm
	for kind in deb rpm; do ARCH=$$($(GO) env GOARCH) PACKAGE_VERSION='$(PACKAGED)' ./bin/nfpm package -f deploy/packages/nfpm.yaml -p $$kind -t bin/packages/ || exit 1; done

.PHONY: demo
demo: build ## lose a quarter of a million records on purpose and bring them back
	./bin/backstitch demo

# The tests of the suite that hurts the program are run by the suite: chaos-sim.
PROGRAM = $(shell $(GO) list ./... | grep -v '^backstitch/chaos')

# Tests in virtual time get one processor under the race detector. In Go 1.26 all timers of a bubble share one race
# context, and two threads that fire a timer at the same moment bring the detector down (golang.org/issue/78156).
BUBBLED = $(shell $(GO) list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' $(PROGRAM) | grep testing/synctest | cut -d' ' -f1)

# make check has vetted them. The two run beside each other: one processor is all that a bubble can use. Either may fail; the other is heard out first.
# With the tag pebble compresses as it does in the static binary, and no C is compiled for it. With the race detector a binary waits a second
# before it ends, for races that goroutines have yet to meet that a test left behind. Tests join what they start, and there are about
# ninety binaries: a tenth of that will do.
RACE = GORACE=atexit_sleep_ms=100 $(GO) test -vet=off -race -tags pebblegozstd

.PHONY: test test-bubbled test-plain
test: ## all tests of the program, with the race detector
	@$(MAKE) --no-print-directory -j2 test-bubbled test-plain

test-bubbled:
	GOGC=400 $(RACE) -cpu 1 -parallel 2 $(BUBBLED)

test-plain:
	$(RACE) $(filter-out $(BUBBLED),$(PROGRAM))

# What make test draws a few of, many of; without the race detector, which makes each take many times as long.
.PHONY: test-drawn
test-drawn: ## flipped bits, histories of the book, deaths of nodes, worlds of a ledger, records in others' archives: what make test draws a few of, many of
	$(GO) test -count=1 -run Flipped ./fsm ./storage/raftlog ./storage/snap -storagetest.flips 400
	$(GO) test -count=1 -run 'TestDeterminism|TestEveryTruncation' ./fsm -fsm.times 10
	$(GO) test -count=1 -run MayDie ./cluster -cluster.step 1
	$(GO) test -count=1 -run Flipped ./replay/report -report.step 1
	$(GO) test -count=1 -run TestAScanWithALedgerIsTheSame ./replay/ledger -ledger.seeds 40
	$(GO) test -count=1 -run TestManyJobsOnManyNodes ./cluster/leader -leader.large -rapid.checks 20
	$(GO) test -count=1 -run TestLimitsAndPrioritiesMayChange ./chaos/shares -shares.large
	$(GO) test -count=1 -run TestEveryDifferenceIsFound ./replay/gap/objects -objects.seeds 100
	$(GO) test -count=1 -run 'Drawn|TwoThings|OtherSpelling|NoJSON' ./replay/source/lenses ./replay/source/aiven ./replay/source/firehose ./replay/source/confluent -rapid.checks 40
	$(GO) test -count=1 -run Drawn ./replay/debezium -rapid.checks 500
	$(GO) test -count=4 -run Drawn ./replay/recovery/reach ./replay/rename

.PHONY: test-process
test-process: build ## bad input, from outside: the built program, three agents, a full disk, a corrupt log (root for the disk)
	BACKSTITCH_BIN=$(CURDIR)/bin/backstitch $(GO) test -tags process -count=1 -timeout 4m ./chaos/refusals

# The tests are a module of their own, deploy/check: Kubernetes, Helm and Prometheus stay out of the program. They look at what make packages built.
.PHONY: test-deploy
test-deploy: packages size ## what starts and watches a cluster: service, packages, image, chart, manifests, dashboards; every alert fires and is silent
	deploy/check/tools.sh
	$(GO) test -C deploy/check -count=1 ./...
	$$(deploy/check/tools.sh promtool) test rules deploy/alerts/tests/*.yaml

.PHONY: fix-deploy
fix-deploy: ## write deploy/kubernetes anew from the chart, and the list of metrics from the program
	$(GO) test -count=1 -run ListOfMetrics . -update
	$(GO) test -C deploy/check -count=1 -run Manifests ./chart -update

.PHONY: kafka
kafka: ## fetch the real Kafka, the S3 server, the judges in Java and the flights that test-real needs, pinned, into the cache
	deploy/testbed/kafka.sh fetch
	deploy/testbed/s3server.sh build
	deploy/testbed/judge.sh fetch
	deploy/testbed/registry.sh fetch
	deploy/testbed/flights.sh

.PHONY: test-real
test-real: build kafka ## the main job on real servers with three agents, while nodes are killed and frozen
	$(GO) test -tags real -count=1 -timeout 15m -v ./chaos/realtest

.PHONY: test-browser
test-browser: ## every page in a real Chromium: looks, keyboard, forms, following, another node; screenshots in bin/_artifacts
	deploy/testbed/browser.sh fetch
	@mkdir -p bin
	$(GO) test -tags browser -count=1 -timeout 5m -artifacts -outputdir $(CURDIR)/bin -run 'Browser$$|Keyboard$$|Dragging|PagesFollow|FindsAnother|WithoutAScript|Largest' ./cluster/admin/ui

# What the suites of chaos count is collected here; chaos-report adds it up.
FIGURES ?= $(CURDIR)/bin/chaos-figures.jsonl
CHAOS    = BACKSTITCH_BIN=$(CURDIR)/bin/backstitch BACKSTITCH_CHAOS_FIGURES=$(FIGURES) $(GO) test -count=1
SEEDS   ?= 20000
WIRED   ?= 1000
POINTS  ?= 2000
FROM    ?= 1

.PHONY: chaos-sim
chaos-sim: ## every promise broken in one process, and replayed exactly: seeds of the decisions, and power cuts
	@mkdir -p $(dir $(FIGURES))
	$(GO) test -vet=off ./chaos/...
	$(CHAOS) -timeout 10m -run TestSeeds ./chaos/sim -sim.seeds $(SEEDS) -sim.from $(FROM)
	$(CHAOS) -timeout 5m -run TestPoints ./chaos/crash -crash.points $(POINTS)

# How many seeds test-detect runs in the process: every pair six times.
DETECT ?= 246

.PHONY: test-detect
test-detect: kafka ## what detection finds of generated losses in every layout and pair, and what it invents: all and nothing, or it fails
	@mkdir -p $(dir $(FIGURES))
	$(CHAOS) -timeout 4m -run TestSeeds ./chaos/detect -detect.seeds $(DETECT) -detect.from $(FROM)
	$(CHAOS) -tags real -timeout 4m -run TestRealSeeds ./chaos/detect -detect.from $(FROM)

.PHONY: test-anomaly
test-anomaly: ## how many of the losses with labels are called anomalies, how soon, and what else is: on generated series and on real ones
	deploy/testbed/flights.sh
	$(GO) test -tags real -count=1 -timeout 3m -v ./chaos/anomaly -anomaly.series 100

# Seeds run beside each other, twice as many as there are cores: each waits a little for its evidence to reach the disk. What they hold is
# little and soon gone, so the collector may let it grow to ten times that.
BESIDE ?= $(shell expr 2 \* $$(nproc))

.PHONY: chaos-bubble
chaos-bubble: ## the wired cluster hurt in virtual time, WIRED seeds of it; a seed that breaks something leaves bin/_artifacts
	@mkdir -p $(dir $(FIGURES))
	GOGC=1000 $(CHAOS) -timeout 60m -parallel $(BESIDE) -artifacts -outputdir $(dir $(FIGURES)) -run TestSeeds ./chaos/bubble -bubble.first $(FROM) -bubble.seeds $(WIRED)

.PHONY: chaos-stories
chaos-stories: build ## what happens to data before a recovery begins: retention, elections, compaction, stale plans
	@mkdir -p $(dir $(FIGURES))
	$(CHAOS) -tags chaos -timeout 5m -run 'TestStories$$' ./chaos/stories

# Real agents mostly wait for each other, so two fleets, and three of the matrix, fit on two cores. The longest package is named first.
.PHONY: chaos
chaos: build ## real agents on a network, on disks and with limits that are hurt, and what chaos-stories and chaos-crashpoints do (root for most of it)
	@mkdir -p $(dir $(FIGURES))
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=v0.0.0-other' -o bin/backstitch-other ./cmd/backstitch
	$(GO) test -count=1 -tags failpoint ./storage/failpoint
	$(CHAOS) -tags chaos -timeout 10m -p 2 -v -skip InVirtualTime ./chaos/outage ./chaos/crashpoints ./chaos/disaster ./chaos/upgrade ./chaos/staging ./chaos/stories ./chaos/disk ./chaos/limits ./chaos/netns
	$(CHAOS) -tags chaos -timeout 20m -parallel 3 -v -run TestMatrix ./chaos/matrix -matrix.set ci -matrix.other $(CURDIR)/bin/backstitch-other

.PHONY: chaos-crashpoints
chaos-crashpoints: build ## die at every failpoint of the program, and come back with the exact result
	@mkdir -p $(dir $(FIGURES))
	$(GO) test -count=1 -tags failpoint ./storage/failpoint
	$(CHAOS) -tags chaos -timeout 5m -v ./chaos/crashpoints

# SHARD=K/N does every Nth run of chaos-full. What was kept is in DONE, and is not run again before that is removed.
# BROKER=real puts Apache Kafka behind the network (make kafka first); its runs take longer.
SHARD  ?=
BROKER ?= fake
DONE   ?= $(CURDIR)/bin/chaos-full-$(BROKER).done

.PHONY: chaos-full
chaos-full: build ## every fault on 3 and 5 agents, idle, refilling, and beside live traffic; takes hours, goes on where it was
	@mkdir -p $(dir $(FIGURES))
	$(GO) build -race -o bin/backstitch-race ./cmd/backstitch
	$(CHAOS) -tags chaos -timeout 24h -parallel 2 -v -run TestMatrix ./chaos/matrix -matrix.set full -matrix.broker $(BROKER) -matrix.race $(CURDIR)/bin/backstitch-race \
	  -matrix.shard '$(SHARD)' -matrix.resume $(DONE)

# It takes a quarter of an hour alone and may run beside everything else, at the lowest priority.
.PHONY: chaos-mutants
chaos-mutants: ## plant known bugs, one at a time, and see each caught
	@mkdir -p $(dir $(FIGURES))
	$(CHAOS) -tags chaos -timeout 60m -v -run TestMutants ./chaos/mutant

.PHONY: chaos-report
chaos-report: ## add up what the suites have counted, against the bars
	$(GO) run ./chaos/report/figures $(FIGURES)

.PHONY: chaos-table
chaos-table: ## write chaos/SCENARIOS.md anew from the library and the last figures
	$(GO) run ./chaos/report/scenarios $(if $(wildcard $(FIGURES)),-figures $(FIGURES)) chaos/SCENARIOS.md

# How many hours soak goes on.
HOURS ?= 1

.PHONY: soak
soak: ## the suites over and over with new seeds, HOURS long; the first failure ends it
	@end=$$(( $$(date +%s) + $(HOURS) * 3600 )); round=0; \
	while [ $$(date +%s) -lt $$end ]; do \
	  round=$$((round + 1)); echo "==> round $$round"; \
	  $(MAKE) --no-print-directory test-drawn chaos-sim chaos-bubble chaos FROM=$$(date +%s) || exit 1; \
	done

.PHONY: test-x10
test-x10: ## all tests ten times, to find flakes
	$(GO) test -race -count=10 -failfast $(PROGRAM)

# Benchmarks hold their figures against bars; JUDGE=false only prints them.
JUDGE ?= true

.PHONY: bench
bench: ## the engine against a hand-written pipe, a first commit against one answer, the raft log against others
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m ./replay/bench ./replay/sink/kafka ./storage/raftlog

.PHONY: bench-page
bench-page: ## how long a browser takes to paint the largest heatmap
	deploy/testbed/browser.sh fetch
	$(GO) test -tags browser -count=1 -timeout 5m -v -run Largest ./cluster/admin/ui -browser.judge=$(JUDGE)

.PHONY: bench-failover
bench-failover: build ## how long work stands still when an owner or the leader is killed
	$(GO) test -tags failover -count=1 -timeout 30m -v ./chaos/failover -judge=$(JUDGE)

.PHONY: bench-reads
bench-reads: ## how long each route that reads takes while 10,000 slices are active and checkpoints are renewed
	$(GO) test -tags reads -count=1 -v -run TestReads ./cluster/admin -judge=$(JUDGE)

.PHONY: bench-flood
bench-flood: build kafka ## how much of its rate a backfill loses to a thousand idle clients and 5,000 requests a second of garbage
	$(GO) test -tags flood -count=1 -timeout 30m -v ./chaos/flood -judge=$(JUDGE)

.PHONY: bench-live
bench-live: build kafka ## how much longer live producers and consumers wait beside a backfill that spares them, and beside one that does not
	$(GO) test -tags live -count=1 -timeout 30m -v ./chaos/live -judge=$(JUDGE)

.PHONY: bench-memory
bench-memory: build kafka ## peak memory of an agent over one and ten million records, and of a scan that finds ten million scattered losses
	$(GO) test -tags memory -count=1 -timeout 30m -v -run Memory ./replay/gap ./replay/gap/delivered
	$(GO) test -tags memory -count=1 -timeout 30m -v ./chaos/realtest -judge=$(JUDGE)

# How long each target is fuzzed. What is found new is not made smaller for a minute, which is its default and all of the time there is.
FUZZTIME ?= 60s

.PHONY: fuzz
fuzz: ## every fuzz target that there is, FUZZTIME each
	@set -e; grep -rE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*\(' . | sed -E 's|/[^/]*_test.go:func (Fuzz[A-Za-z0-9_]*).*| \1|' | sort -u | \
	while read -r dir target; do \
	  echo "==> $$dir $$target"; \
	  $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "$$dir" </dev/null; \
	done

.PHONY: check
check: check-fmt vet staticcheck gosec layers tidy ## formatting, vet, staticcheck, gosec, import rule, documents, go.mod

.PHONY: check-fmt
check-fmt:
	@bad=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$bad" ] || { echo "not formatted (make fmt mends it):"; echo "$$bad"; exit 1; }

.PHONY: fmt
fmt: ## format every Go file
	gofmt -w $$(git ls-files '*.go')

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...
	$(GO) vet -tags real,memory,failover,flood,live,reads,process,chaos,failpoint,browser ./...

.PHONY: staticcheck
staticcheck: ## staticcheck, pinned in go.mod
	$(GO) tool staticcheck ./...

# Pinned in deploy/check/scanners, a module of its own: what scanners need stays out of the program's go.sum.
.PHONY: gosec
gosec: ## faults of security in the code; what is excused has its reason in the line, or in deploy/check/scanners/gosec/rules.go
	$(GO) build -C deploy/check/scanners -o $(CURDIR)/bin/gosec ./gosec
	$(GO) test -C deploy/check/scanners ./...
	$(GO) vet -vettool=$(CURDIR)/bin/gosec ./...

.PHONY: vulns
vulns: ## known holes in what the program is built of and can reach; fails, too, where the database of them can not be had
	@deploy/check/vulns.sh

.PHONY: layers
layers: ## who may import whom, who may look at the clock, and the documents
	$(GO) test -count=1 .

.PHONY: tidy
tidy: ## go.mod and go.sum are what the code needs
	$(GO) mod tidy -diff

.PHONY: fix-tidy
fix-tidy: ## mend go.mod and go.sum
	$(GO) mod tidy
