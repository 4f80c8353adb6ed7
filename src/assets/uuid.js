/* Copyright (C) the ngx_http_chat_module authors */

/** A UUIDv7 (RFC 9562): milliseconds, then random bits. */
export function uuid() {
    const hex = (/** @type {number} */ value, /** @type {number} */ digits) =>
        value.toString(16).padStart(digits, '0');
    const [a, b, c, d] = crypto.getRandomValues(new Uint32Array(4));

    return hex(Date.now(), 12).replace(/.{8}/, '$&-')
           + `-${hex(a & 0xfff | 0x7000, 4)}-${hex(b & 0x3fff | 0x8000, 4)}-`
           + hex(c, 8) + hex(d >>> 16, 4);
}
