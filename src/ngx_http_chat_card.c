
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_card.h"


/* bytes of what people read, and of addresses; parts of a card */
#define NGX_HTTP_CHAT_CARD_TEXT      400
#define NGX_HTTP_CHAT_CARD_URL       2048
#define NGX_HTTP_CHAT_CARD_PARTS     10


typedef ngx_uint_t (*ngx_http_chat_card_pt)(json_t *value);


/* a member of a card or of one of its parts */

typedef struct {
    const char               *name;
    ngx_uint_t                required;
    ngx_http_chat_card_pt     valid;
} ngx_http_chat_card_member_t;


/* "parts" is an array of objects that are told apart by their "key" */

typedef struct {
    const char                   *type;
    ngx_http_chat_card_member_t  *members;
    const char                   *parts;
    const char                   *key;
    size_t                        least;
    ngx_http_chat_card_member_t  *part;
} ngx_http_chat_card_type_t;


static ngx_uint_t ngx_http_chat_card_text(json_t *value);
static ngx_uint_t ngx_http_chat_card_name(json_t *value);
static ngx_uint_t ngx_http_chat_card_bool(json_t *value);
static ngx_uint_t ngx_http_chat_card_kind(json_t *value);
static ngx_uint_t ngx_http_chat_card_url(json_t *value);
static ngx_uint_t ngx_http_chat_card_any(json_t *value);
static const char *ngx_http_chat_card_members(json_t *object,
    ngx_http_chat_card_member_t *members);
static const char *ngx_http_chat_card_parts(json_t *parts,
    ngx_http_chat_card_type_t *type);


static ngx_http_chat_card_member_t  ngx_http_chat_card_choices[] = {
    { "type", 1, ngx_http_chat_card_any },
    { "options", 1, ngx_http_chat_card_any },
    { "multiple", 0, ngx_http_chat_card_bool },
    { "once", 0, ngx_http_chat_card_bool },
    { NULL, 0, NULL }
};


static ngx_http_chat_card_member_t  ngx_http_chat_card_option[] = {
    { "id", 1, ngx_http_chat_card_name },
    { "text", 1, ngx_http_chat_card_text },
    { NULL, 0, NULL }
};


static ngx_http_chat_card_member_t  ngx_http_chat_card_rating[] = {
    { "type", 1, ngx_http_chat_card_any },
    { "comment", 0, ngx_http_chat_card_bool },
    { "once", 0, ngx_http_chat_card_bool },
    { NULL, 0, NULL }
};


static ngx_http_chat_card_member_t  ngx_http_chat_card_form[] = {
    { "type", 1, ngx_http_chat_card_any },
    { "fields", 1, ngx_http_chat_card_any },
    { "submit", 0, ngx_http_chat_card_text },
    { "once", 0, ngx_http_chat_card_bool },
    { NULL, 0, NULL }
};


static ngx_http_chat_card_member_t  ngx_http_chat_card_field[] = {
    { "name", 1, ngx_http_chat_card_name },
    { "label", 1, ngx_http_chat_card_text },
    { "type", 0, ngx_http_chat_card_kind },
    { "required", 0, ngx_http_chat_card_bool },
    { NULL, 0, NULL }
};


static ngx_http_chat_card_member_t  ngx_http_chat_card_links[] = {
    { "type", 1, ngx_http_chat_card_any },
    { "links", 1, ngx_http_chat_card_any },
    { NULL, 0, NULL }
};


static ngx_http_chat_card_member_t  ngx_http_chat_card_link[] = {
    { "title", 1, ngx_http_chat_card_text },
    { "url", 1, ngx_http_chat_card_url },
    { "text", 0, ngx_http_chat_card_text },
    { NULL, 0, NULL }
};


static ngx_http_chat_card_type_t  ngx_http_chat_card_types[] = {

    { "choices", ngx_http_chat_card_choices,
      "options", "id", 2, ngx_http_chat_card_option },

    { "rating", ngx_http_chat_card_rating, NULL, NULL, 0, NULL },

    { "form", ngx_http_chat_card_form,
      "fields", "name", 1, ngx_http_chat_card_field },

    { "links", ngx_http_chat_card_links,
      "links", "url", 1, ngx_http_chat_card_link },

    { NULL, NULL, NULL, NULL, 0, NULL }
};


const char *
ngx_http_chat_card_check(json_t *card)
{
    const char                 *name, *wrong;
    ngx_http_chat_card_type_t  *type;

    name = json_string_value(json_object_get(card, "type"));

    if (name == NULL) {
        return "the card has no type";
    }

    for (type = ngx_http_chat_card_types; type->type != NULL; type++) {

        if (ngx_strcmp(type->type, name) == 0) {
            break;
        }
    }

    if (type->type == NULL) {
        return "the type of the card is unknown";
    }

    wrong = ngx_http_chat_card_members(card, type->members);

    if (wrong != NULL || type->parts == NULL) {
        return wrong;
    }

    return ngx_http_chat_card_parts(json_object_get(card, type->parts), type);
}


