// The record of everything: does it grow, how fast is it written, is it whole, is there room for it?

import { OF, build, figure, graph, rate, share } from './kit';

const YES_IS_BAD = { '0': 'no', '1': 'yes' };

export const journal = build({
  uid: 'countersign-journal',
  title: 'Countersign: journal',
  description: 'The record of everything: does it grow, how fast is it written, is it whole, is there room for it?',
  rows: [
    [
      'Is there room, and is it whole?',
      [
        figure(
          {
            title: 'Is the disk full?',
            unit: 'short',
            good: 'no.',
            bad: 'yes: only what closes something is written, and nobody can log in or refresh.',
            section: 'the-disk-is-full',
            lines: [[`countersign_disk_low{${OF}}`, '{{instance}}']],
            limit: 1,
          },
          YES_IS_BAD,
        ),
        figure(
          {
            title: 'Is what was written still whole?',
            unit: 'short',
            good: 'yes.',
            bad: 'no: a file of the journal is not what it was. Requests are answered all the same.',
            section: 'the-journal-is-damaged',
            lines: [[`countersign_ready_check{${OF}, check="segments"}`, '{{instance}}']],
            least: 1,
          },
          YES_IS_BAD,
        ),
        figure(
          {
            title: 'Was the store rebuilt?',
            unit: 'short',
            good: 'no.',
            bad: 'yes: at this start the store was damaged or gone. Nothing is lost, but ask why.',
            section: 'the-store-was-rebuilt',
            lines: [[`countersign_store_rebuilt{${OF}}`, '{{instance}}: {{why}}']],
            limit: 1,
          },
          YES_IS_BAD,
        ),
        figure({
          title: 'How many sessions are held?',
          unit: 'short',
          good: '0.',
          bad: 'more: they are ended in memory only. Do not restart the server before the disk has room.',
          section: 'sessions-are-held-in-memory',
          lines: [[`countersign_sessions_held{${OF}}`, '{{instance}}']],
          limit: 1,
        }),
        graph({
          title: 'How much room is left on the disk?',
          unit: 'bytes',
          good: 'far above low water, for a month of growth at least.',
          bad: 'below low water nobody can log in.',
          section: 'the-disk-fills-up',
          lines: [
            [`countersign_disk_free_bytes{${OF}}`, 'free at {{instance}}'],
            [`countersign_disk_low_water_bytes{${OF}}`, 'low water of {{instance}}'],
          ],
        }),
        graph({
          title: 'In how many days is the disk full, as it goes now?',
          unit: 'd',
          good: 'weeks, or nothing where the room does not shrink.',
          bad: 'days.',
          section: 'the-disk-fills-up',
          lines: [[`(countersign_disk_free_bytes{${OF}} - countersign_disk_low_water_bytes{${OF}}) / (- deriv(countersign_disk_free_bytes{${OF}}[6h]) > 0) / 86400`, '{{instance}}']],
          limit: 4,
        }),
        graph({
          title: 'How large are journal and store?',
          unit: 'bytes',
          good: 'sealed segments grow; the store keeps to a level.',
          bad: 'a store that grows with every session there ever was: `journal.keep_in_store`.',
          section: 'the-disk-fills-up',
          lines: [
            [`countersign_journal_bytes{${OF}}`, 'events as text, {{instance}}'],
            [`countersign_journal_sealed_bytes{${OF}}`, 'sealed segments, {{instance}}'],
            [`countersign_store_bytes{${OF}}`, 'store, {{instance}}'],
          ],
          width: 24,
        }),
      ],
    ],
    [
      'How fast is it written?',
      [
        graph({
          title: 'How long does a write to the disk take?',
          unit: 's',
          good: 'some milliseconds on a good disk.',
          bad: 'above a tenth of a second: everybody who logs in or refreshes waits for it.',
          section: 'the-disk-is-slow',
          lines: [
            [share(0.5, 'countersign_journal_sync_seconds', OF, 'instance'), 'half, {{instance}}'],
            [share(0.99, 'countersign_journal_sync_seconds', OF, 'instance'), '99 of 100, {{instance}}'],
          ],
          limit: 0.1,
        }),
        graph({
          title: 'How long does a commit wait, with its write?',
          unit: 's',
          good: 'at most twice as long as a write.',
          bad: 'far above it: more comes than the disk’s syncs carry.',
          section: 'the-disk-is-slow',
          lines: [
            [share(0.5, 'countersign_journal_append_seconds', OF, 'instance'), 'half, {{instance}}'],
            [share(0.99, 'countersign_journal_append_seconds', OF, 'instance'), '99 of 100, {{instance}}'],
          ],
        }),
        graph({
          title: 'How many events are written?',
          unit: 'ops',
          good: 'the shape of every day.',
          bad: 'many times as many: an app in a loop, or refusals that are recorded.',
          section: 'the-disk-fills-up',
          lines: [[`rate(countersign_journal_batch_events_sum{${OF}}[$__rate_interval])`, '{{instance}}']],
        }),
        graph({
          title: 'How many events share one write?',
          unit: 'short',
          good: 'one or two while there is little to do, more under load: that is what carries it.',
          bad: 'hundreds for long: the disk is the limit.',
          section: 'the-disk-is-slow',
          lines: [
            [`rate(countersign_journal_batch_events_sum{${OF}}[$__rate_interval]) / rate(countersign_journal_batch_events_count{${OF}}[$__rate_interval])`, 'on average, {{instance}}'],
            [share(0.99, 'countersign_journal_batch_events', OF, 'instance'), '99 of 100, {{instance}}'],
          ],
        }),
        graph({
          title: 'How many commits wait for the disk?',
          unit: 'short',
          good: 'a handful.',
          bad: 'the limit: what comes besides gets 503 `busy`.',
          section: 'the-disk-is-slow',
          lines: [
            [`countersign_journal_queue_depth{${OF}}`, '{{instance}}'],
            [`countersign_journal_queue_limit{${OF}}`, 'limit of {{instance}}'],
          ],
        }),
        graph({
          title: 'How many commits lose their race?',
          unit: 'ops',
          good: 'next to none. Each is decided anew.',
          bad: 'many: two apps use one session, or an operator changes many accounts.',
          section: 'slow-answers',
          lines: [[rate('countersign_journal_conflicts_total', OF, 'instance'), '{{instance}}']],
        }),
      ],
    ],
    [
      'Its history',
      [
        graph({
          title: 'Does the journal only ever grow?',
          unit: 'short',
          good: 'both lines are one, and rise.',
          bad: 'a fall: the journal was cut, or exchanged for an older one. Stop, and call somebody.',
          section: 'the-journal-went-back',
          lines: [
            [`countersign_journal_position{${OF}}`, 'last position, {{instance}}'],
            [`countersign_checkpoint_size{${OF}}`, 'entries under the root, {{instance}}'],
          ],
        }),
        graph({
          title: 'How long ago was the anchor written?',
          unit: 's',
          good: 'a second or two.',
          bad: 'minutes: the writer is stuck.',
          section: 'the-disk-is-slow',
          lines: [[`countersign_checkpoint_age_seconds{${OF}}`, '{{instance}}']],
          limit: 120,
        }),
        graph({
          title: 'How many old segments wait to be sealed?',
          unit: 'short',
          good: '0, and one or two for some minutes.',
          bad: 'more than 5 for an hour.',
          section: 'segments-are-not-sealed',
          lines: [[`countersign_journal_unsealed_segments{${OF}}`, '{{instance}}']],
          limit: 6,
        }),
        graph({
          title: 'How long was an old segment not read again?',
          unit: 's',
          good: 'it rises to the interval and falls.',
          bad: 'above twice the interval: damage would not be found.',
          section: 'old-segments-are-not-read-again',
          lines: [
            [`countersign_journal_unread_seconds{${OF}}`, '{{instance}}'],
            [`countersign_journal_scrub_interval_seconds{${OF}}`, 'interval of {{instance}}'],
          ],
        }),
        graph({
          title: 'How many old segments were read again and found whole?',
          unit: 'short',
          good: 'all of them once in each interval.',
          bad: 'none for longer than the interval.',
          section: 'old-segments-are-not-read-again',
          lines: [[`increase(countersign_journal_scrubbed_total{${OF}}[$__rate_interval])`, '{{instance}}']],
        }),
        graph({
          title: 'How far has a start come?',
          unit: 'short',
          good: 'both lines meet within seconds.',
          bad: 'they do not: a store is being rebuilt from the whole journal. Let it.',
          section: 'not-ready',
          lines: [
            [`countersign_start_replayed_entries{${OF}}`, 'read, {{instance}}'],
            [`countersign_start_total_entries{${OF}}`, 'of, {{instance}}'],
          ],
        }),
        figure({
          title: 'How much of a torn write did this start cut off?',
          unit: 'bytes',
          good: '0 after a stop in order; some kilobytes after a crash or a power cut. It was never answered.',
          bad: 'megabytes, or after a stop in order: look at the disk.',
          section: 'the-store-was-rebuilt',
          lines: [[`countersign_journal_torn_bytes{${OF}}`, '{{instance}}']],
          limit: 1048576,
          width: 24,
        }),
      ],
    ],
  ],
});
