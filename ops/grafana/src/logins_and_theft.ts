// Who logs in and refreshes, who is refused, and which tokens were shown by somebody who should not have them.

import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import type * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { OF, OF_CLIENT, build, counted, figure, graph, note, tail } from './kit';

/** A code of a refused refresh that may mean theft: what it is, and what else than theft it may be. */
type Theft = readonly [code: string, what: string, innocent: string];

const THEFTS: readonly Theft[] = [
  ['superseded', 'a token that was replaced two or more refreshes ago', 'an app that was restored from a copy, or writes its newest token too late'],
  ['foreign_retry', 'the token before the newest, from another user agent or a second other network', 'a person with one app on two devices that share their storage'],
  ['late_retry', 'the token before the newest, after the retry window', 'a lost answer on a phone that was switched off meanwhile'],
];

function theft([code, what, innocent]: Theft): cog.Builder<dashboard.Panel> {
  return graph({
    title: `Was a copied token shown (${code})?`,
    unit: 'short',
    good: `nothing, or one now and then. It is ${what}; without a thief it is ${innocent}.`,
    bad: 'a burst, or a steady rise at one client: a database of tokens was copied, or an app does not keep what it is given. The sessions are ended already.',
    section: 'refresh-tokens-are-reused',
    lines: counted('countersign_refreshes_total', `${OF_CLIENT}, outcome="${code}"`, 'client', 'increase'),
    codes: [code],
    width: 8,
  });
}

export const loginsAndTheft = build({
  uid: 'countersign-logins-and-theft',
  title: 'Countersign: logins and theft',
  description: 'Who logs in and refreshes, who is refused, and which tokens were shown by somebody who should not have them.',
  rows: [
    [
      'Theft',
      [
        note(
          'From a graph to the events behind it',
          [
            'On the server’s machine, as its user. The time is the one that is shown here; mark a bump with the mouse, and the commands follow. Each line has the',
            'session, the network and device as tags that are the same again for the same, and the `request_id`.',
            '',
            '```',
            ...THEFTS.map(([code]) => tail(`--code ${code}`)),
            '```',
          ].join('\n'),
          5,
        ),
        ...THEFTS.map(theft),
        graph({
          title: 'Is the journal older than tokens in use?',
          unit: 'short',
          good: 'nothing, ever.',
          bad: 'one is enough: the journal was cut, or a back-up was served without `journal restore`. Stop, and call somebody.',
          section: 'history-was-lost',
          lines: counted('countersign_refreshes_total', `${OF_CLIENT}, outcome=~"ahead_of_journal|history_lost"`, 'client, outcome', 'increase'),
          codes: ['ahead_of_journal', 'history_lost'],
          width: 8,
        }),
        graph({
          title: 'Are tokens shown by the wrong client?',
          unit: 'short',
          good: 'nothing. Forged tokens (`bad_tag`) are noise from outside: nothing is recorded of them.',
          bad: '`client_mismatch`, `wrong_door`: a client has tokens of another one.',
          section: 'refresh-tokens-are-reused',
          lines: counted('countersign_refreshes_total', `${OF}, client=~"$client|-", outcome=~"client_mismatch|wrong_door|bad_tag"`, 'client, outcome', 'increase'),
          codes: ['client_mismatch', 'wrong_door'],
          width: 8,
        }),
        graph({
          title: 'How many answers are lost on their way?',
          unit: 'ops',
          good: 'a hundredth of all refreshes, more from phones. The same token is given again, and nobody notices.',
          bad: 'a jump: a proxy or an app gives up before the answer is there. `reissued` is a client with `late_retry = "reissue"`.',
          section: 'slow-answers',
          lines: counted('countersign_refreshes_total', `${OF_CLIENT}, outcome=~"retried|moved_retry|reissued"`, 'client, outcome'),
          codes: ['retried', 'moved_retry', 'reissued'],
          width: 8,
        }),
      ],
    ],
    [
      'Refreshes',
      [
        graph({
          title: 'How many refresh, at which client?',
          unit: 'ops',
          good: 'as many as people use an app, divided by `access_ttl`.',
          bad: 'a cliff, or many times as many: an app that refreshes in a loop.',
          section: 'too-many-requests',
          lines: counted('countersign_refreshes_total', `${OF_CLIENT}, outcome="rotated"`, 'client'),
          codes: ['rotated'],
        }),
        graph({
          title: 'Why are refreshes refused?',
          unit: 'ops',
          good: '`closed`: sessions that ended, and apps that come late.',
          bad: '`grant`, `account`, `client` after a change of yours; `busy`, `disk`, `clock`: the server could not decide.',
          section: 'many-requests-fail',
          lines: counted('countersign_refreshes_total', `${OF_CLIENT}, outcome!~"rotated|retried|moved_retry|reissued"`, 'outcome'),
          codes: ['closed', 'grant', 'account', 'client'],
        }),
        graph({
          title: 'Why do sessions end before their time?',
          unit: 'ops',
          good: '`revoked`, `logout`, `session_cap`, `password_changed`: people.',
          bad: '`reuse`: theft, above. `all_revoked`, `network_braked`, `all_braked`, `client_brake`: an operator.',
          section: 'refresh-tokens-are-reused',
          lines: counted('countersign_revocations_total', OF, 'reason'),
          codes: ['reuse'],
          width: 24,
        }),
      ],
    ],
    [
      'Logins',
      [
        figure(
          {
            title: 'Does an operator refuse all logins?',
            unit: 'short',
            good: 'no.',
            bad: 'yes, and nobody remembers why.',
            section: 'logins-are-refused-by-an-operator',
            lines: [[`max by (instance) (countersign_logins_braked{${OF}})`, '{{instance}}']],
            limit: 1,
            width: 6,
          },
          { '0': 'no', '1': 'yes' },
        ),
        figure({
          title: 'What part of logins succeeds?',
          unit: 'percentunit',
          good: 'three of four or more.',
          bad: 'less than half: passwords are guessed, or an app sends the wrong ones.',
          section: 'passwords-are-guessed',
          lines: [[`sum by (client) (countersign:logins:rate5m{${OF_CLIENT}, outcome="ok"}) / sum by (client) (countersign:logins:rate5m{${OF_CLIENT}})`, '{{client}}']],
          least: 0.5,
          width: 18,
        }),
        graph({
          title: 'How many log in, at which client?',
          unit: 'ops',
          good: 'the shape of every day.',
          bad: 'a cliff: nobody reaches the server, or the app is refused as a client.',
          section: 'nobody-answers',
          lines: counted('countersign_logins_total', `${OF_CLIENT}, outcome="ok"`, 'client'),
        }),
        graph({
          title: 'Why are logins refused?',
          unit: 'ops',
          good: '`wrong_credentials`, less than a quarter of the logins.',
          bad: '`wrong_credentials` and `throttled` together: passwords are guessed. `busy`: the hash pool is full. `not_registered`: a change of registrations.',
          section: 'passwords-are-guessed',
          lines: counted('countersign_logins_total', `${OF_CLIENT}, outcome!="ok"`, 'client, outcome'),
          codes: ['wrong_credentials', 'throttled', 'not_registered'],
        }),
      ],
    ],
  ],
});
