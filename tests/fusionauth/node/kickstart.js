'use strict';
// What FusionAuth's kickstart files make before the official suites run, made through the client.

const { PASSWORD, good } = require('./checks.js');

const ADMIN_APPLICATION = '3c219e58-ed0e-4b18-ad48-f4f92793ae32';
const PIED_PIPER = '85a03867-dccf-4882-adde-1a79aeec50df';

const PEOPLE = [
  ['00000000-0000-0000-0000-000000000001', 'admin@fusionauth.io', 'Erlich', 'Bachman'],
  ['00000000-0000-0000-0000-000000000002', 'jared@fusionauth.io', 'Jared', 'Dunn'],
  ['00000000-0000-0000-0000-000000000003', 'monica@fusionauth.io', 'Mònica', 'Hall'],
  ['00000000-0000-0000-0000-000000000004', 'dinesh@fusionauth.io', 'Dinish', 'Chugtái'],
];

/** FusionAuth's own application, which is always there with it, "Pied Piper" and the first people. */
async function kickstart(fusionauth) {
  const own = { name: 'FusionAuth', roles: [{ name: 'admin' }] };
  await good(fusionauth.createApplication(ADMIN_APPLICATION, { application: own }));
  const application = {
    name: 'Pied Piper',
    roles: [{ name: 'dev' }, { name: 'ceo' }, { name: 'intern' }],
    loginConfiguration: { generateRefreshTokens: true },
  };
  await good(fusionauth.createApplication(PIED_PIPER, { application }));
  for (const [id, email, firstName, lastName] of PEOPLE) {
    const user = {
      birthDate: '1981-06-04', data: { Company: 'PiedPiper' }, email, firstName, lastName, password: PASSWORD,
      imageUrl: 'https://example.com/image.jpeg',
    };
    const registration = { applicationId: ADMIN_APPLICATION, roles: ['admin'] };
    await good(fusionauth.register(id, { user, registration }));
  }
  await good(fusionauth.register(PEOPLE[0][0], { registration: { applicationId: PIED_PIPER } }));
}

module.exports = { ADMIN_APPLICATION, PIED_PIPER, kickstart };
