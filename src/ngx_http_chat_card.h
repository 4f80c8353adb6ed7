
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_CARD_H_INCLUDED_
#define _NGX_HTTP_CHAT_CARD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>


/*
 * A card, which a message carries beside its text: choices, a rating, a form
 * or links.  Returns NULL, or what is wrong with it (static).
 */
const char *ngx_http_chat_card_check(json_t *card);


#endif /* _NGX_HTTP_CHAT_CARD_H_INCLUDED_ */
