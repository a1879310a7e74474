'use strict';
// The user logs out, here or everywhere.

const { check, done } = require('../checks.js');

module.exports = async (world) => {
  const ways = [
    ['', (global, token) => world.api.logout(global, token)],
    [', in a request', (global, refreshToken) => world.api.logoutWithRequest({ global, refreshToken })],
    [', without the API key', (global, token) => world.anonymous.logout(global, token)],
  ];
  for (const [how, logout] of ways) {
    await check(`a logout ends one session, and the others go on${how}`, async () => {
      const [kept, ended] = [await world.login(), await world.login()];
      await done(logout(false, ended.refreshToken));
      await world.over(ended);
      await world.alive(kept);
    });
    await check(`a global logout ends all sessions of the user${how}`, async () => {
      const sessions = [await world.login(), await world.login(), await world.login(world.forum)];
      await done(logout(true, sessions[0].refreshToken));
      for (const session of sessions) await world.over(session);
    });
  }
  await check('a logout without a refresh token, or with one that is none, ends nothing and is good', async () => {
    const kept = await world.login();
    await done(world.api.logout(true, undefined));
    await done(world.api.logout(false, 'none'));
    await world.alive(kept);
  });
};
