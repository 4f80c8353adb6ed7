/* Copyright (C) the ngx_http_chat_module authors */

/** A UUIDv7 (RFC 9562): milliseconds, then random bits. */
export function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    let time = Date.now();

    for (let i = 5; i >= 0; i--) {
        bytes[i] = time % 256;
        time = Math.floor(time / 256);
    }

    bytes[6] = bytes[6] & 15 | 0x70;
    bytes[8] = bytes[8] & 63 | 0x80;

    const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0'))
                     .join('');

    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
