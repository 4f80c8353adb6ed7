// verify.mjs <history> <record>: the checker's findings as JSON.  The record
// is lines of {"talk":{id, site, visitor}}, {"event":{…}}, {"resets":[…]}.

import {check} from './check.mjs';
import {lines, textOf} from './history.mjs';

const record = {conversations: {}, events: [], resets: []};

for (const line of lines(process.argv[3])) {
    if (line.talk) {
        record.conversations[line.talk.id] = line.talk;

    } else if (line.event) {
        const event = line.event;

        // as in a history: the text is there if it is not what it should be
        if (event.type === 'message' && event.text === textOf(event.m)) {
            event.text = event.m;
        }

        record.events.push(event);

    } else {
        record.resets = line.resets;
    }
}

process.stdout.write(`${JSON.stringify(check(lines(process.argv[2]),
                                             record))}\n`);
