// Writes each dashboard into the folder that is named.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashPool } from './hash_pool';
import { journal } from './journal';
import { loginsAndTheft } from './logins_and_theft';
import { overview } from './overview';

const folder = process.argv[2];
if (folder === undefined) {
  throw new Error('name the folder to write the dashboards into');
}
const boards = { overview, 'logins-and-theft': loginsAndTheft, journal, 'hash-pool': hashPool };
for (const [name, board] of Object.entries(boards)) {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(board, null, 2)}\n`);
}
