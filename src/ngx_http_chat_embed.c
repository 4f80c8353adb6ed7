
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_embed.h"


/*
 * The assembler writes the tables, since only it knows the size of what it
 * includes.  A table and its rows are one statement: compilers may reorder
 * several.
 */

#if (NGX_PTR_SIZE == 8)
#define NGX_HTTP_CHAT_EMBED_WORD  ".quad "
#else
#define NGX_HTTP_CHAT_EMBED_WORD  ".long "
#endif


#define NGX_HTTP_CHAT_EMBED_TABLE(table)                                     \
    ".pushsection .data.rel.ro, \"aw\"\n"                                    \
    ".balign 16\n"                                                           \
    ".globl " table "\n"                                                     \
    ".hidden " table "\n"                                                    \
    table ":\n"                                                              \
    ".popsection\n"


#define NGX_HTTP_CHAT_EMBED_ASSET(name, file, gz)                            \
    ".pushsection .rodata\n"                                                 \
    "1: .asciz \"" name "\"\n"                                               \
    "2: .incbin \"" file "\"\n"                                              \
    "3: .byte 0\n"                                                           \
    "4: .incbin \"" gz "\"\n"                                                \
    "5: .popsection\n"                                                       \
    ".pushsection .data.rel.ro, \"aw\"\n"                                    \
    NGX_HTTP_CHAT_EMBED_WORD "1b, 2b, 4b, 3b - 2b, 5b - 4b\n"                \
    ".popsection\n"


#define NGX_HTTP_CHAT_EMBED_SQL(name, file)                                  \
    ".pushsection .rodata\n"                                                 \
    "1: .asciz \"" name "\"\n"                                               \
    "2: .incbin \"" file "\"\n"                                              \
    "3: .byte 0\n"                                                           \
    ".popsection\n"                                                          \
    ".pushsection .data.rel.ro, \"aw\"\n"                                    \
    NGX_HTTP_CHAT_EMBED_WORD "1b, 2b, 0, 3b - 2b, 0\n"                       \
    ".popsection\n"


#define NGX_HTTP_CHAT_EMBED_END                                              \
    ".pushsection .data.rel.ro, \"aw\"\n"                                    \
    NGX_HTTP_CHAT_EMBED_WORD "0, 0, 0, 0, 0\n"                               \
    ".popsection\n"


__asm__(
    NGX_HTTP_CHAT_EMBED_TABLE("ngx_http_chat_embed_assets")
#include "ngx_http_chat_embed_assets.h"
    NGX_HTTP_CHAT_EMBED_END
);


__asm__(
    NGX_HTTP_CHAT_EMBED_TABLE("ngx_http_chat_embed_sql")
#include "ngx_http_chat_embed_sql.h"
    NGX_HTTP_CHAT_EMBED_END
);
