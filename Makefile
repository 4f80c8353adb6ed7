# make help lists the targets.

NAME =		ngx_http_chat_module

BUILD =		build
NGX_SRC =
CC =		gcc
CFLAGS =	-g -O2
LDFLAGS =
NGX_CONFIGURE =
DESTDIR =
V =

TOP :=		$(CURDIR)
OUT :=		$(abspath $(BUILD))
MODULE :=	$(OUT)/$(NAME).so
DEBIAN :=	/usr/share/nginx/src


# Debian's nginx, or the upstream tree in NGX_SRC; each has its own objects
# and a tree of links, so that configuring never writes into the original.

ifeq ($(NGX_SRC),)

TREE :=		$(DEBIAN)
DIR :=		$(OUT)/debian
PACKAGES :=	build
NGINX =		$(or $(shell PATH=$$PATH:/usr/sbin command -v nginx),\
		/usr/sbin/nginx)
MODULES =	$(shell . $(DEBIAN)/conf_flags 2>/dev/null; \
		echo "$${NGX_CONF_FLAGS[@]}" | tr ' ' '\n' \
		| sed -n 's/^--modules-path=//p')
GOAL :=		modules
FLAGS :=	-fPIC -fstack-protector-strong -D_FORTIFY_SOURCE=2
LDHARD :=	-fPIC -Wl,-z,relro -Wl,-z,now

else

TREE :=		$(abspath $(NGX_SRC))
DIR :=		$(OUT)/upstream
PACKAGES :=	upstream
NGINX :=	$(DIR)/objs/nginx
PREFIX =	/usr/local/nginx
MODULES =	$(PREFIX)/modules
GOAL :=		binary modules
FLAGS :=
LDHARD :=
NGX_CONF_FLAGS = --prefix=$(PREFIX) --error-log-path=stderr \
		--with-compat --with-debug \
		--with-threads --with-http_ssl_module --with-http_v2_module \
		--with-http_realip_module --with-http_auth_request_module \
		--with-http_stub_status_module --with-http_sub_module \
		$(if $(wildcard $(TREE)/src/http/v3),--with-http_v3_module)

endif

ifneq ($(findstring clang,$(CC)),)
PACKAGES +=	clang
endif

QUIET :=	--no-print-directory $(if $(V),,-s)
SHELL :=	/bin/bash
OBJS :=		$(DIR)/objs
WARN :=		-Wall -Wextra -Wno-unused-parameter
SRCS :=		$(sort $(wildcard src/$(NAME:_module=)*.c))
DEPS :=		$(sort $(wildcard src/$(NAME:_module=)*.h src/sql/*.sql))
ASSETS :=	$(sort $(patsubst src/%,%,$(shell find src/assets -type f \
		! -name '.*' 2>/dev/null)))
BUNDLED :=	$(OBJS)/assets.bundled

CODE :=		$(sort $(wildcard src/*.[ch] t/unit/*.[ch] t/bench/*/*.[ch]))
SHELLS :=	.ci/run examples/demo/run src/bundle t/lib/cluster \
		t/lib/nginx-source t/lib/packages t/lib/promises t/lib/redis t/lib/run
