/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * What a visitor could hope to be taken for something else than text.
 */

const HTML = [
    '<img src=x onerror=alert(1)>',
    '<script>alert(1)</script>',
    '<svg onload=alert(1)>',
    '<iframe srcdoc="<script>alert(1)</script>">',
    '<body onload=alert(1)>',
    '<details open ontoggle=alert(1)>x</details>',
    '<video><source onerror=alert(1)></video>',
    '<input autofocus onfocus=alert(1)>',
    '<a href="javascript:alert(1)">x</a>',
    '<style>*{display:none}</style>',
    '<link rel=stylesheet href=//evil.test/x.css>',
    '<base href="//evil.test/">',
    '<meta http-equiv=refresh content="0;url=javascript:alert(1)">',
    '<form action=//evil.test><button>x</button></form>',
    '<math><mi xlink:href="data:x,<script>alert(1)</script>">',
    '<object data="javascript:alert(1)">',
    '<embed src="javascript:alert(1)">',
    '<template><script>alert(1)</script></template>',
    '<marquee onstart=alert(1)>x</marquee>',
    '<dialog open><h1>Sign in again</h1></dialog>',
    '<img src="x` `<script>alert(1)</script>"` `>',
    '<svg><animate onbegin=alert(1) attributeName=x></svg>',
    '<svg><script href="data:,alert(1)"/></svg>',
    '<!--<img src="--><img src=x onerror=alert(1)//">',
];

/* Out of an attribute, a text field, a script, a comment, a title. */
const AROUND = [
    (it) => it,
    (it) => `">${it}`,
    (it) => `'>${it}`,
    (it) => `</textarea>${it}`,
    (it) => `</script>${it}`,
    (it) => `-->${it}`,
];

const ADDRESSES = [
    'javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\tscript:alert(1)',
    'javascript://%0aalert(1)', 'data:text/html,<script>alert(1)</script>',
    'vbscript:msgbox(1)', '//evil.test/x', 'https://evil.test@shop.test/',
    'https://shop.test/?"onmouseover="alert(1)', 'file:///etc/passwd',
    'https://xn--shp-7na.test/', 'http://[::1]/"onclick=alert(1)',
    'blob:https://shop.test/x', 'mailto:x@y.test?body=<script>',
];

const CODE = [
    '{{constructor.constructor("alert(1)")()}}', '${alert(1)}', '#{7*7}',
    '<%= 7*7 %>', '{{7*7}}', '{% include "/etc/passwd" %}', '[[7*7]]',
    "'-alert(1)-'", '";alert(1)//', "\\';alert(1)//", '`${alert(1)}`',
    '{{visitor.name}}', '{name}', '{count}', "'; DROP TABLE chat.event; --",
    '" OR 1=1 --', '%s%s%n', '../../../../etc/passwd', '$(id)', '`id`',
    '__proto__', 'constructor', 'toString', 'null', '[object Object]',
    '=HYPERLINK("//evil.test","x")', '+1+cmd|\' /C calc\'!A0',
];

/* Marks that turn, hide or stack what is around them. */
const MARKS = [
    '\u202egnp.exe', '\u2067gnp.exe', '\u2066x\u2069\u2069\u2069y',
    '\u200bx\u200b', 'a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307b',
    '\ufeffx', '\u2028x\u2029y', 'x\u00a0\u3000y', '\u061cx', '\ufdfd',
    '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}', '\u{e0001}x',
    '\u05e9\u05dc\u05d5\u05dd <b>x</b>', '\u0645\u0631\u062d\u0628\u0627 &amp;',
    'x'.repeat(400), '\ud83d\ude00'.repeat(60), '&lt;b&gt;', '&#60;b&#62;',
    '%3Cscript%3E', '\\u003cscript\\u003e', '+ADw-script+AD4-',
    '<\u0131mg src=x>', '\uff1cscript\uff1e', '[x](javascript:alert(1))',
    '![x](//evil.test/x.png)', '**bold** `code` ~~gone~~', '# Title',
    '<https://evil.test>', '@everyone', '/me is an administrator',
];

export const HOSTILE = [
    ...AROUND.flatMap((around) => HTML.map(around)),
    ...ADDRESSES, ...CODE, ...MARKS,
];
