# `make` alone lists the targets.

# The nested modules that are tested: those in go.work. The tools' modules are not in it.
NESTED := $(shell sed -n 's|^[[:space:]]*\./||p' go.work)

# CI runs every test, also when an earlier result is cached.
GOTEST := go test -race $(if $(CI),-count=1)

# The other platforms that it must build for.
PLATFORMS := darwin/arm64 darwin/amd64 windows/amd64

TOOL := GOWORK=off go -C tools/lint tool -n
JAEGER = "$$(GOWORK=off go -C tools/jaeger tool -n jaeger)"

# How long each fuzz target runs: make fuzz FUZZTIME=10m.
FUZZTIME = 30s

.PHONY: help build demo man test test-short test-full fuzz lint fmt cross bench profile jaeger jaeger-build \
	temporal-e2e needs-test needs-test-short

# Targets are made in order also under make -j: what the tests need is checked before anything is built.
.NOTPARALLEL:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 14

# grpcnotrace leaves out gRPC's debug pages, which the command does not serve. With them the linker keeps every method.
build: ## build bin/backspan
	go build -trimpath -tags grpcnotrace -ldflags '-s -w' -o bin/backspan ./cmd/backspan

demo: ## see retries happen
	@go run ./cmd/backspan demo

man: ## write the man pages into bin/man
	go run ./cmd/backspan man bin/man

test: needs-test cross jaeger-build ## run every test, with the race detector and a real Jaeger (built on the first run)
	GOWORK=off $(GOTEST) ./...
	GOWORK=off go test $(if $(CI),-count=1) ./retry # what the race detector's larger frames hide
	@for m in $(NESTED); do \
		echo "cd $$m && $(GOTEST) -timeout 30m -parallel 8 ./..."; \
		(cd $$m && $(GOTEST) -timeout 30m -parallel 8 ./...) || exit 1; done

test-short: needs-test-short ## the tests of the library and the command alone
	$(GOTEST) ./...

# With the race detector this would take an hour. `make test` runs the short forms of the same tests with it.
test-full: export BACKSPAN_FULL = 1
test-full: GOTEST = go test -timeout 30m $(if $(CI),-count=1)
test-full: test ## every test in its long form, without the race detector (10 minutes)

# Minimising an input that only covers new code would take most of the time: it stops after 10 executions.
fuzz: ## let every fuzz target look for faults, FUZZTIME (30s) each
	@grep -ro --include='*_test.go' --exclude-dir='.?*' '^func Fuzz[A-Za-z0-9_]*' . | sed 's|/[^/]*:func | |' | \
	while read -r dir target; do \
		echo "fuzz $$dir $$target"; \
		go -C "$$dir" test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x . \
			< /dev/null || exit 1; done

lint: ## look for bugs and undocumented names
	@lint=$$($(TOOL) golangci-lint) && for m in . $(NESTED); do \
		echo "lint $$m" && (cd $$m && "$$lint" run ./...) || exit 1; done

fmt: ## format the Go code
	@"$$($(TOOL) gofumpt)" -l -w .

cross: ## build and vet for the other systems
	@for p in $(PLATFORMS); do echo "build and vet for $$p"; \
		GOWORK=off CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} sh -c 'go build ./... && go vet ./...' || exit 1; done

bench: ## measure Backspan beside its peers: ratios and budgets (5 minutes)
	go run ./bench

# CASE is one of the bench's benchmarks: environment, scenario, contender.
CASE = SDK_that_samples_all/success_at_first/Backspan

profile: ## show where a traced operation's time goes: a flame graph in the browser (CASE=… for another)
	@mkdir -p bin
	go test ./bench -run '^$$' -bench '^BenchmarkContenders$$/^$(subst /,$$/^,$(CASE))$$' -benchtime 5s \
		-o bin/bench.test -cpuprofile bin/cpu.prof
	go tool pprof -http=localhost: bin/bench.test bin/cpu.prof

jaeger: ## run a Jaeger on loopback without Docker (collector and API; its binary has no UI)
	$(JAEGER) --config deploy/jaeger.yaml

jaeger-build:
	@echo "build Jaeger (minutes the first time, then cached)"
	@GOWORK=off go -C tools/jaeger tool -n jaeger > /dev/null

bin/temporal:
	@echo "build Temporal's development server (5 minutes of CPU, 250 MB, once)"
	@mkdir -p bin && cd bin && GOWORK=off GOBIN="$$PWD" go install github.com/temporalio/cli/cmd/temporal@v1.5.1

temporal-e2e: bin/temporal ## kill a Temporal server and its workers, and see that runs end right (2 minutes)
	cd orchestrator/temporal && go run ./e2e -temporal ../../bin/temporal

needs-test needs-test-short: needs-%:
	@tools/needs $*
