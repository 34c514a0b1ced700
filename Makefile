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
override CFLAGS += -std=c11 -D_GNU_SOURCE -I. -pthread $(WARN) $(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(SANITIZE)
LDLIBS  := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lev -lm -pthread
override LDFLAGS += $(SANITIZE)

BINARIES := $(addprefix $(BUILD)/,azp-watcher azp-provisioner azp-reaper azpctl)
objects   = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c $(1)/*/*.c))
LIBS     := $(BUILD)/libprotocol.a $(BUILD)/libcommon.a

## make              build build/azp-watcher, build/azp-provisioner, build/azp-reaper, build/azpctl   (V=1 shows commands, CC=clang works)
## make deps         install the Debian packages (sudo when needed)
## make install      into PREFIX (/usr/local), below DESTDIR
## make clean        remove build/
all: $(BINARIES)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/common/build.o: override CFLAGS += -DAZP_VERSION='"$(VERSION)"'
$(BUILD)/common/build.o: $(wildcard .git/logs/HEAD)

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

# Debian packages; libmsgpack-dev became libmsgpack-c-dev in Debian 13.
DEBIAN   := $(shell . /etc/os-release 2>/dev/null; echo $${VERSION_ID:-0})
PACKAGES := gcc libc6-dev pkg-config libcurl4-openssl-dev libyaml-dev libssl-dev libev-dev libjansson-dev \
            $(if $(filter 12,$(DEBIAN)),libmsgpack-dev,libmsgpack-c-dev) \
            libcmocka-dev openssl curl python3 python3-aiohttp python3-pytest python3-pytest-xdist python3-msgpack python3-yaml
deps:
	@missing=$$(for p in $(PACKAGES); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	[ -z "$$missing" ] && exit 0; echo "installing:" $$missing; \
	sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); $$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null

help:
	@sed -n 's/^## //p' Makefile tests/tests.mk

include tests/tests.mk

install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BINARIES) $(DESTDIR)$(PREFIX)/bin

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all install clean deps help
.SECONDARY:
