
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_card.h"
#include "ngx_http_chat_fields.h"


#define NGX_HTTP_CHAT_CLIENT_ID_LEN  64


static json_t *ngx_http_chat_fields_value(u_char *p, size_t len,
    const char **detail);
static const char *ngx_http_chat_fields_scan(u_char *p, size_t len);
static const char *ngx_http_chat_fields_reason(json_error_t *error);
static ngx_int_t ngx_http_chat_fields_one(json_t *value,
    ngx_http_chat_field_t *field, ngx_uint_t flags, void *data,
    size_t max_message, ngx_pool_t *pool, const char **detail);
static const char *ngx_http_chat_fields_string(json_t *value, size_t max,
    ngx_str_t *s);
static const char *ngx_http_chat_fields_client_id(json_t *value,
    ngx_str_t *s);
static const char *ngx_http_chat_fields_uuid(json_t *value,
    ngx_http_chat_id_t *id);
static const char *ngx_http_chat_fields_int(json_t *value, size_t max,
    int64_t *n);
static const char *ngx_http_chat_fields_enum(json_t *value,
    const char **values, ngx_str_t *s);
static const char *ngx_http_chat_fields_list(json_t *value, size_t max,
    json_t **list);
static ngx_int_t ngx_http_chat_fields_ids(json_t *value, size_t max,
    ngx_http_chat_ids_t *ids, ngx_pool_t *pool, const char **detail);
static ngx_int_t ngx_http_chat_fields_text(json_t *value, size_t max,
    ngx_uint_t flags, ngx_str_t *s, ngx_pool_t *pool, const char **detail);
static ngx_int_t ngx_http_chat_fields_card(json_t *value, ngx_str_t *s,
    ngx_pool_t *pool, const char **detail);
static const char *ngx_http_chat_fields_unknown(json_t *object,
    ngx_http_chat_field_t *fields, ngx_uint_t n);


json_t *
ngx_http_chat_fields_load(u_char *p, size_t len, const char **detail)
{
    json_t  *object;

    object = ngx_http_chat_fields_value(p, len, detail);

    if (object != NULL && !json_is_object(object)) {
        json_decref(object);
        *detail = "a JSON object is expected";
        return NULL;
    }

    return object;
}


json_t *
ngx_http_chat_fields_array(u_char *p, size_t len, const char **detail)
{
    json_t  *array;

    array = ngx_http_chat_fields_value(p, len, detail);

    if (array != NULL && !json_is_array(array)) {
        json_decref(array);
        *detail = "a JSON array is expected";
        return NULL;
    }

    return array;
}


static json_t *
ngx_http_chat_fields_value(u_char *p, size_t len, const char **detail)
{
    json_t        *object;
    json_error_t   error;

    *detail = ngx_http_chat_fields_scan(p, len);

    if (*detail != NULL) {
        return NULL;
    }

    object = json_loadb((char *) p, len, JSON_REJECT_DUPLICATES, &error);

    if (object == NULL) {
        *detail = ngx_http_chat_fields_reason(&error);
        return NULL;
    }

    return object;
}


/*
 * One look at the brackets, before a tree is built: a tree takes some thirty
 * times the memory of a text that is nothing but brackets and commas.  What
 * precedes the first error of a text is read here as the parser reads it.
 */

static const char *
ngx_http_chat_fields_scan(u_char *p, size_t len)
{
    u_char      *last;
    ngx_uint_t   depth, keys, commas, quoted;

    if (len == 0) {
        return "the body is empty";
    }

    depth = 0;
    keys = 0;
    commas = 0;
    quoted = 0;

    for (last = p + len; p < last; p++) {

        if (quoted) {

            while (p < last && *p != '"' && *p != '\\') {
                p++;
            }

            if (p == last) {
                break;
            }

            if (*p == '\\') {
                p++;

            } else {
                quoted = 0;
            }

            continue;
        }

        switch (*p) {

        case '"':
            quoted = 1;
            break;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            depth -= (depth != 0);
            break;

        case ':':
            keys++;
            break;

        case ',':
            commas++;
            break;
        }

        if (depth > NGX_HTTP_CHAT_FIELDS_DEPTH) {
            return "the JSON text is nested too deeply";
        }

        if (keys > NGX_HTTP_CHAT_FIELDS_KEYS
            || commas > NGX_HTTP_CHAT_FIELDS_COMMAS)
        {
            return "the JSON text has too many values";
        }
    }

    return NULL;
}


