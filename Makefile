# make help prints the list. Every check has a fix- twin where a machine can mend what it finds.
GO      ?= go
VERSION ?= $(shell git describe --tags --always 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)

.DEFAULT_GOAL := help

.PHONY: help
help: ## print this list
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/backstitch, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/backstitch ./cmd/backstitch

.PHONY: demo
demo: build ## lose a quarter of a million records on purpose and bring them back
	./bin/backstitch demo

.PHONY: test
test: ## all tests, with the race detector
	$(GO) test -race ./...

.PHONY: test-x10
test-x10: ## all tests ten times, to find flakes
	$(GO) test -race -count=10 -failfast ./...

.PHONY: check
check: check-fmt vet staticcheck layers tidy ## formatting, vet, staticcheck, import rule, documents, go.mod

.PHONY: check-fmt
check-fmt:
	@bad=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$bad" ] || { echo "not formatted (make fmt mends it):"; echo "$$bad"; exit 1; }

.PHONY: fmt
fmt: ## format every Go file
	gofmt -w $$(git ls-files '*.go')

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: staticcheck
staticcheck: ## staticcheck, pinned in go.mod
	$(GO) tool staticcheck ./...

.PHONY: layers
layers: ## who may import whom, who may look at the clock, and the documents
	$(GO) test -count=1 .

.PHONY: tidy
tidy: ## go.mod and go.sum are what the code needs
	$(GO) mod tidy -diff

.PHONY: fix-tidy
fix-tidy: ## mend go.mod and go.sum
	$(GO) mod tidy
