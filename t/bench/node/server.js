'use strict';

// What a web developer would write: ws, pg and ioredis behind node's own
// HTTP server, two processes.  A message is stored in PostgreSQL before it is
// acknowledged, and told to the others through Redis.  Nobody is asked who
// he is.
//
// POST /send/<conversation>  {"text", "client_id"}
// GET  /ws/<conversation>    WebSocket; ?since=<seq>: what came after it first
//
// PORT, WORKERS, PGHOST, PGDATABASE, PGUSER, REDIS_PORT

const cluster = require('cluster');

if (cluster.isPrimary) {
  for (let i = 0; i < (Number(process.env.WORKERS) || 2); i++) cluster.fork();

  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) {
      worker.process.kill('SIGKILL');
    }

    process.exit(0);
  });

  return;
}

const http = require('http');
const Redis = require('ioredis');
const { Pool } = require('pg');
const { WebSocketServer } = require('ws');

const redis = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) };
const pool = new Pool({ max: 16 });
const pub = new Redis(redis);
const sub = new Redis(redis);
const rooms = new Map();

const append = {
  name: 'append',
  text: `WITH u AS (UPDATE conversation SET last_seq = last_seq + 1
                     WHERE id = $1 RETURNING last_seq)
         INSERT INTO message (conversation, seq, author, body, client_id)
         SELECT $1, last_seq, $2, $3, $4 FROM u
         RETURNING seq, created_at`,
};

sub.on('message', (channel, payload) => {
  for (const ws of rooms.get(channel) || []) {
    if (ws.readyState === 1) ws.send(payload);
  }
});

async function send(conversation, text, res) {
  const { text: body, client_id } = JSON.parse(text);
  const values = [conversation, 7, body, client_id];
  const { rows } = await pool.query({ ...append, values });

  if (!rows.length) {
    res.writeHead(404).end();
    return;
  }

  pub.publish(`c:${conversation}`, JSON.stringify({
    type: 'message', conversation, seq: rows[0].seq, author: 7, text: body,
    client_id, created_at: rows[0].created_at,
  }));

  res.writeHead(201, { 'Content-Type': 'application/json' });
  res.end(JSON.stringify(rows[0]));
}

// What is stored comes first; what happens meanwhile waits for it, and what
// was among it is not sent again.

async function resume(ws, room, conversation, since) {
  let last = BigInt(since);
  let waiting = [];

  const member = {
    get readyState() { return ws.readyState; },

    send(payload) {
      if (waiting) {
        waiting.push(payload);
      } else if (BigInt(JSON.parse(payload).seq) > last) {
        ws.send(payload);
      }
    },
  };

  ws.on('close', () => room.delete(member));
  room.add(member);
  await room.ready;

  const { rows } = await pool.query({
    name: 'since',
    text: `SELECT seq, author, body, client_id, created_at FROM message
            WHERE conversation = $1 AND seq > $2 ORDER BY seq LIMIT 200`,
    values: [conversation, since],
  });
  const held = waiting;

  waiting = null;

  for (const row of rows) {
    last = BigInt(row.seq);
    ws.send(JSON.stringify({
      type: 'message', conversation, seq: row.seq, author: row.author,
      text: row.body, client_id: row.client_id, created_at: row.created_at,
    }));
  }

  held.forEach(member.send);
}

const server = http.createServer((req, res) => {
  const match = /^\/send\/(\d+)$/.exec(req.url);
  let text = '';

  if (req.method !== 'POST' || !match) {
    res.writeHead(404).end();
    return;
  }

  req.setEncoding('utf8');
  req.on('data', (data) => { text += data; });
  req.on('end', () => {
    send(match[1], text, res).catch((e) => {
      res.writeHead(500).end(String(e));
    });
  });
});

const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false });

server.on('upgrade', (req, socket, head) => {
  const match = /^\/ws\/(\d+)(?:\?since=(\d+))?$/.exec(req.url);

  if (!match) {
    socket.destroy();
    return;
  }

  wss.handleUpgrade(req, socket, head, (ws) => {
    const channel = `c:${match[1]}`;

    if (!rooms.has(channel)) {
      rooms.set(channel, new Set());
      rooms.get(channel).ready = sub.subscribe(channel);
    }

    const room = rooms.get(channel);

    if (match[2] === undefined) {
      room.add(ws);
    } else {
      resume(ws, room, match[1], match[2]).catch(() => ws.terminate());
    }

    ws.on('error', () => {});
    ws.on('close', () => {
      room.delete(ws);

      if (!room.size && rooms.get(channel) === room) {
        rooms.delete(channel);
        sub.unsubscribe(channel);
      }
    });
  });
});

server.keepAliveTimeout = 600000;
server.listen({ port: Number(process.env.PORT), host: '127.0.0.1',
                backlog: 8192 });
