# ado-orchestrator: `make help` lists the targets.
.DEFAULT_GOAL := all
BUILD  ?= build
PREFIX ?= /usr/local
CC     ?= cc
V      ?= 0
Q      := $(if $(filter 1,$(V)),,@)

# libmsgpack-dev (Debian 12) installs msgpack.pc, libmsgpack-c-dev (13) msgpack-c.pc.
MSGPACK := $(shell pkg-config --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
PKGS    := libcurl $(MSGPACK) yaml-0.1 jansson openssl
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wswitch -Wformat=2 -Wvla -Werror
WARN    += $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
CFLAGS  ?= -O2 -g
CFLAGS  += -std=c11 -D_GNU_SOURCE -I. -pthread $(WARN) $(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(SANITIZE)
LDLIBS  := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lev -lm -pthread
LDFLAGS += $(SANITIZE)

BINARIES := $(addprefix $(BUILD)/,azp-watcher azp-provisioner azp-reaper azpctl)
objects   = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c $(1)/*/*.c))
LIBS     := $(BUILD)/libprotocol.a $(BUILD)/libcommon.a

all: $(BINARIES)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/common/build.o: CFLAGS += -DAZP_VERSION='"$(VERSION)"'

$(BUILD)/libcommon.a: $(call objects,common)
$(BUILD)/libprotocol.a: $(filter-out $(BUILD)/protocol/azpctl/%,$(call objects,protocol))
$(BUILD)/lib%.a:
	@rm -f $@
	$(Q)ar rcs $@ $^

# A process's own objects without its main.o: what unit tests link.
PARTS := $(foreach p,watcher provisioner reaper,$(BUILD)/lib$(p).a)
$(BUILD)/libwatcher.a: $(filter-out %/main.o,$(call objects,watcher))
$(BUILD)/libprovisioner.a: $(filter-out %/main.o,$(call objects,provisioner))
$(BUILD)/libreaper.a: $(filter-out %/main.o,$(call objects,reaper))

define program
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
endef
$(BUILD)/azp-%: $(BUILD)/%/main.o $(BUILD)/lib%.a $(LIBS)
	$(program)
$(BUILD)/azpctl: $(call objects,protocol/azpctl) $(LIBS)
	$(program)

include tests/tests.mk

install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BINARIES) $(DESTDIR)$(PREFIX)/bin

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all install clean
.SECONDARY:
