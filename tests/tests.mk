# Everything that is run to trust the product.

# One cmocka program per file: tests/unit/<dir>/test_<file>.c, linked with the real objects.
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*/test_*.c))
$(BUILD)/unit/%: tests/unit/%.c $(PARTS) $(LIBS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(PARTS) $(LIBS) $(LDLIBS) -lcmocka

check-unit: $(UNIT)
	@for t in $(UNIT); do $$t || exit 1; done

# libFuzzer targets: tests/fuzz/fuzz_<what>.c with tests/fuzz/corpus/<what>/.
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/fuzz/%: tests/fuzz/%.c $(wildcard common/*.[ch] protocol/*.[ch] provisioner/*.[ch] reaper/*.[ch] watcher/*.[ch])
	@mkdir -p $(@D)
	@echo "  FUZZ $@"
	$(Q)$(MAKE) -s BUILD=$(BUILD)/fuzz-objects CC=clang SANITIZE="-fsanitize=address,undefined,fuzzer-no-link" \
		$(patsubst $(BUILD)/%,$(BUILD)/fuzz-objects/%,$(PARTS) $(LIBS))
	$(Q)clang $(filter-out -Wno-format-truncation,$(CFLAGS)) -fsanitize=address,undefined,fuzzer -o $@ $< \
		$(patsubst $(BUILD)/%,$(BUILD)/fuzz-objects/%,$(PARTS) $(LIBS)) $(LDLIBS)

.PHONY: check-unit