SCRIPTS :=	$(filter %.js %.mjs,$(ASSETS:%=src/%)) \
		$(wildcard t/browser/*.mjs t/browser/*.js t/stream/*.mjs \
		t/faults/*.mjs t/scale/*.mjs t/bench/node/*.js)
EXPORTED :=	$(NAME)|ngx_modules|ngx_module_names|ngx_module_order

# nginx itself copies nothing from null pointers and reads words where they
# are; what leaks is for valgrind, as nginx leaves much to the end of a process

ASAN :=		-fsanitize=address,undefined \
		-fno-sanitize=nonnull-attribute,alignment
ASAN_CFLAGS =	-g -O1 -fno-omit-frame-pointer -DNGX_DEBUG_PALLOC=1
# each dynamic module has the names that nginx has for its own modules
ASAN_OPTIONS =	detect_leaks=0:abort_on_error=1:disable_coredump=1$(strip \
		):detect_odr_violation=0
UBSAN_OPTIONS =	print_stacktrace=1

UNITS :=	$(patsubst t/unit/%.c,$(OUT)/unit/%,$(wildcard t/unit/*_test.c))
ECHO :=		$(OUT)/echo/$(NAME).so
FUZZERS :=	$(patsubst t/unit/fuzz/%.c,$(OUT)/fuzz/%,\
		$(wildcard t/unit/fuzz/*_fuzz.c))
FUZZ_SECONDS =	30
OOM :=		$(OUT)/faults/oom.so
# an earlier module for "make faults": a commit
OLD :=		$(shell git rev-list -n 1 --skip=25 HEAD 2>/dev/null)
OLD_MODULE :=	$(OUT)/old/$(OLD)/build/$(NAME).so
NPM :=		$(patsubst %/package-lock.json,%/node_modules/.package-lock.json,\
		$(wildcard t/browser/package-lock.json \
		t/faults/package-lock.json))
T =
FAULT =
LONG =
LOAD :=		$(OUT)/bench/load
FLOORS :=	$(addprefix $(OUT)/bench/,append floor hop)
SOAK =
MEASURE =

OPTIONS =	--with-cc='$(CC)' \
		--with-cc-opt='$(CFLAGS) $(FLAGS) $(WARN)' \
		--with-ld-opt='$(LDFLAGS) $(LDHARD)' \
		$(NGX_CONFIGURE) \
		--add-dynamic-module=$(TOP) --builddir=$(OBJS)

# what a configured tree depends on: it is made again when this text changes
RECIPE =	$(TREE) $(OPTIONS) $(NGX_CONF_FLAGS) \
		$(SRCS) $(DEPS) $(ASSETS)


.PHONY:		all module install test shots soak faults scale asan valgrind fuzz check bench bench-packages bench-report demo clean help packages FORCE
.DELETE_ON_ERROR:

all:		module		## build the module (the default)

module:		$(DIR)/configured $(BUNDLED)
	@$(MAKE) $(QUIET) -C $(DIR)/tree -f $(OBJS)/Makefile $(GOAL)
	@cmp -s $(OBJS)/$(NAME).so $(MODULE) \
		|| install -v -m 644 $(OBJS)/$(NAME).so $(MODULE)

packages:
	@t/lib/packages $(PACKAGES)

$(DIR)/recipe:	FORCE
	@mkdir -p $(DIR)
	@echo "$(RECIPE)" | cmp -s - $@ || echo "$(RECIPE)" > $@

$(DIR)/configured: config $(DIR)/recipe $(wildcard $(TREE)/conf_flags) \
		$(wildcard $(TREE)/src/core/nginx.h) | packages
	@if [ ! -f $(TREE)/src/core/nginx.h ]; then \
		echo "$(TREE) is not an nginx source tree" >&2; exit 1; \
	fi
	@echo "configuring nginx in $(TREE)"
	@rm -rf $(DIR)/tree $(OBJS)
	@cp -rs $(TREE) $(DIR)/tree && rm -f $(DIR)/tree/Makefile
	@cd $(DIR)/tree \
	&& if [ -f conf_flags ]; then . ./conf_flags; fi \
	&& configure=./configure \
	&& if [ -f auto/configure ]; then configure=auto/configure; fi \
	&& $$configure $(OPTIONS) "$${NGX_CONF_FLAGS[@]}" $(NGX_CONF_FLAGS) \
		> $(DIR)/configure.log 2>&1 \
	|| { tail -n 6 $(DIR)/configure.log; exit 1; } >&2
	@touch $@

$(BUNDLED):	src/bundle $(ASSETS:%=src/%) | $(DIR)/configured
	@src/bundle $(OBJS)/assets $(OBJS)/$(NAME:_module=)_embed_assets.h
	@touch $@

install:	module		## install it into nginx's modules directory
	install -d $(DESTDIR)$(MODULES)
	install -m 644 $(MODULE) $(DESTDIR)$(MODULES)/.$(NAME).so.new
	mv -f $(DESTDIR)$(MODULES)/.$(NAME).so.new \
		$(DESTDIR)$(MODULES)/$(NAME).so

test:		module $(UNITS) $(ECHO) $(NPM) $(LOAD) $(OUT)/bench/hop	## run the tests; T=<file>... only these
	@t/lib/packages run test
	@CHAT_BUILD=$(OUT) CHAT_NGINX=$(NGINX) t/lib/run $(T)

# what the tests see of the pages, for the documentation

shots:		module $(NPM)	## the pictures of docs/img
	@t/lib/packages run test
	@rm -rf $(OUT)/shots
	@CHAT_SHOTS=$(OUT)/shots CHAT_BUILD=$(OUT) CHAT_NGINX=$(NGINX) \
		t/lib/run t/browser/widget.t t/browser/console.t \
		t/browser/console-door.t t/browser/console-more.t
	@mkdir -p docs/img && cp $(OUT)/shots/widget-*.png docs/img
	@for name in panel stale help people phone-side ar-dark he-light \
		factor code edit history customer erase mention mentions line \
		escalate policies; do \
		cp $(OUT)/shots/console-$$name.png docs/img || exit 1; done

# the module with a location that echoes, for the conformance of frames, and
# with times for which tests need not wait

$(ECHO):	FORCE
	@$(MAKE) $(QUIET) BUILD=$(OUT)/echo GOAL=modules \
		CFLAGS='$(CFLAGS) $(addprefix -DNGX_HTTP_CHAT_,WS_ECHO \
		WS_STALL=4000 SSE_STALL=4000 SSE_LIFE=6000)' module

# a unit test names the sources and the libraries it is linked with

INCLUDES =	$(OBJS) $(addprefix $(DIR)/tree/src/,core event \
		event/modules event/quic os/unix http http/modules http/v2 \
		http/v3)

sources =	$(shell sed -n 's/^ \* Sources: //p' t/unit/$(1).c)
libraries =	$(shell sed -n 's/^ \* Libraries: //p' t/unit/$(1).c)

.SECONDEXPANSION:

$(UNITS): $(OUT)/unit/%: t/unit/%.c $$(call sources,$$*) $(DEPS) \
		t/unit/unit.h | $(DIR)/configured
	@mkdir -p $(@D)
	@$(CC) -o $@ -g -O1 -fsanitize=address,undefined $(WARN) -Werror \
		$(addprefix -I,src $(INCLUDES)) \
		$(shell pkg-config --cflags-only-I libpq jansson 2>/dev/null) \
		$< $(call sources,$*) $(call libraries,$*) -lcrypto

$(FUZZERS): $(OUT)/fuzz/%: t/unit/fuzz/%.c \
		$$(call sources,fuzz/$$*) $(DEPS) | $(DIR)/configured
	@mkdir -p $(@D)
	@t/lib/packages clang
	@clang -o $@ -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize=nonnull-attribute -fno-sanitize-recover=all \
		$(WARN) -Werror $(addprefix -I,src t/unit $(INCLUDES)) \
		$(shell pkg-config --cflags-only-I libpq jansson 2>/dev/null) \
		$< $(call sources,fuzz/$*) $(call libraries,fuzz/$*) -lcrypto

# each goes on from what it found last time, and from t/unit/fuzz/<name>

fuzz:		$(FUZZERS)	## the fuzz targets, FUZZ_SECONDS=30 each
	@for f in $(FUZZERS); do \
		name=$${f##*/}; corpus=$(OUT)/fuzz/corpus/$${name%_fuzz}; \
		seeds=t/unit/fuzz/$${name%_fuzz}; \
		mkdir -p $$corpus; [ -d $$seeds ] || seeds=; \
		$$f -max_total_time=$(FUZZ_SECONDS) -max_len=70000 \
			-artifact_prefix=$$f- $$corpus $$seeds || exit 1; \
	done

