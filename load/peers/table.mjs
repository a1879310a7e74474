// The generator's outputs side by side.
//
//   node table.mjs DIR VERSIONS SERVERS CONNECTIONS HASH LOAD-AVERAGE
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

const [dir, versions, servers, connections, hash, before] = process.argv.slice(2);
const argon2id = `Argon2id ${hash}`;
// What is not measured, but decides what the figures mean.
const about = {
  countersign: { store: 'journal, synced before each answer', hash: `${argon2id}, hash.kernel auto` },
  glewlwyd: { store: 'SQLite, journal_mode delete, synchronous full', hash: 'PBKDF2-HMAC-SHA256, 150000 (its default)' },
  'oidc-provider-memory': { store: 'memory only: nothing survives', hash: `${argon2id}, @node-rs/argon2` },
  'oidc-provider-synced': { store: 'memory, and a file synced before each answer', hash: `${argon2id}, @node-rs/argon2` },
};
const pad = (texts, widths) => texts.map((text, n) => (n === 0 ? text.padEnd(widths[n]) : text.padStart(widths[n]))).join('  ');
const read = (name) => (existsSync(`${dir}/${name}`) ? readFileSync(`${dir}/${name}`, 'utf8') : '');
const json = (name) => JSON.parse(read(name) || 'null');
const ms = (micros) => (micros < 1e4 ? `${(micros / 1e3).toFixed(2)} ms` : `${Math.round(micros / 1e3)} ms`);

// The operation that was asked for; a first login of each user is another one.
function figures(name, scenario) {
  const run = json(`${name}.json`);
  if (!run) return undefined;
  const all = run.phases.flatMap((phase) => phase.operations);
  const operation = all.find((one) => one.operation.replace(/[ _]/g, '-') === scenario);
  const failed = all.reduce((sum, one) => sum + one.failed_us.count + one.refused_us.count, 0);
  const cpu = /([0-9]+) µs a request/.exec(read(`${name}.txt`));
  return { ...operation, failed, cpu: cpu && Number(cpu[1]), doubts: run.doubts };
}

console.log(`${versions}\n${cpus().length} × ${cpus()[0].model}, load average before the run ${before}\n`);
const doubts = [];
for (const scenario of ['login', 'refresh', 'client-credentials', 'introspect']) {
  const widths = [22, 10, 14, 10, 10, 9, 9];
  console.log(pad([scenario, 'answers/s', 'CPU a request', 'p50', 'p99', 'syncs', 'not done'], widths));
  for (const server of servers.split(' ')) {
    const [full, some] = ['saturated', 'scheduled'].map((load) => figures(`${server}-${scenario}-${load}`, scenario));
    const alone = figures(`${server}-${scenario}-syncs`, scenario);
    const count = Number(read(`${server}-${scenario}.syncs`));
    const each = read(`${server}-${scenario}.syncs`) && alone?.done_us?.count ? (count / alone.done_us.count).toFixed(1) : '-';
    const row = full?.done_us?.count
      ? [full.per_second.toFixed(1), full.cpu ? `${full.cpu} µs` : '-', ms(some.done_us.p50), ms(some.done_us.p99), each]
      : ['-', '-', '-', '-', '-'];
    console.log(pad([`  ${server}`, ...row, String((full?.failed ?? 0) + (some?.failed ?? 0))], widths));
    for (const load of [full, some]) (load?.doubts ?? []).forEach((doubt) => doubts.push(`${server}, ${scenario}: ${doubt}`));
  }
  console.log('');
}
console.log('server                  kept in                                         password hash');
for (const server of servers.split(' ')) {
  console.log(`  ${server.padEnd(22)}${about[server].store.padEnd(48)}${about[server].hash}`);
}
console.log(`\nanswers/s and CPU by ${connections} connections without pause; p50 and p99 of requests on a schedule that all can keep; syncs of`);
console.log('the disk for each request where one comes after the other; not done: refused or failed.');
[...new Set(doubts)].forEach((doubt) => console.log(`DOUBT  ${doubt}`));
