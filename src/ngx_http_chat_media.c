
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_json.h"
#include "ngx_http_chat_media.h"


/*
 * Signatures: PNG (W3C), JPEG (ITU-T T.81), GIF89a, RIFF/WebP (RFC 9649),
 * ISO base media (ISO/IEC 14496-12) with its brands, PDF (ISO 32000-2), Ogg
 * (RFC 3533), Matroska/WebM (RFC 9559), ID3 and MPEG audio frames.
 */


#define NGX_HTTP_CHAT_MEDIA_EXTENSION  8


typedef ngx_uint_t (*ngx_http_chat_media_test_pt)(u_char *p, size_t len);
typedef void (*ngx_http_chat_media_size_pt)(ngx_http_chat_media_t *media,
    u_char *p, size_t len);

typedef struct {
    ngx_str_t                     type;
    const char                   *extensions;    /* the first is added */
    ngx_uint_t                    pictured;
    ngx_http_chat_media_test_pt   test;          /* NULL: text */
    ngx_http_chat_media_size_pt   size;
} ngx_http_chat_media_type_t;


static ngx_uint_t ngx_http_chat_media_png(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_jpeg(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_gif(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_webp(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_avif(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_pdf(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_m4a(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_mp4(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_mp3(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_wav(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_ogg(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_webm(u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_brand(u_char *p, size_t len,
    const char *brands);
static void ngx_http_chat_media_png_size(ngx_http_chat_media_t *media,
    u_char *p, size_t len);
static void ngx_http_chat_media_jpeg_size(ngx_http_chat_media_t *media,
    u_char *p, size_t len);
static void ngx_http_chat_media_gif_size(ngx_http_chat_media_t *media,
    u_char *p, size_t len);
static void ngx_http_chat_media_webp_size(ngx_http_chat_media_t *media,
    u_char *p, size_t len);
static void ngx_http_chat_media_avif_size(ngx_http_chat_media_t *media,
    u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_media_listed(const char *list, u_char *p,
    size_t len);
static void ngx_http_chat_media_extension(ngx_str_t *name,
    ngx_str_t *extension);
static size_t ngx_http_chat_media_unsafe(u_char *p, size_t len);
static void ngx_http_chat_media_cut(ngx_str_t *name);


static ngx_http_chat_media_type_t  ngx_http_chat_media_types[] = {

    { ngx_string("image/png"), "png", 1,
      ngx_http_chat_media_png, ngx_http_chat_media_png_size },

    { ngx_string("image/jpeg"), "jpg jpeg jpe jfif", 1,
      ngx_http_chat_media_jpeg, ngx_http_chat_media_jpeg_size },

    { ngx_string("image/gif"), "gif", 1,
      ngx_http_chat_media_gif, ngx_http_chat_media_gif_size },

    { ngx_string("image/webp"), "webp", 1,
      ngx_http_chat_media_webp, ngx_http_chat_media_webp_size },

    { ngx_string("image/avif"), "avif", 1,
      ngx_http_chat_media_avif, ngx_http_chat_media_avif_size },

    { ngx_string("application/pdf"), "pdf", 0,
      ngx_http_chat_media_pdf, NULL },

    { ngx_string("audio/mp4"), "m4a", 0, ngx_http_chat_media_m4a, NULL },

    { ngx_string("video/mp4"), "mp4 m4v", 0, ngx_http_chat_media_mp4, NULL },

    { ngx_string("audio/mpeg"), "mp3", 0, ngx_http_chat_media_mp3, NULL },

    { ngx_string("audio/wav"), "wav", 0, ngx_http_chat_media_wav, NULL },

    { ngx_string("audio/ogg"), "ogg oga opus", 0,
      ngx_http_chat_media_ogg, NULL },

    { ngx_string("video/webm"), "webm weba", 0,
      ngx_http_chat_media_webm, NULL },

    { ngx_string("text/csv"), "csv", 0, NULL, NULL },

    { ngx_string("text/plain"), "txt log md", 0, NULL, NULL },

    { ngx_null_string, NULL, 0, NULL, NULL }
};


#define ngx_http_chat_media_is(p, len, text)                                 \
    ((len) >= sizeof(text) - 1 && ngx_memcmp(p, text, sizeof(text) - 1) == 0)

#define ngx_http_chat_media_be32(p)                                          \
    ((uint32_t) (p)[0] << 24 | (uint32_t) (p)[1] << 16                       \
     | (uint32_t) (p)[2] << 8 | (uint32_t) (p)[3])

#define ngx_http_chat_media_be16(p)                                          \
    ((uint32_t) (p)[0] << 8 | (uint32_t) (p)[1])

#define ngx_http_chat_media_le16(p)                                          \
    ((uint32_t) (p)[1] << 8 | (uint32_t) (p)[0])


ngx_int_t
ngx_http_chat_media_look(ngx_http_chat_media_t *media, u_char *head,
    size_t len, ngx_str_t *name)
{
    ngx_str_t                    ext;
    ngx_http_chat_media_type_t  *t;

    ngx_memzero(media, sizeof(ngx_http_chat_media_t));

    ngx_http_chat_media_extension(name, &ext);

    for (t = ngx_http_chat_media_types; t->type.len != 0; t++) {

        if (t->test == NULL) {
            if (ngx_http_chat_media_listed(t->extensions, ext.data, ext.len))
            {
                media->type = t->type;
                media->text = 1;

                return NGX_OK;
            }

            continue;
        }

        if (t->test(head, len)) {
            media->type = t->type;

            if (t->size != NULL) {
                t->size(media, head, len);
            }

            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_uint_t
ngx_http_chat_media_inline(ngx_str_t *type)
{
    ngx_http_chat_media_type_t  *t;

    for (t = ngx_http_chat_media_types; t->type.len != 0; t++) {

        if (t->type.len == type->len
            && ngx_memcmp(t->type.data, type->data, type->len) == 0)
        {
            return t->pictured;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_chat_media_png(u_char *p, size_t len)
{
    return ngx_http_chat_media_is(p, len, "\x89PNG\r\n\x1a\n");
}


static ngx_uint_t
ngx_http_chat_media_jpeg(u_char *p, size_t len)
{
    return ngx_http_chat_media_is(p, len, "\xff\xd8\xff");
}


static ngx_uint_t
ngx_http_chat_media_gif(u_char *p, size_t len)
{
    return ngx_http_chat_media_is(p, len, "GIF87a")
           || ngx_http_chat_media_is(p, len, "GIF89a");
}


static ngx_uint_t
ngx_http_chat_media_webp(u_char *p, size_t len)
{
    return len >= 16 && ngx_memcmp(p, "RIFF", 4) == 0
           && ngx_memcmp(p + 8, "WEBPVP8", 7) == 0;
}


static ngx_uint_t
ngx_http_chat_media_avif(u_char *p, size_t len)
{
    return ngx_http_chat_media_brand(p, len, "avif avis");
}


static ngx_uint_t
ngx_http_chat_media_pdf(u_char *p, size_t len)
{
    return ngx_http_chat_media_is(p, len, "%PDF-");
}


static ngx_uint_t
ngx_http_chat_media_m4a(u_char *p, size_t len)
{
    return ngx_http_chat_media_brand(p, len, "M4A  M4B ");
}


static ngx_uint_t
ngx_http_chat_media_mp4(u_char *p, size_t len)
{
    return ngx_http_chat_media_brand(p, len, "isom iso2 iso4 iso5 iso6 mp41 "
                                     "mp42 avc1 M4V  dash");
}


static ngx_uint_t
ngx_http_chat_media_mp3(u_char *p, size_t len)
{
    if (ngx_http_chat_media_is(p, len, "ID3")) {
        return 1;
    }

    /* a frame of layer III, with a bit rate and a sampling rate */

    return len >= 4 && p[0] == 0xff && (p[1] & 0xe6) == 0xe2
           && (p[1] & 0x18) != 0x08
           && (p[2] & 0xf0) != 0xf0 && (p[2] & 0xf0) != 0
           && (p[2] & 0x0c) != 0x0c;
}


static ngx_uint_t
ngx_http_chat_media_wav(u_char *p, size_t len)
{
    return len >= 16 && ngx_memcmp(p, "RIFF", 4) == 0
           && ngx_memcmp(p + 8, "WAVE", 4) == 0;
}


static ngx_uint_t
ngx_http_chat_media_ogg(u_char *p, size_t len)
{
    return ngx_http_chat_media_is(p, len, "OggS");
}


static ngx_uint_t
ngx_http_chat_media_webm(u_char *p, size_t len)
{
    size_t  i;

    if (!ngx_http_chat_media_is(p, len, "\x1a\x45\xdf\xa3")) {
        return 0;
    }

    /* DocType, among the first elements */

    for (i = 4; i + 7 <= len && i < 64; i++) {
        if (ngx_memcmp(p + i, "\x42\x82\x84webm", 7) == 0) {
            return 1;
        }
    }

    return 0;
}


/* the major brand: brands are of four characters, apart by one */

static ngx_uint_t
ngx_http_chat_media_brand(u_char *p, size_t len, const char *brands)
{
    if (len < 12 || ngx_memcmp(p + 4, "ftyp", 4) != 0) {
        return 0;
    }

    for ( /* void */ ; *brands != '\0'; brands += brands[4] ? 5 : 4) {
        if (ngx_memcmp(p + 8, brands, 4) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_chat_media_png_size(ngx_http_chat_media_t *media, u_char *p,
    size_t len)
{
    if (len >= 24 && ngx_memcmp(p + 12, "IHDR", 4) == 0) {
        media->width = ngx_http_chat_media_be32(p + 16);
        media->height = ngx_http_chat_media_be32(p + 20);
    }
}


/* the first start of frame, if it is near: SOF0 .. SOF15 */

static void
ngx_http_chat_media_jpeg_size(ngx_http_chat_media_t *media, u_char *p,
    size_t len)
{
    size_t  i;

    i = 2;

    while (i + 9 <= len && p[i] == 0xff) {

        if (p[i + 1] >= 0xc0 && p[i + 1] <= 0xcf && p[i + 1] != 0xc4
            && p[i + 1] != 0xc8 && p[i + 1] != 0xcc)
        {
            media->height = ngx_http_chat_media_be16(p + i + 5);
            media->width = ngx_http_chat_media_be16(p + i + 7);
            return;
        }

        i += 2 + ngx_http_chat_media_be16(p + i + 2);
    }
}


static void
ngx_http_chat_media_gif_size(ngx_http_chat_media_t *media, u_char *p,
    size_t len)
{
    if (len >= 10) {
        media->width = ngx_http_chat_media_le16(p + 6);
        media->height = ngx_http_chat_media_le16(p + 8);
    }
}


static void
ngx_http_chat_media_webp_size(ngx_http_chat_media_t *media, u_char *p,
    size_t len)
{
    if (len < 30) {
        return;
    }

    switch (p[15]) {

    case 'X':
        media->width = 1 + (ngx_http_chat_media_le16(p + 24)
                            | (uint32_t) p[26] << 16);
        media->height = 1 + (ngx_http_chat_media_le16(p + 27)
                             | (uint32_t) p[29] << 16);
        break;

    case 'L':
        media->width = 1 + (ngx_http_chat_media_le16(p + 21) & 0x3fff);
        media->height = 1 + ((ngx_http_chat_media_le16(p + 22) >> 6
                              | (uint32_t) p[24] << 10) & 0x3fff);
        break;

    case ' ':
        media->width = ngx_http_chat_media_le16(p + 26) & 0x3fff;
        media->height = ngx_http_chat_media_le16(p + 28) & 0x3fff;
        break;
    }
}


/* the first "ispe" box (ISO/IEC 23008-12): version and flags, both sizes */

static void
ngx_http_chat_media_avif_size(ngx_http_chat_media_t *media, u_char *p,
    size_t len)
{
    size_t  i;

    for (i = 12; i + 16 <= len; i++) {
        if (ngx_memcmp(p + i, "ispe\0\0\0\0", 8) == 0) {
            media->width = ngx_http_chat_media_be32(p + i + 8);
            media->height = ngx_http_chat_media_be32(p + i + 12);
            return;
        }
    }
}


/* whether a list of words apart by blanks has one, in either case */

static ngx_uint_t
ngx_http_chat_media_listed(const char *list, u_char *p, size_t len)
{
    size_t  n;

    while (*list != '\0') {

        n = strcspn(list, " ");

        if (n == len && ngx_strncasecmp((u_char *) list, p, n) == 0) {
            return 1;
        }

        list += n + (list[n] == ' ');
    }

    return 0;
}


/* what follows the last dot, or nothing */

static void
ngx_http_chat_media_extension(ngx_str_t *name, ngx_str_t *extension)
{
    size_t  i;

    for (i = name->len; i > 0; i--) {

        if (name->data[i - 1] == '.') {
            extension->data = name->data + i;
            extension->len = name->len - i;
            return;
        }
    }

    extension->data = name->data + name->len;
    extension->len = 0;
}


ngx_int_t
ngx_http_chat_media_name(ngx_str_t *name)
{
    u_char  *p, *dst, *last, *start;
    size_t   n;

    if (ngx_http_chat_json_utf8(name->data, name->len) != NGX_OK) {
        return NGX_DECLINED;
    }

    start = name->data;
    last = name->data + name->len;
    dst = start;

    for (p = start; p < last; p += n) {

        if (*p == '/' || *p == '\\') {

            /* a path of the sender's own machine */

            dst = start;
            n = 1;
            continue;
        }

        n = ngx_http_chat_media_unsafe(p, last - p);

        if (n != 0) {
            continue;
        }

        n = 1;

        if (ngx_strchr("\"*:<>?|", *p) != NULL) {
            *dst++ = '_';
            continue;
        }

        if (dst == start && (*p == '.' || *p == ' ')) {
            continue;
        }

        *dst++ = *p;
    }

    while (dst > start && (dst[-1] == '.' || dst[-1] == ' ')) {
        dst--;
    }

    name->len = dst - start;

    ngx_http_chat_media_cut(name);

    return name->len != 0 ? NGX_OK : NGX_DECLINED;
}


/*
 * The length of a character that is left out, or 0: C0, DEL, C1, and those
 * that turn directions, break lines or are not seen: U+061C, U+200B, U+200E,
 * U+200F, U+2028 .. U+202E, U+2060 .. U+206F, U+FEFF.
 */

static size_t
ngx_http_chat_media_unsafe(u_char *p, size_t len)
{
    if (*p < 0x20 || *p == 0x7f) {
        return 1;
    }

    if (len >= 2
        && ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xd8 && p[1] == 0x9c)))
    {
        return 2;
    }

    if (len >= 3
        && ((p[0] == 0xe2 && p[1] == 0x80
             && (p[2] == 0x8b || p[2] == 0x8e || p[2] == 0x8f
                 || (p[2] >= 0xa8 && p[2] <= 0xae)))
            || (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf)
            || (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf)))
    {
        return 3;
    }

    return 0;
}


/* what is too much is taken from before the extension */

static void
ngx_http_chat_media_cut(ngx_str_t *name)
{
    size_t     keep;
    ngx_str_t  ext;

    if (name->len <= NGX_HTTP_CHAT_MEDIA_NAME) {
        return;
    }

    ngx_http_chat_media_extension(name, &ext);

    if (ext.len > NGX_HTTP_CHAT_MEDIA_EXTENSION) {
        ext.len = 0;
    }

    keep = NGX_HTTP_CHAT_MEDIA_NAME - (ext.len != 0 ? ext.len + 1 : 0);

    while (keep > 0 && (name->data[keep] & 0xc0) == 0x80) {
        keep--;
    }

    if (ext.len != 0) {
        ngx_memmove(name->data + keep, ext.data - 1, ext.len + 1);
        keep += ext.len + 1;
    }

    name->len = keep;
}


ngx_int_t
ngx_http_chat_media_extend(ngx_str_t *name, ngx_str_t *type,
    ngx_pool_t *pool)
{
    u_char                      *p;
    size_t                       n;
    ngx_str_t                    ext;
    ngx_http_chat_media_type_t  *t;

    ngx_http_chat_media_extension(name, &ext);

    for (t = ngx_http_chat_media_types; t->type.data != type->data; t++) {
        /* void */
    }

    if (ngx_http_chat_media_listed(t->extensions, ext.data, ext.len)) {
        return NGX_OK;
    }

    n = strcspn(t->extensions, " ");

    p = ngx_pnalloc(pool, name->len + 1 + n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ext.data = p;

    p = ngx_cpymem(p, name->data, name->len);
    *p++ = '.';
    p = ngx_cpymem(p, t->extensions, n);

    name->data = ext.data;
    name->len = p - name->data;

    return NGX_OK;
}


/* the bounds of the second byte are those of ngx_http_chat_json_utf8() */

ngx_int_t
ngx_http_chat_media_text(ngx_http_chat_media_text_t *state, u_char *p,
    size_t len)
{
    u_char   ch;
    u_char  *last;

    for (last = p + len; p < last; p++) {
        ch = *p;

        if (state->left != 0) {

            if (ch < state->low || ch > state->high) {
                return NGX_DECLINED;
            }

            state->left--;
            state->low = 0x80;
            state->high = 0xbf;
            continue;
        }

        if (ch < 0x80) {

            if (ch == 0x7f
                || (ch < 0x20 && ch != '\t' && ch != '\n' && ch != '\r'
                    && ch != '\f'))
            {
                return NGX_DECLINED;
            }

            continue;
        }

        if (ch < 0xc2 || ch > 0xf4) {
            return NGX_DECLINED;
        }

        state->left = ch < 0xe0 ? 1 : ch < 0xf0 ? 2 : 3;
        state->low = ch == 0xe0 ? 0xa0 : ch == 0xf0 ? 0x90 : 0x80;
        state->high = ch == 0xed ? 0x9f : ch == 0xf4 ? 0x8f : 0xbf;
    }

    return NGX_OK;
}