asan:				## the tests, with all of nginx under ASan and UBSan
	@$(if $(NGX_SRC),,t/lib/packages upstream)
	@$(if $(NGX_SRC),,t/lib/nginx-source $(OUT)/nginx-source)
	@ASAN_OPTIONS=$(ASAN_OPTIONS) UBSAN_OPTIONS=$(UBSAN_OPTIONS) \
		$(MAKE) --no-print-directory BUILD=$(OUT)/asan \
		NGX_SRC='$(or $(NGX_SRC),$(OUT)/nginx-source)' \
		CFLAGS='$(ASAN) $(ASAN_CFLAGS)' LDFLAGS='$(ASAN)' test

faults:		module $(NPM) $(OOM) $(OLD_MODULE)	## the fault harness; FAULT='F4 F7' for some, LONG=1, SOAK=1
	@t/lib/packages run test faults
	@CHAT_BUILD=$(OUT) CHAT_NGINX=$(NGINX) CHAT_OLD_MODULE=$(OLD_MODULE) \
		CHAT_TEST_LIMIT=0 FAULT='$(FAULT)' LONG=$(LONG) SOAK=$(SOAK) \
		t/lib/run -v t/faults/table.t

$(OOM):		t/faults/oom.c
	@mkdir -p $(@D)
	@$(CC) -o $@ -shared -fPIC -O1 $(WARN) -Werror $<

# the module as it was, for hosts of two versions

$(OLD_MODULE):
	@rm -rf $(OUT)/old && mkdir -p $(OUT)/old/$(OLD)
	@git archive $(OLD) | tar -x -C $(OUT)/old/$(OLD)
	@$(MAKE) $(QUIET) -C $(OUT)/old/$(OLD) TOP=$(OUT)/old/$(OLD) \
		BUILD=$(@D) module

valgrind:	module		## the main paths under valgrind
	@t/lib/packages run test valgrind
	@CHAT_BUILD=$(OUT) CHAT_NGINX=$(NGINX) t/lib/run t/valgrind/smoke.t