static const char *
ngx_http_chat_fields_reason(json_error_t *error)
{
    switch (json_error_code(error)) {

    case json_error_out_of_memory:
        return NULL;

    case json_error_duplicate_key:
        return "an object has the same key twice";

    case json_error_invalid_utf8:
        return "the body is not valid UTF-8";

    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a string contains NUL";

    case json_error_numeric_overflow:
        return "a number is out of range";

    case json_error_premature_end_of_input:
        return "the JSON text is incomplete";

    case json_error_end_of_input_expected:
        return "something follows the JSON text";

    default:
        return "the body is not a JSON text";
    }
}


ngx_int_t
ngx_http_chat_fields_take(json_t *object, ngx_http_chat_field_t *fields,
    ngx_uint_t n, void *data, size_t max_message, ngx_pool_t *pool,
    const char **field, const char **detail)
{
    size_t       found;
    json_t      *value;
    ngx_int_t    rc;
    ngx_uint_t   i, flags, *set;

    found = 0;

    for (i = 0; i < n; i++) {
        *field = fields[i].name;
        flags = fields[i].flags;

        if ((flags & NGX_HTTP_CHAT_UNLESS_NEXT)
            && json_array_size(json_object_get(object, fields[i + 1].name))
               == 0)
        {
            flags = NGX_HTTP_CHAT_REQUIRED;
        }

        value = json_object_get(object, fields[i].name);

        if (value == NULL) {

            if (flags & NGX_HTTP_CHAT_REQUIRED) {
                *detail = "the field is required";
                return NGX_ERROR;
            }

            continue;
        }

        found++;

        rc = ngx_http_chat_fields_one(value, &fields[i], flags, data,
                                      max_message, pool, detail);

        if (rc == NGX_ERROR) {
            *field = NULL;
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            return NGX_ERROR;
        }

        if (fields[i].set != -1) {
            set = (ngx_uint_t *) ((u_char *) data + fields[i].set);
            *set = json_is_null(value) ? 2 : 1;
        }
    }

    if (found != json_object_size(object)) {
        *field = ngx_http_chat_fields_unknown(object, fields, n);
        *detail = "the field is unknown";
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* NGX_OK, NGX_DECLINED with *detail, or NGX_ERROR on no memory */

static ngx_int_t
ngx_http_chat_fields_one(json_t *value, ngx_http_chat_field_t *field,
    ngx_uint_t flags, void *data, size_t max_message, ngx_pool_t *pool,
    const char **detail)
{
    void  *dst;

    dst = (u_char *) data + field->offset;

    if (json_is_null(value) && (field->flags & NGX_HTTP_CHAT_NULLABLE)) {
        return NGX_OK;
    }

    switch (field->type) {

    case NGX_HTTP_CHAT_F_STRING:
        *detail = ngx_http_chat_fields_string(value, field->max, dst);
        break;

    case NGX_HTTP_CHAT_F_TEXT:
        return ngx_http_chat_fields_text(value,
                                         field->max ? field->max : max_message,
                                         flags, dst, pool, detail);

    case NGX_HTTP_CHAT_F_CLIENT_ID:
        *detail = ngx_http_chat_fields_client_id(value, dst);
        break;

    case NGX_HTTP_CHAT_F_UUID:
        *detail = ngx_http_chat_fields_uuid(value, dst);
        break;

    case NGX_HTTP_CHAT_F_IDS:
        return ngx_http_chat_fields_ids(value, field->max, dst, pool, detail);

    case NGX_HTTP_CHAT_F_INT:
        *detail = ngx_http_chat_fields_int(value, field->max, dst);
        break;

    case NGX_HTTP_CHAT_F_BOOL:
        *detail = json_is_boolean(value) ? NULL
                                         : "the field has to be a boolean";
        *(ngx_uint_t *) dst = json_is_true(value);
        break;

    case NGX_HTTP_CHAT_F_ENUM:
        *detail = ngx_http_chat_fields_enum(value, field->values, dst);
        break;

    case NGX_HTTP_CHAT_F_OBJECT:
        *detail = json_is_object(value) ? NULL
                                        : "the field has to be an object";
        *(json_t **) dst = value;
        break;

    case NGX_HTTP_CHAT_F_LIST:
        *detail = ngx_http_chat_fields_list(value, field->max, dst);
        break;

    case NGX_HTTP_CHAT_F_CARD:
        return ngx_http_chat_fields_card(value, dst, pool, detail);

    case NGX_HTTP_CHAT_F_ANY:
        *detail = NULL;
        *(json_t **) dst = value;
        break;
    }

    return *detail == NULL ? NGX_OK : NGX_DECLINED;
}


/* these return NULL, or what is wrong */

static const char *
ngx_http_chat_fields_string(json_t *value, size_t max, ngx_str_t *s)
{
    if (!json_is_string(value)) {
        return "the field has to be a string";
    }

    s->data = (u_char *) json_string_value(value);
    s->len = json_string_length(value);

    if (max != 0 && s->len > max) {
        return "the string is too long";
    }

    return NULL;
}


static const char *
ngx_http_chat_fields_client_id(json_t *value, ngx_str_t *s)
{
    u_char       ch;
    size_t       i;
    const char  *wrong;

    wrong = ngx_http_chat_fields_string(value, NGX_HTTP_CHAT_CLIENT_ID_LEN,
                                        s);
    if (wrong != NULL) {
        return wrong;
    }

    for (i = 0; i < s->len; i++) {
        ch = s->data[i];

        if ((ch < '0' || ch > '9') && (ch < 'A' || ch > 'Z')
            && (ch < 'a' || ch > 'z')
            && ch != '.' && ch != '_' && ch != ':' && ch != '-')
        {
            return "only letters, digits and \"._:-\" are allowed";
        }
    }

    return s->len != 0 ? NULL : "the string is empty";
}


static const char *
ngx_http_chat_fields_uuid(json_t *value, ngx_http_chat_id_t *id)
{
    if (!json_is_string(value)
        || ngx_http_chat_id_parse(id, (u_char *) json_string_value(value),
                                  json_string_length(value))
           != NGX_OK)
    {
        return "the field has to be a UUID";
    }

    return NULL;
}


static const char *
ngx_http_chat_fields_int(json_t *value, size_t max, int64_t *n)
{
    if (!json_is_integer(value)) {
        return "the field has to be an integer";
    }

    *n = json_integer_value(value);

    if (*n < 0 || (max != 0 && (uint64_t) *n > max)) {
        return "the number is out of range";
    }

    return NULL;
}


static const char *
ngx_http_chat_fields_enum(json_t *value, const char **values, ngx_str_t *s)
{
    const char  *wrong;

    wrong = ngx_http_chat_fields_string(value, 0, s);

    if (wrong != NULL) {
        return wrong;
    }

    for ( /* void */ ; *values != NULL; values++) {

        if (ngx_strcmp(*values, s->data) == 0) {
            return NULL;
        }
    }

    return "the value is not allowed";
}


static const char *
ngx_http_chat_fields_list(json_t *value, size_t max, json_t **list)
{
    size_t       i;
    ngx_str_t    s;
    const char  *wrong;

    if (!json_is_array(value)) {
        return "the field has to be an array";
    }

    if (json_array_size(value) > NGX_HTTP_CHAT_LIST_ITEMS) {
        return "the array is too long";
    }

    for (i = 0; i < json_array_size(value); i++) {

        wrong = ngx_http_chat_fields_string(json_array_get(value, i), max,
                                            &s);
        if (wrong != NULL) {
            return "the field has to be an array of short strings";
        }
    }

    *list = value;

    return NULL;
}


/* these return what ngx_http_chat_fields_one() does */

static ngx_int_t
ngx_http_chat_fields_ids(json_t *value, size_t max, ngx_http_chat_ids_t *ids,
    ngx_pool_t *pool, const char **detail)
{
    size_t  i;

    if (!json_is_array(value)) {
        *detail = "the field has to be an array";
        return NGX_DECLINED;
    }

    if (json_array_size(value) > max) {
        *detail = "there are too many of them";
        return NGX_DECLINED;
    }

    ids->elts = ngx_pnalloc(pool, max * sizeof(ngx_http_chat_id_t));
    if (ids->elts == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < json_array_size(value); i++) {
        *detail = ngx_http_chat_fields_uuid(json_array_get(value, i),
                                            &ids->elts[i]);
        if (*detail != NULL) {
            return NGX_DECLINED;
        }
    }

    ids->n = i;

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_fields_text(json_t *value, size_t max, ngx_uint_t flags,
    ngx_str_t *s, ngx_pool_t *pool, const char **detail)
{
    u_char      *p, *dst, *last;
    ngx_str_t    text;
    ngx_uint_t   blank;

    *detail = ngx_http_chat_fields_string(value, 0, &text);

    if (*detail != NULL) {
        return NGX_DECLINED;
    }

    dst = ngx_pnalloc(pool, text.len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    s->data = dst;
    blank = 1;

    for (p = text.data, last = p + text.len; p < last; p++) {

        if (*p == '\r' && p + 1 < last && p[1] == '\n') {
            continue;
        }

        if (*p < 0x20 && *p != '\n' && *p != '\t') {
            *detail = "the text contains a control character";
            return NGX_DECLINED;
        }

        if (*p > 0x20) {
            blank = 0;
        }

        *dst++ = *p;
    }

    s->len = dst - s->data;

    if (blank && (flags & NGX_HTTP_CHAT_UNLESS_NEXT)) {
        s->len = 0;

    } else if (blank) {
        *detail = "the text is empty";
        return NGX_DECLINED;
    }

    if (s->len > max) {
        *detail = "the text is too long";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_fields_card(json_t *value, ngx_str_t *s, ngx_pool_t *pool,
    const char **detail)
{
    size_t   len;
    u_char  *p;

    *detail = ngx_http_chat_card_check(value);

    if (*detail != NULL) {
        return NGX_DECLINED;
    }

    len = json_dumpb(value, NULL, 0, JSON_COMPACT);

    p = ngx_pnalloc(pool, len + sizeof("{\"card\":}"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    s->data = p;

    p = ngx_cpymem(p, "{\"card\":", sizeof("{\"card\":") - 1);

    if (json_dumpb(value, (char *) p, len, JSON_COMPACT) != len) {
        return NGX_ERROR;
    }

    p += len;
    *p++ = '}';

    s->len = p - s->data;

    return NGX_OK;
}


/* the first key of the object that is in no row, borrowed */

static const char *
ngx_http_chat_fields_unknown(json_t *object, ngx_http_chat_field_t *fields,
    ngx_uint_t n)
{
    json_t      *value;
    ngx_uint_t   i;
    const char  *key;

    json_object_foreach(object, key, value) {

        for (i = 0; i < n; i++) {
            if (ngx_strcmp(key, fields[i].name) == 0) {
                break;
            }
        }

        if (i == n) {
            return key;
        }
    }

    return "";
}
