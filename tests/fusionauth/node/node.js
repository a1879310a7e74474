'use strict';
// fusionauth-node-client, test/FusionAuthClientTest.js. What it shares with the suite for TypeScript is checked there.

const { TENANT, assert, check, client, good } = require('./checks.js');

/** "retrieveTenantTest" */
module.exports = async () => {
  await check('A33', async () => {
    const { tenant } = await good(client().retrieveTenant(TENANT));
    assert.equal(tenant.id, TENANT);
  });
};
