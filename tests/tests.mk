# Everything that is run to see and to trust the product. The stand-ins are Python: Debian's own, with Debian's packages, unless PYTHON says otherwise.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
# system tests at once; they mostly wait
export WORKERS ?= 4
export PYTHONDONTWRITEBYTECODE := 1

## make demo         watch it work: stand-ins for Azure DevOps and Kubernetes, the three processes, 20 jobs   (KUBECONFIG=FILE: Jobs in that cluster)
demo: deps
	@$(MAKE) --no-print-directory all
	@$(PYTHON) -m tests.sim.demo --build $(BUILD) $(if $(KUBECONFIG),--kubeconfig $(KUBECONFIG))

## make check        unit tests, and system tests on the stand-ins
check: deps
	@$(MAKE) --no-print-directory all check-unit check-system

## make check-unit   only the unit tests; make check-system: only the system tests (T=name selects)
# One cmocka program per file: tests/unit/<dir>/test_<file>.c, linked with the real objects.
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*/test_*.c))
$(BUILD)/unit/%: tests/unit/%.c $(PARTS) $(LIBS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(PARTS) $(LIBS) $(LDLIBS) -lcmocka

check-unit: $(UNIT)
	@for t in $(UNIT); do $$t > $$t.log 2>&1 || { cat $$t.log; echo "FAILED: $$t"; exit 1; }; done; \
	cat $(UNIT:=.log) | awk '/PASSED/ {n += $$4} END {print n " passed, 0 failed"}'

check-system: all
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/system/run '$(T)'

## make check-cluster   the system tests against a real kube-apiserver, controller-manager and etcd (built from the Go module proxy, cached)
check-cluster: deps
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/cluster/check-cluster '$(T)'

## make check-node   the shipped image and Pod on a real node: kubelet, containerd, runc (needs root)
check-node: deps
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/cluster/check-node

## make check-fidelity  Microsoft's and Kubernetes' own clients against the stand-ins
check-fidelity: deps
	@BUILD=$(BUILD) tests/fidelity/run

## make check-asan   unit and system tests with AddressSanitizer and UBSan, and every fuzz target over its corpus
check-asan: deps
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CFLAGS="-O1 -g" SANITIZE="-fsanitize=address,undefined -fno-omit-frame-pointer" all check-unit check-system
	@$(MAKE) --no-print-directory fuzz SECONDS_EACH=5

## make fuzz         every libFuzzer target (clang) for SECONDS_EACH=30 from its corpus
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
SECONDS_EACH ?= 30
FUZZ_MAKE = $(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz-objects CC=clang CFLAGS="-O1 -g" SANITIZE="-fsanitize=address,undefined,fuzzer-no-link"
fuzz:
	@command -v clang >/dev/null || { echo "fuzz: skipped: clang is not installed"; exit 0; }; \
	$(FUZZ_MAKE) fuzz-objects && $(MAKE) --no-print-directory $(FUZZERS) && printf '%s\n' $(FUZZERS) | xargs -P 2 -I TARGET tests/fuzz/run TARGET $(SECONDS_EACH)
fuzz-objects: $(PARTS) $(LIBS)
$(BUILD)/fuzz/%: tests/fuzz/%.c FORCE
	@mkdir -p $(@D)
	@clang $(filter-out -Wno-format-truncation,$(CFLAGS)) -fsanitize=address,undefined,fuzzer -o $@ $< \
	  $(patsubst $(BUILD)/%,$(BUILD)/fuzz-objects/%,$(PARTS) $(LIBS)) $(LDLIBS)
FORCE:

## make lint         structure, generated documents, shell scripts; clang with every warning
$(BUILD)/protocol-doc: tests/tools/protocol_doc.c $(LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(LIBS) $(LDLIBS)
protocol/README.md: protocol/messages.def tests/tools/protocol_doc.c
	@$(MAKE) --no-print-directory $(BUILD)/protocol-doc
	$(BUILD)/protocol-doc > $@
lint: deps
	@$(MAKE) --no-print-directory all $(BUILD)/protocol-doc
	@$(PYTHON) tests/lint/structure.py
	@$(PYTHON) tests/lint/documents.py $(BUILD)
	@for s in $$(grep -lr --exclude-dir=.git --exclude-dir=build '^#!.*bash' . .ci/run | sort -u); do bash -n $$s || exit 1; done
	@if command -v clang >/dev/null; then $(MAKE) --no-print-directory BUILD=$(BUILD)/clang CC=clang all >/dev/null && echo "clang: clean"; else echo "clang: skipped: not installed"; fi

## make bench        speed and memory, as ratios in one run on one machine, against a real API server
bench: deps
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/bench/run $(BENCH)

.PHONY: demo check check-unit check-system check-cluster check-node check-fidelity check-asan fuzz fuzz-objects lint bench FORCE