static const char *
ngx_http_chat_card_members(json_t *object,
    ngx_http_chat_card_member_t *members)
{
    size_t   found;
    json_t  *value;

    found = 0;

    for ( /* void */ ; members->name != NULL; members++) {
        value = json_object_get(object, members->name);

        if (value == NULL) {
            if (members->required) {
                return "the card lacks a member";
            }

            continue;
        }

        if (!members->valid(value)) {
            return "the card has a member that is not valid";
        }

        found++;
    }

    return found == json_object_size(object)
           ? NULL : "the card has an unknown member";
}


static const char *
ngx_http_chat_card_parts(json_t *parts, ngx_http_chat_card_type_t *type)
{
    size_t       i, j, n;
    const char  *wrong, *key;

    n = json_array_size(parts);

    if (n < type->least || n > NGX_HTTP_CHAT_CARD_PARTS) {
        return "the card has too few or too many parts";
    }

    for (i = 0; i < n; i++) {

        if (!json_is_object(json_array_get(parts, i))) {
            return "a part of the card is not an object";
        }

        wrong = ngx_http_chat_card_members(json_array_get(parts, i),
                                           type->part);
        if (wrong != NULL) {
            return wrong;
        }

        key = json_string_value(json_object_get(json_array_get(parts, i),
                                                type->key));

        for (j = 0; j < i; j++) {
            if (ngx_strcmp(json_string_value(json_object_get(
                               json_array_get(parts, j), type->key)), key)
                == 0)
            {
                return "two parts of the card are the same";
            }
        }
    }

    return NULL;
}


/* a line that is not blank */

static ngx_uint_t
ngx_http_chat_card_text(json_t *value)
{
    size_t       i, len;
    ngx_uint_t   blank;
    const char  *p;

    p = json_string_value(value);
    len = json_string_length(value);

    if (p == NULL || len == 0 || len > NGX_HTTP_CHAT_CARD_TEXT) {
        return 0;
    }

    blank = 1;

    for (i = 0; i < len; i++) {

        if ((u_char) p[i] < 0x20 || (u_char) p[i] == 0x7f) {
            return 0;
        }

        if (p[i] != ' ') {
            blank = 0;
        }
    }

    return !blank;
}


static ngx_uint_t
ngx_http_chat_card_name(json_t *value)
{
    size_t       i, len;
    const char  *p;

    p = json_string_value(value);
    len = json_string_length(value);

    if (p == NULL || len == 0 || len > 32) {
        return 0;
    }

    for (i = 0; i < len; i++) {

        if ((p[i] < 'a' || p[i] > 'z') && (p[i] < 'A' || p[i] > 'Z')
            && (p[i] < '0' || p[i] > '9') && p[i] != '_' && p[i] != '-')
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_chat_card_bool(json_t *value)
{
    return json_is_boolean(value);
}


static ngx_uint_t
ngx_http_chat_card_kind(json_t *value)
{
    const char   *p, **kind;

    static const char  *kinds[] = { "text", "email", "tel", "long", NULL };

    p = json_string_value(value);

    for (kind = kinds; p != NULL && *kind != NULL; kind++) {

        if (ngx_strcmp(*kind, p) == 0) {
            return 1;
        }
    }

    return 0;
}


/* http or https, with a host and without a user */

static ngx_uint_t
ngx_http_chat_card_url(json_t *value)
{
    size_t   i, len, host;
    u_char  *p;

    p = (u_char *) json_string_value(value);
    len = json_string_length(value);

    if (p == NULL || len > NGX_HTTP_CHAT_CARD_URL) {
        return 0;
    }

    if (ngx_strncmp(p, "https://", 8) == 0) {
        host = 8;

    } else if (ngx_strncmp(p, "http://", 7) == 0) {
        host = 7;

    } else {
        return 0;
    }

    for (i = host; i < len; i++) {

        if (p[i] <= 0x20 || p[i] == 0x7f || p[i] == '"' || p[i] == '<'
            || p[i] == '>' || p[i] == '\\')
        {
            return 0;
        }
    }

    for (i = host; i < len; i++) {

        if (p[i] == '@') {
            return 0;
        }

        if (p[i] == '/' || p[i] == '?' || p[i] == '#') {
            break;
        }
    }

    return i > host;
}


static ngx_uint_t
ngx_http_chat_card_any(json_t *value)
{
    return 1;
}
