# The engine and the module that drives it, built as nginx itself was:
#
# make -C <tree of nginx> -f module.mk OBJS=<its objects> TOP=<ours> OUT=<file>

include $(OBJS)/Makefile

PGTEST =	$(TOP)/t/unit/pg_engine/ngx_http_pgtest_module.c \
		$(TOP)/src/ngx_http_chat_peer.c \
		$(TOP)/src/ngx_http_chat_secret.c \
		$(wildcard $(TOP)/src/ngx_http_chat_pg*.c)

$(OUT):		$(PGTEST) $(wildcard $(TOP)/src/*.h)
	$(CC) $(CFLAGS) -Wno-unused-parameter -fPIC -shared -o $@.new \
		$(ALL_INCS) -I$(TOP)/src `pkg-config --cflags libpq` \
		$(PGTEST) `pkg-config --libs libpq`
	mv $@.new $@
