# make help lists the targets.

NAME =		ngx_http_chat_module

BUILD =		build
NGX_SRC =
CC =		gcc
CFLAGS =	-g -O2
LDFLAGS =
NGX_CONFIGURE =
DESTDIR =

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
		--with-http_v3_module --with-http_realip_module \
		--with-http_auth_request_module --with-http_stub_status_module

endif

ifneq ($(findstring clang,$(CC)),)
PACKAGES +=	clang
endif

SHELL :=	/bin/bash
OBJS :=		$(DIR)/objs
WARN :=		-Wall -Wextra
SRCS :=		$(sort $(wildcard src/$(NAME:_module=)*.c))
DEPS :=		$(sort $(wildcard src/$(NAME:_module=)*.h src/sql/*.sql))
ASSETS :=	$(sort $(patsubst src/%,%,$(shell find src/assets -type f \
		! -name '.*' 2>/dev/null)))
GZIPPED :=	$(ASSETS:%=$(OBJS)/%.gz)

OPTIONS =	--with-cc='$(CC)' \
		--with-cc-opt='$(CFLAGS) $(FLAGS) $(WARN)' \
		--with-ld-opt='$(LDFLAGS) $(LDHARD)' \
		$(NGX_CONFIGURE) \
		--add-dynamic-module=$(TOP) --builddir=$(OBJS)

# what a configured tree depends on: it is made again when this text changes
RECIPE =	$(TREE) $(OPTIONS) $(NGX_CONF_FLAGS) \
		$(SRCS) $(DEPS) $(ASSETS)


.PHONY:		all module install demo clean help packages FORCE
.DELETE_ON_ERROR:

all:		module		## build the module (the default)

module:		$(DIR)/configured $(GZIPPED)
	@$(MAKE) --no-print-directory -C $(DIR)/tree -f $(OBJS)/Makefile \
		$(GOAL)
	@cmp -s $(OBJS)/$(NAME).so $(MODULE) \
		|| install -m 644 $(OBJS)/$(NAME).so $(MODULE)

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
	rm -rf $(DIR)/tree $(OBJS)
	cp -rs $(TREE) $(DIR)/tree && rm -f $(DIR)/tree/Makefile
	cd $(DIR)/tree \
	&& if [ -f conf_flags ]; then . ./conf_flags; fi \
	&& configure=./configure \
	&& if [ -f auto/configure ]; then configure=auto/configure; fi \
	&& $$configure $(OPTIONS) "$${NGX_CONF_FLAGS[@]}" $(NGX_CONF_FLAGS) \
		> $(DIR)/configure.log 2>&1 \
	|| { tail -n 6 $(DIR)/configure.log; exit 1; } >&2
	@touch $@

$(GZIPPED): $(OBJS)/%.gz: src/% | $(DIR)/configured
	@gzip -9nc $< > $@

install:	module		## install it into nginx's modules directory
	install -d $(DESTDIR)$(MODULES)
	install -m 644 $(MODULE) $(DESTDIR)$(MODULES)/.$(NAME).so.new
	mv -f $(DESTDIR)$(MODULES)/.$(NAME).so.new \
		$(DESTDIR)$(MODULES)/$(NAME).so

demo:		module		## a shop with chat on http://127.0.0.1:8080/
	@t/lib/packages run
	@CHAT_BUILD=$(OUT) CHAT_NGINX=$(NGINX) \
		exec setpriv --pdeathsig TERM examples/demo/run

clean:				## remove everything that was built
	rm -rf $(OUT)

help:				## this list
	@sed -n 's/^\([a-z]*\):.*##/\1	/p' Makefile | expand -t 12
	@echo
	@echo 'NGX_SRC=<dir>   build with an upstream nginx source tree'
	@echo 'CC=clang        choose the compiler'
	@echo 'BUILD=<dir>     where everything goes ($(BUILD))'
	@echo 'DESTDIR=<dir>   prefix of the installed file'
