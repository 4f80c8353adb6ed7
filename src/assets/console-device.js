/* Copyright (C) the ngx_http_chat_module authors */

/*
 * What a browser says of itself, in words.
 */

/* The first that fits: each calls itself by the names of those below. */
/** @type {[string, RegExp][]} */
const BROWSERS = [
    ['Edge', /\bEdg(?:e|A|iOS)?\/(\d+)/],
    ['Opera', /\b(?:OPR|OPT|OPX|OPiOS|Opera)\/(\d+)/],
    ['Samsung Internet', /\bSamsungBrowser\/(\d+)/],
    ['Firefox', /\b(?:Firefox|FxiOS)\/(\d+)/],
    ['Chrome', /\b(?:Chrome|CriOS)\/(\d+)/],
    ['Safari', /\bVersion\/(\d+)[^\n]* Safari\//],
];

/** @type {[string, RegExp][]} */
const SYSTEMS = [
    ['Windows', /\bWindows\b/],
    ['Android', /\bAndroid\b/],
    ['iPadOS', /\biPad\b/],
    ['iOS', /\b(?:iPhone|iPod)\b/],
    ['macOS', /\bMac(?:intosh| OS X)\b/],
    ['ChromeOS', /\bCrOS\b/],
    ['Linux', /\b(?:Linux|X11)\b/],
];

const MINUTES = 60;


/**
 * Browser and system, or the whole string where neither is known.
 *
 * @param {string} agent the User-Agent header
 */
export function deviceOf(agent) {
    const of = (/** @type {[string, RegExp][]} */ names) => {
        for (const [name, pattern] of names) {
            const found = pattern.exec(agent);

            if (found) {
                return found[1] ? `${name} ${found[1]}` : name;
            }
        }

        return '';
    };

    return [of(BROWSERS), of(SYSTEMS)].filter(Boolean).join(' · ') || agent;
}


/**
 * The time somewhere else, and by how much it differs from the one here; the
 * name of the place where this browser does not know it.
 *
 * @param {string} zone
 * @param {string} lang
 * @param {Date} now
 */
export function timeIn(zone, lang, now) {
    try {
        const time = new Intl.DateTimeFormat(lang, {
            timeZone: zone, weekday: 'short', hour: 'numeric',
            minute: '2-digit' }).format(now);
        const apart = (ahead(now, zone) - ahead(now)) / MINUTES;

        return apart === 0 ? time : `${time} (${new Intl.NumberFormat(lang, {
            style: 'unit', unit: 'hour', signDisplay: 'always',
        }).format(apart)})`;
    } catch {
        return zone;
    }
}


/**
 * Minutes ahead of UTC.
 *
 * @param {Date} now
 * @param {string} [timeZone] that of this browser by default
 */
function ahead(now, timeZone) {
    const { value = '' } = new Intl.DateTimeFormat('en', {
        timeZone, timeZoneName: 'longOffset',
    }).formatToParts(now).find(({ type }) => type === 'timeZoneName') || {};
    const [, sign, hours, minutes] = /([+-])(\d+):(\d+)/.exec(value)
                                     || ['', '', 0, 0];

    return Number(`${sign}1`) * (Number(hours) * MINUTES + Number(minutes));
}