soak:		module		## reloads and connections by the thousand: a table
	@t/lib/packages run test
	@CHAT_SOAK=1 CHAT_TEST_LIMIT=0 CHAT_BUILD=$(OUT) CHAT_NGINX=$(NGINX) \
		t/lib/run t/flow-soak.t

$(NPM): %/node_modules/.package-lock.json: %/package-lock.json
	@t/lib/packages test
	cd $* && npm ci --no-audit --no-fund < /dev/null
	@touch $@

check:		module $(NPM)	## style, directions, symbols, static analysis
	@t/lib/packages check
	@t/lib/style $(CODE)
	@t/lib/arrows $(filter src/%,$(CODE))
	@t/lib/promises
	@t/lib/openapi src/ngx_http_chat_endpoint.c docs/openapi.yaml \
		docs/security.md
	@! nm -D --defined-only $(MODULE) | awk '{ print $$3 }' \
		| grep -vxE '$(EXPORTED)'
	@! nm -g --defined-only $(OBJS)/addon/src/*.o | awk 'NF == 3' \
		| grep -v ' $(NAME:_module=)'
	@for f in $(SHELLS); do sh -n $$f || exit 1; done
	@for f in $(SCRIPTS); do node --check $$f || exit 1; done
	@cppcheck -q --inline-suppr --error-exitcode=1 --max-configs=1 \
		--enable=warning,performance,portability \
		--suppress=missingInclude --suppress=uninitMemberVar \
		-DNGX_PTR_SIZE=8 $(filter src/%.c,$(CODE))
ifneq ($(NPM),)
	@cd t/browser && node_modules/.bin/tsc -p tsconfig.json
	@cd t/browser && node --test unit/words.test.js > /dev/null \
		|| node --test unit/words.test.js
endif

# what the benchmarks are made of; the generator has a test of its own

$(LOAD):	$(wildcard t/bench/load/*.[ch]) | $(DIR)/configured
	@mkdir -p $(@D)
	@$(CC) -o $@ -g -O2 $(WARN) -Werror $(filter %.c,$^) -lssl -lcrypto

$(addprefix $(OUT)/bench/,floor hop): $(OUT)/bench/%: t/bench/floor/%.c \
		| $(DIR)/configured
	@mkdir -p $(@D)
	@$(CC) -o $@ -g -O2 $(WARN) -Werror $<

$(OUT)/bench/append: t/bench/pg/append.c | $(DIR)/configured
	@mkdir -p $(@D)
	@$(CC) -o $@ -g -O2 $(WARN) -Werror -I$$(pg_config --includedir) \
		$< -lpq -lpthread

bench-packages:
	@t/lib/packages build run bench

bench:		bench-packages module $(LOAD) $(FLOORS) $(NPM)	## measure beside the peers
	@CHAT_BUILD=$(OUT) CHAT_NGINX=$(NGINX) t/bench/bench

scale:		$(if $(MEASURE),bench-packages module $(LOAD))	## the simulation of docs/scaling.md; MEASURE=1
	@$(if $(MEASURE),CHAT_BUILD=$(OUT) CHAT_NGINX=$(NGINX) t/scale/measure)
	@node t/scale/scale.mjs $(if $(MEASURE),docs/scaling.md)

bench-report:			## write the figures of "make bench" into the documentation
	@CHAT_BUILD=$(OUT) t/bench/report

demo:		module		## a shop with chat on http://127.0.0.1:8080/
	@t/lib/packages run
	@CHAT_BUILD=$(OUT) CHAT_NGINX=$(NGINX) \
		exec setpriv --pdeathsig TERM examples/demo/run

clean:				## remove everything that was built
	rm -rf $(OUT)

help:				## this list
	@sed -n 's/^\([a-z-]*\):.*##/\1	/p' Makefile | expand -t 14
	@echo
	@echo 'NGX_SRC=<dir>   build with an upstream nginx source tree'
	@echo 'T=<file>...     run these tests only'
	@echo 'CC=clang        choose the compiler'
	@echo 'ONLY=<row>...    benchmarks: these rows only, as P2; QUICK=1: small ones'
	@echo 'ROUNDS=<n>      benchmarks: of each variant (5); RUN=<seconds> of each run'
	@echo 'MEASURE=1       scale: what it costs here, and docs/scaling.md anew'
	@echo 'LIMIT=<seconds> benchmarks: of them all (1680)'
	@echo 'BUILD=<dir>     where everything goes ($(BUILD))'
	@echo 'DESTDIR=<dir>   prefix of the installed file'
	@echo 'V=1             show each command of the build'
