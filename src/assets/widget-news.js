/* Copyright (C) the ngx_http_chat_module authors */

/*
 * Sound and title, for a message that comes while nobody looks.
 */

const TITLE = /^\(\S{1,12}\) /;

/** @type {AudioContext | null} */
let audio = null;


/** Two short notes; nothing where the page was not touched yet. */
export function sound() {
    const touched = /** @type {any} */ (navigator).userActivation;

    if (touched && !touched.hasBeenActive) {
        return;
    }

    try {
        audio = audio || new AudioContext();
    } catch {
        return;
    }

    const { currentTime: now, destination } = audio;

    [660, 880].forEach((frequency, i) => {
        const context = /** @type {AudioContext} */ (audio);
        const tone = context.createOscillator();
        const gain = context.createGain();
        const start = now + i * .12;

        tone.frequency.value = frequency;
        gain.gain.setValueAtTime(0, start);
        gain.gain.linearRampToValueAtTime(.12, start + .02);
        gain.gain.exponentialRampToValueAtTime(.001, start + .25);
        tone.connect(gain).connect(destination);
        tone.start(start);
        tone.stop(start + .3);
    });
}


/**
 * How many messages wait, before the title of a page that is not looked at.
 *
 * @param {string} count '' for none
 */
export function title(count) {
    const plain = document.title.replace(TITLE, '');
    const wanted = count ? `(${count}) ${plain}` : plain;

    if (document.title !== wanted) {
        document.title = wanted;
    }
}
