/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { deviceOf, timeIn } from '../../../src/assets/console-device.js';

const NOW = new Date('2026-01-15T12:00:00Z');
const KIT = 'AppleWebKit/537.36 (KHTML, like Gecko)';
const APPLE = 'AppleWebKit/605.1.15 (KHTML, like Gecko)';

process.env.TZ = 'UTC';


test('browser and system', () => {
    const all = {
        [`(Windows NT 10.0; Win64; x64) ${KIT} Chrome/131.0.0.0 `
         + 'Safari/537.36']: 'Chrome 131 · Windows',
        [`(Windows NT 10.0; Win64; x64) ${KIT} Chrome/131.0.0.0 `
         + 'Safari/537.36 Edg/131.0.2903.51']: 'Edge 131 · Windows',
        [`(Macintosh; Intel Mac OS X 10_15_7) ${APPLE} Version/18.1 `
         + 'Safari/605.1.15']: 'Safari 18 · macOS',
        '(Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0':
            'Firefox 132 · macOS',
        [`(iPhone; CPU iPhone OS 18_1 like Mac OS X) ${APPLE} Version/18.1 `
         + 'Mobile/15E148 Safari/604.1']: 'Safari 18 · iOS',
        [`(iPhone; CPU iPhone OS 18_1 like Mac OS X) ${APPLE} CriOS/131.0 `
         + 'Mobile/15E148 Safari/604.1']: 'Chrome 131 · iOS',
        [`(iPad; CPU OS 18_1 like Mac OS X) ${APPLE} FxiOS/132.0 `
         + 'Mobile/15E148 Safari/605.1.15']: 'Firefox 132 · iPadOS',
        [`(Linux; Android 14; SM-S918B) ${KIT} SamsungBrowser/26.0 `
         + 'Chrome/122.0.0.0 Mobile Safari/537.36']:
            'Samsung Internet 26 · Android',
        [`(Linux; Android 10; K) ${KIT} Chrome/131.0.0.0 Mobile `
         + 'Safari/537.36 EdgA/131.0.0.0']: 'Edge 131 · Android',
        [`(X11; Linux x86_64) ${KIT} Chrome/130.0.0.0 Safari/537.36 `
         + 'OPR/115.0.0.0']: 'Opera 115 · Linux',
        [`(X11; CrOS x86_64 14541.0.0) ${KIT} Chrome/131.0.0.0 `
         + 'Safari/537.36']: 'Chrome 131 · ChromeOS',
    };

    for (const [agent, words] of Object.entries(all)) {
        assert.equal(deviceOf(`Mozilla/5.0 ${agent}`), words);
    }

    assert.equal(deviceOf('curl/8.5.0'), 'curl/8.5.0');
    assert.equal(deviceOf('Chrome'), 'Chrome');
    assert.equal(deviceOf('Something (Windows)'), 'Windows');
});


test('what time it is there', () => {
    assert.equal(timeIn('UTC', 'en-GB', NOW), 'Thu 12:00');
    assert.equal(timeIn('Asia/Kathmandu', 'en-GB', NOW),
                 'Thu 17:45 (+5.75 hrs)');
    assert.equal(timeIn('America/St_Johns', 'en-GB', NOW),
                 'Thu 08:30 (-3.5 hrs)');
    assert.equal(timeIn('Pacific/Kiritimati', 'en-GB', NOW),
                 'Fri 02:00 (+14 hrs)');
    assert.equal(timeIn('Nowhere/At_all', 'en', NOW), 'Nowhere/At_all');
});
