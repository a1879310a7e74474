// Passwords: are there threads enough for the logins that come?

import { OF, build, counted, figure, graph, rate, share } from './kit';

export const hashPool = build({
  uid: 'countersign-hash-pool',
  title: 'Countersign: hash pool',
  description: 'Passwords: are there threads enough for the logins that come?',
  rows: [
    [
      'Is there room for more logins?',
      [
        figure({
          title: 'What part of the hashes is refused?',
          unit: 'percentunit',
          good: 'nothing.',
          bad: 'one of a hundred or more: people who log in get 503 `busy`.',
          section: 'logins-are-turned-away',
          lines: [[`countersign:hash_shed:ratio5m{${OF}}`, '{{instance}}']],
          limit: 0.01,
        }),
        figure({
          title: 'What part of the threads is busy?',
          unit: 'percentunit',
          good: 'below three quarters.',
          bad: 'all of it: from here on logins wait, and then are refused.',
          section: 'logins-are-turned-away',
          lines: [[`sum by (instance) (rate(countersign_hash_seconds_sum{${OF}}[$__rate_interval])) / sum by (instance) (countersign_hash_threads{${OF}})`, '{{instance}}']],
          limit: 0.9,
        }),
        figure({
          title: 'What computes the hashes?',
          unit: 'short',
          good: '`avx512`, `avx2` or `neon`.',
          bad: '`reference` where the configuration says `auto`: the fast implementation was switched off.',
          section: 'two-hashes-differ',
          lines: [[`countersign_hash_kernel{${OF}} == 1`, '{{instance}}: {{kernel}}']],
        }),
        figure({
          title: 'How many hashes differed?',
          unit: 'short',
          good: '0, ever.',
          bad: '1 is enough: the machine computes wrongly.',
          section: 'two-hashes-differ',
          lines: [[`countersign_hash_kernel_differences_total{${OF}}`, '{{instance}}']],
          limit: 1,
        }),
        graph({
          title: 'How many passwords are hashed?',
          unit: 'ops',
          good: 'as many as logins are tried, with unknown names and wrong passwords.',
          bad: 'a level that it does not leave: that is all this machine can do.',
          section: 'logins-are-turned-away',
          lines: [[rate('countersign_hashes_total', OF, 'instance'), '{{instance}}']],
        }),
        graph({
          title: 'How many are refused, and why?',
          unit: 'ops',
          good: 'nothing.',
          bad: '`full`, `deadline`: more than the threads can do. `share`: one network of strangers wants more than its quarter, and the others are served.',
          section: 'logins-are-turned-away',
          lines: counted('countersign_hash_shed_total', OF, 'why'),
        }),
      ],
    ],
    [
      'How long does it take?',
      [
        graph({
          title: 'How many hashes wait?',
          unit: 'short',
          good: 'none most of the time.',
          bad: 'near the limit.',
          section: 'logins-are-turned-away',
          lines: [
            [`countersign_hash_queue_depth{${OF}}`, '{{instance}}'],
            [`countersign_hash_queue_limit{${OF}}`, 'limit of {{instance}}'],
          ],
        }),
        graph({
          title: 'How long does a hash wait for a thread?',
          unit: 's',
          good: 'next to nothing.',
          bad: 'near `hash.deadline`: what waits longer is refused.',
          section: 'logins-are-turned-away',
          lines: [
            [share(0.5, 'countersign_hash_wait_seconds', OF, 'instance'), 'half, {{instance}}'],
            [share(0.99, 'countersign_hash_wait_seconds', OF, 'instance'), '99 of 100, {{instance}}'],
          ],
        }),
        graph({
          title: 'How long does one hash take?',
          unit: 's',
          good: '10 to 50 ms, and always the same.',
          bad: 'a rise without a change of `hash.*`: the processor is taken by others, or `reference` computes.',
          section: 'logins-are-turned-away',
          lines: [
            [share(0.5, 'countersign_hash_seconds', OF, 'instance'), 'half, {{instance}}'],
            [share(0.99, 'countersign_hash_seconds', OF, 'instance'), '99 of 100, {{instance}}'],
          ],
        }),
        graph({
          title: 'How many threads hash?',
          unit: 'short',
          good: 'as many as there are cores.',
          bad: 'fewer, while logins are refused: `hash.threads`.',
          section: 'logins-are-turned-away',
          lines: [[`countersign_hash_threads{${OF}}`, '{{instance}}']],
        }),
      ],
    ],
  ],
});
