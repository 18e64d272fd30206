import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { DataTypes, Sequelize } from 'sequelize';
import sqlite3 from 'sqlite3';
import { tenant } from '../lib/pushes.js';
import { listen, ready } from './listen.js';

/**
 * How durable intake is usually written: every push in a transaction of its own, answered after its commit.
 * `sqlite3`: one prepared INSERT, WAL, synchronous=FULL. `sequelize`: `Model.create` with everything at its default.
 */
const [kind, folder = '.'] = process.argv.slice(2);
const store = kind === 'sqlite3' ? await bare() : await throughSequelize();

type Store = (deliveryId: string, body: string) => Promise<unknown>;

async function bare(): Promise<Store> {
  const database = new sqlite3.Database(join(folder, 'one-row.sqlite'));
  const exec = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      database.exec(text, (error) => (error ? reject(error) : resolve()));
    });
  await exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000');
  await exec(
    'CREATE TABLE deliveries (id INTEGER PRIMARY KEY, delivery_id TEXT UNIQUE, body TEXT, received_at INTEGER)',
  );
  const insert = database.prepare(
    'INSERT INTO deliveries (delivery_id, body, received_at) VALUES (?, ?, ?)',
  );
  return (deliveryId, body) =>
    new Promise<void>((resolve, reject) => {
      insert.run([deliveryId, body, Date.now()], (error: Error | null) =>
        error ? reject(error) : resolve(),
      );
    });
}

async function throughSequelize(): Promise<Store> {
  const sequelize = new Sequelize({
    dialect: 'sqlite',
    storage: join(folder, 'sequelize.sqlite'),
    logging: false,
  });
  const Delivery = sequelize.define('Delivery', {
    deliveryId: { type: DataTypes.STRING, unique: true },
    body: DataTypes.TEXT,
  });
  await sequelize.sync();
  return (deliveryId, body) => Delivery.create({ deliveryId, body });
}

ready(
  await listen((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const due = `sha256=${createHmac('sha256', tenant.hookSecret).update(body).digest('hex')}`;
      const sent = Buffer.from(String(request.headers['x-hub-signature'] ?? '').padEnd(71));
      if (sent.length !== due.length || !timingSafeEqual(sent, Buffer.from(due))) {
        response.writeHead(401).end();
        return;
      }
      const text = body.toString('utf8');
      JSON.parse(text);
      store(String(request.headers['x-request-uuid'] ?? randomUUID()), text).then(
        () => response.writeHead(204).end(),
        () => response.writeHead(503).end(),
      );
    });
  }),
);
